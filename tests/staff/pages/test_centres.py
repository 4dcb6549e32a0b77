"""Larmcentraler: added, tried and ended by who administers, in their own organisation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gateway.demo.alarm_centre import AlarmCentre, Manner
from tests.staff.channels.twin_scaip import LOCAL, served
from tests.staff.parts import add_home, add_user, parts_of, sign_in
from web.staff import channels
from web.staff.channels import scaip
from web.staff.core.rights import Operator
from web.staff.people import alarm_centres

PAGE = "/administration/larmcentraler"


@pytest.fixture
def peer(staff_app: Flask) -> Iterator[AlarmCentre]:
    """A centre, and the channel to it."""
    config = scaip.Config(domain=LOCAL, cid="99", listen=LOCAL, port=0, timeout_s=5.0)
    channel = scaip.Scaip(config, parts_of(staff_app), None)
    staff_app.extensions[channels.EXTENSION]["scaip"] = channel
    with served() as one:
        yield one
    channel.close()


@pytest.fixture
def admin(staff_app: Flask, client: FlaskClient) -> FlaskClient:
    """Somebody who administers, signed in."""
    add_user(staff_app, "admin", ["administrator"])
    sign_in(client, "admin")
    return client


def post(client: FlaskClient, **form: str) -> str:
    """Send one of the page's forms; returns the page after it."""
    page = client.get(PAGE).get_data(as_text=True)
    token = page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    answer: Any = client.post(PAGE, data={**form, "csrf_token": token}, follow_redirects=True)
    text: str = answer.get_data(as_text=True)
    return text


def test_a_centre_is_added_tried_and_ended(
    admin: FlaskClient, staff_app: Flask, peer: AlarmCentre
) -> None:
    """A test alarm is told as one, under our own number; homes without one are named, in the order
    of the alphabet."""
    for number, label in enumerate(("Ärlan", "Åsen")):
        add_home(staff_app, f"k{number}", label=label)
    assert "Hem utan larm-id" not in admin.get(PAGE).get_data(as_text=True)
    shown = post(admin, do="add", name="Larmcentralen", address=peer.uri)
    assert peer.uri in shown and "Hem utan larm-id" in shown and "Lgh 1203" in shown
    assert shown.index("Lgh 1203") < shown.index("Åsen") < shown.index("Ärlan")
    assert "har tagit emot provlarmet" in post(admin, do="try", name="Larmcentralen")
    assert [(one.request.cid, one.request.status_code) for one in peer.heard] == [("99", 102)]
    peer.manner = Manner.BUSY
    assert "Provlarmet kom inte fram" in post(admin, do="try", name="Larmcentralen")
    assert peer.uri not in post(admin, do="end", name="Larmcentralen")
    assert "kan inte provas" in post(admin, do="try", name="Larmcentralen")


@pytest.mark.parametrize(
    ("address", "second", "told"),
    [
        ("larm@x.example", "", "Skriv den som sip:"),
        ("sip:a@x.example", "tel:+46", "Skriv den som sip:"),
        ("sip:a@x.example", "sip:b@x.example", "Det finns redan"),
    ],
)
def test_what_does_not_do_is_said(
    staff_app: Flask, admin: FlaskClient, address: str, second: str, told: str
) -> None:
    """In one sentence, and nothing is added."""
    alarm_centres.add(parts_of(staff_app), Operator("org1"), "Finns", "sip:c.example", None)
    shown = post(admin, do="add", name="Finns", address=address, second=second)
    assert told in shown and shown.count('data-test="centre"') == 1


def test_another_organisations_centre_is_neither_shown_nor_touched(
    staff_app: Flask, admin: FlaskClient, peer: AlarmCentre
) -> None:
    """By its name, which is all that a form says."""
    parts = parts_of(staff_app)
    post(admin, do="add", name="Vår", address="sip:a@x.example")
    with parts.db.write() as tx:
        tx.conn.exec_driver_sql("INSERT INTO organisation (id, name) VALUES ('org2', 'En annan')")
    alarm_centres.add(parts, Operator("org2"), "Deras", peer.uri, None)
    assert peer.uri not in admin.get(PAGE).get_data(as_text=True)
    assert "kan inte provas" in post(admin, do="try", name="Deras")
    post(admin, do="end", name="Deras")
    assert alarm_centres.end(parts, Operator("org2"), "Deras") and not peer.heard
