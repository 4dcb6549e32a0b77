"""A relative's own devices: added on their page, told what was agreed and nothing else, and gone
with the consent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.staff.channels import twin_push
from tests.staff.channels.test_contract import given
from tests.staff.channels.twin_push import Pushed
from tests.staff.pages.conftest import text_of
from tests.staff.parts import EnrolledHome
from tests.staff.relatives.test_relatives import boss, enter, invite, visit
from web.staff import channels
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.core.secret_files import SecretFiles
from web.staff.relatives import inviting
from web.staff.relatives.devices import DEVICES_MAX
from web.staff.relatives.inviting import Agreed
from web.staff.relatives.telling import Teller
from web.staff.storage.relative_tables import relative, relative_device

__all__ = ["boss"]


@pytest.fixture
def push(staff_app: Flask, staff: Staff, tmp_path: Path) -> Iterator[Pushed]:
    """The server pushes to a service of ours, which knows one device."""
    secrets = SecretFiles(staff.config.secrets_dir)
    with twin_push.running(tmp_path) as twin:
        given(secrets, twin.secrets)
        update = {"channels": {"push": twin.settings}, "public_url": "https://trygg.example"}
        staff.config = staff.config.model_copy(update=update)
        staff_app.extensions[channels.EXTENSION] = channels.open_all(staff, secrets)
        yield twin


def send(client: FlaskClient, path: str, **fields: str) -> int:
    """One of the page's forms."""
    token = text_of(client, "/anhorig").split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    return client.post(f"/anhorig/{path}", data={**fields, "csrf_token": token}).status_code


def shown(push: Pushed) -> list[dict[str, Any]]:
    """What the device was given."""
    return [json.loads(line)[1] for line in push.sent().splitlines()]


def look(staff: Staff, staff_app: Flask) -> None:
    Teller(staff, staff_app.extensions[channels.EXTENSION]).look()


def test_a_device_is_told_what_was_agreed_without_a_name(
    staff_app: Flask, staff: Staff, boss: Actor, home: EnrolledHome, push: Pushed
) -> None:
    """Added on the page, it shows so at once; then that somebody came, and not that they went,
    which was not agreed: quietly, without a button, and nothing says of whom."""
    client = enter(staff_app, invite(staff, boss, Agreed(arrived=True), to=""))
    assert send(client, "enhet", value=push.address.value) == 303
    assert text_of(client, "/anhorig").count('data-test="device"') == 1
    home.clock.advance(60)
    visit(home, ago=timedelta(seconds=40), lasted=timedelta(seconds=20))
    for _ in range(2):
        look(staff, staff_app)
    tried, told = shown(push)
    assert tried["body"] == "Hit kommer besked om hemtjänsten."
    assert told["body"].startswith("Hemtjänsten kom ")
    for one in (tried, told):
        assert (one["title"], one["actions"], one["quiet"]) == ("Besked", [], True)
        assert one["url"] == "https://trygg.example/anhorig"
        assert "Boende" not in json.dumps(one)
    assert tried["tag"] != told["tag"]


def test_a_device_that_is_gone_or_taken_away_is_told_no_more(
    staff_app: Flask, staff: Staff, boss: Actor, home: EnrolledHome, push: Pushed
) -> None:
    """What its push service says stands on the page; what the relative takes away is away."""
    client = enter(staff_app, invite(staff, boss, to=""))
    send(client, "enhet", value=push.address.value)
    push.behave("410")
    home.clock.advance(60)
    visit(home, ago=timedelta(seconds=10))
    for _ in range(2):
        look(staff, staff_app)
    assert "Fungerar inte längre" in text_of(client, "/anhorig")
    assert len(shown(push)) == 2, "asked once"
    push.behave("ok")
    assert send(client, "enhet", value=push.address.value) == 303
    assert "Fungerar inte längre" not in text_of(client, "/anhorig")
    with staff.db.read() as conn:
        [device] = conn.execute(select(relative_device.c.id)).scalars()
    other = enter(staff_app, invite(staff, boss, name="En annan", to=""))
    assert send(other, "enhet/ta-bort", device=device) == 404
    assert send(client, "enhet/ta-bort", device=device) == 303
    assert text_of(client, "/anhorig").count('data-test="device"') == 0


def test_a_withdrawn_consent_takes_the_devices(
    staff_app: Flask, staff: Staff, boss: Actor, home: EnrolledHome, push: Pushed
) -> None:
    """With the last bond; nothing that waits is told."""
    client = enter(staff_app, invite(staff, boss, to=""))
    send(client, "enhet", value=push.address.value)
    home.clock.advance(60)
    visit(home, ago=timedelta(seconds=10))
    with staff.db.read() as conn:
        who = conn.execute(select(relative.c.id)).scalar_one()
    inviting.end(staff, boss, "h1", who, "r-h1")
    look(staff, staff_app)
    assert len(shown(push)) == 1
    with staff.db.read() as conn:
        assert conn.execute(select(relative_device)).all() == []
    assert client.get("/anhorig").status_code == 401


def test_what_is_no_device_is_one_sentence_and_devices_are_bounded(
    staff_app: Flask, staff: Staff, boss: Actor, push: Pushed
) -> None:
    """Nonsense, a browser of nobody, one more than there may be."""
    client = enter(staff_app, invite(staff, boss, to=""))
    for value in ("", "x", "{}", '{"endpoint": "http://a@b/", "keys": {}}'):
        assert send(client, "enhet", value=value) == 422
    assert staff_app.test_client().post("/anhorig/enhet", data={}).status_code in (400, 401)
    endpoint = json.loads(push.address.value)["endpoint"]
    for n in range(DEVICES_MAX + 1):
        value = twin_push.Device().subscription(f"{endpoint}-{n}")
        assert send(client, "enhet", value=value) == (303 if n < DEVICES_MAX else 422)
