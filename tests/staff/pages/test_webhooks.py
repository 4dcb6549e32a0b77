"""Andra system: added with a secret that is shown once, tried, seen and ended, by the right."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from standardwebhooks.webhooks import Webhook as Verifier

from tests.staff.channels import twin_webhook
from tests.staff.channels.twin import Twin
from tests.staff.parts import add_user, sign_in
from web.staff import channels
from web.staff.channels import webhook
from web.staff.core.context import Staff
from web.staff.core.rights import Operator
from web.staff.ladders import queueing
from web.staff.ladders.receivers import Contact, Reached
from web.staff.pages.webhooks import LAST
from web.staff.people import alarm_centres
from web.staff.storage.alarm_tables import alarm_centre
from web.staff.storage.ladder_tables import alarm_message

PAGE = "/administration/andra-system"


@pytest.fixture
def program(staff_app: Flask, staff: Staff, tmp_path: Path) -> Iterator[Twin]:
    """Another program that listens, and the channel to it."""
    with twin_webhook.running(tmp_path) as twin:
        config = webhook.Config.model_validate(twin.settings)
        opened = webhook.Webhook(config, staff.keys.code_key)
        staff_app.extensions[channels.EXTENSION]["webhook"] = opened
        yield twin


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


def test_a_program_is_added_tried_and_ended(
    admin: FlaskClient, program: Twin, staff: Staff
) -> None:
    """Its secret stands on one page and nowhere after it, and checks what comes; a test alarm says
    that it is one; what did not come is said."""
    shown = post(admin, do="add", name="Journalen", address="https://journal.example/larm")
    (secret,) = re.findall(r'data-test="webhook-secret">(whsec_[^<]+)<', shown)
    assert secret not in admin.get(PAGE).get_data(as_text=True)
    with staff.write() as tx:  # where the twin listens: no certificate is made here
        tx.conn.execute(update(alarm_centre).values(value=program.address.value))
    assert "har tagit emot provlarmet" in post(admin, do="try", name="Journalen")
    headers, body = program.sent().decode().splitlines()[-2:]
    assert Verifier(secret).verify(body, ast.literal_eval(headers))["type"] == "alarm.test"
    program.behave("410")
    assert "vill inte ha fler" in post(admin, do="try", name="Journalen")
    assert program.address.value not in post(admin, do="end", name="Journalen")
    assert "finns inte i din organisation" in post(admin, do="try", name="Journalen")


def test_its_last_deliveries_are_shown(admin: FlaskClient, staff: Staff) -> None:
    """The newest first, a few of each, with what came of them; no home and no alarm is named."""
    new = alarm_centres.add(staff, Operator("org1"), "Journalen", "https://j.example/larm", None)
    about = queueing.About("e1", "org1", "h1", "home:h1/hemligt", 0, 1, 1)
    to = Reached(f"centre:{new}", None, (Contact(new, "webhook", 0),))
    at = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
    with staff.write() as tx:
        for n in range(LAST + 2):
            rows = queueing.rows_for(about, to, to.contacts, at + timedelta(minutes=n), "b")
            queueing.put(tx.conn, [row | {"state": "delivered"} for row in rows])
        newest = select(alarm_message.c.id).order_by(alarm_message.c.made_at.desc()).limit(1)
        failed = {"state": "failed", "why": "unreachable"}
        tx.conn.execute(
            update(alarm_message)
            .where(alarm_message.c.id == newest.scalar_subquery())
            .values(failed)
        )
    page = admin.get(PAGE).get_data(as_text=True)
    (told,) = re.findall(r'data-test="deliveries">(.*?)</ul>', page, re.DOTALL)
    assert told.count("<li>") == LAST
    assert told.index("kom inte fram: systemet svarar inte") < told.index("mottaget")
    assert "hemligt" not in page


@pytest.mark.parametrize(
    "address",
    ["http://j.example", "https://", "https://a:b@j.example", "https://j.example:0", "sip:a@b.c"],
)
def test_an_address_that_does_not_do_is_said(admin: FlaskClient, address: str) -> None:
    """In one sentence, and nothing is added."""
    shown = post(admin, do="add", name="X", address=address)
    assert "Skriv den som https://" in shown and 'data-test="none"' in shown


def test_another_organisations_is_neither_shown_nor_touched(
    admin: FlaskClient, program: Twin, staff: Staff
) -> None:
    """By its name, which is all that a form says."""
    with staff.db.write() as tx:
        tx.conn.exec_driver_sql("INSERT INTO organisation (id, name) VALUES ('org2', 'En annan')")
    alarm_centres.add(staff, Operator("org2"), "Deras", "https://deras.example/x", None)
    assert "deras.example" not in admin.get(PAGE).get_data(as_text=True)
    for what in ("try", "end"):
        assert "finns inte i din organisation" in post(admin, do=what, name="Deras")
    assert alarm_centres.end(staff, Operator("org2"), "Deras")
    assert program.sent() == b""
