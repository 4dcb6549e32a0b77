"""MQTT against Mosquitto: states that Home Assistant finds, kept and withdrawn; no order."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from pydantic import ValidationError
from sqlalchemy import insert, update

from tests.staff.channels.test_contract import MESSAGE, opened
from tests.staff.parts import add_home, parts_of
from web.staff.channels import mqtt
from web.staff.channels.contract import Why
from web.staff.core.context import Staff
from web.staff.storage import tables as t

WAIT_S = 60.0


def until(twin: Any, topic: str, said: str) -> None:
    """Wait until the broker's listener heard this."""
    end_s = time.monotonic() + WAIT_S
    while twin.topics.get(topic, ("", False))[0] != said:
        assert time.monotonic() < end_s, (topic, twin.topics)
        twin.changed.wait(0.1)
        twin.changed.clear()


@pytest.fixture
def staff(staff_app: Flask) -> Staff:
    """Those of an application of its own, on either kind of database."""
    return parts_of(staff_app)


@pytest.fixture
def homes(staff_app: Flask, staff: Staff) -> None:
    """A home of each of two organisations, with a lock and a bed."""
    add_home(staff_app, "h2", org="org2")
    with staff.db.write() as tx:
        tx.conn.execute(update(t.home).values(label="Asta Hemlig", address="Gatan 1"))
        for home in ("h1", "h2"):
            for device, sort, state in (("front", "lock", "locked"), ("bed", "sensor", "pressed")):
                tx.conn.execute(
                    insert(t.device).values(
                        home_id=home, id=device, present=True, type=sort, state=state, health="ok",
                        battery="ok",
                    )
                )  # fmt: skip


def test_states_are_found_kept_and_withdrawn(staff: Staff, homes: None, tmp_path: Path) -> None:
    """Discovery and states of the own organisation's homes, retained and by ids; only what changed
    is told again; nothing can be ordered; at the end we are said to be away."""
    with opened("mqtt", staff, tmp_path) as (channel, twin):
        assert isinstance(channel, mqtt.Mqtt)
        assert channel.check().ok
        channel.tend(staff)
        until(twin, "tryggve/org1/status", "online")
        until(twin, "tryggve/org1/h1/front/lock", "OFF")
        until(twin, "tryggve/org1/h1/alarm", "OFF")
        until(twin, "tryggve/org1/h1/connection", "ON")
        found = {k: v for k, v in twin.topics.items() if k.startswith("homeassistant/")}
        assert len(found) == 3
        for said, _ in found.values():
            told = json.loads(said)
            assert not [key for key in told if "command" in key or "set" in key]
            assert told["availability_topic"] == "tryggve/org1/status"
        said = str(twin.topics)
        assert "Asta" not in said and "Gatan" not in said and "bed" not in said
        assert "h2" not in said, "another organisation's"
        twin.topics.clear()
        with staff.db.write() as tx:
            tx.conn.execute(
                insert(t.alarm).values(
                    id="a1", ref="home:h1/1", home_id="h1", type="fall", severity="care",
                    raised_at=staff.clock.now(),
                )
            )  # fmt: skip
        channel.tend(staff)
        until(twin, "tryggve/org1/h1/alarm", "ON")
        assert list(twin.topics) == ["tryggve/org1/h1/alarm"]
        channel.close()
        until(twin, "tryggve/org1/status", "offline")


def test_another_organisation_has_no_broker(staff: Staff, tmp_path: Path) -> None:
    """An alarm never goes to a broker that is not its organisation's."""
    with opened("mqtt", staff, tmp_path) as (channel, twin):
        other = replace(MESSAGE, org="org2")
        assert channel.send(other, twin.address).why is Why.NO_CHANNEL
        assert channel.send(MESSAGE, twin.address).why is None
        until_raised = "tryggve/org1/hem-hemligt/raised"
        end_s = time.monotonic() + WAIT_S
        while until_raised not in twin.topics and time.monotonic() < end_s:
            twin.changed.wait(0.1)
        assert json.loads(twin.topics[until_raised][0])["id"] == MESSAGE.id


def test_a_state_for_which_there_is_no_room_is_told_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A town's states are more than may wait: the rest is not taken for told."""
    monkeypatch.setattr(mqtt, "QUEUED_MAX", 2)
    line = mqtt._Line("org1", mqtt.Broker(host="127.0.0.1", tls=False), "")
    for home in ("h1", "h2", "h3"):
        line.keep(f"tryggve/org1/{home}/alarm", "ON")
    assert set(line.told) == {"tryggve/org1/h1/alarm", "tryggve/org1/h2/alarm"}
    line._client.max_queued_messages_set(3)
    line.keep("tryggve/org1/h3/alarm", "ON")
    assert "tryggve/org1/h3/alarm" in line.told


def test_tls_everywhere_but_here() -> None:
    """Another machine's broker is spoken to by TLS only."""
    with pytest.raises(ValidationError, match="TLS"):
        mqtt.Config.model_validate({"organisations": {"o": {"host": "mqtt.example", "tls": False}}})
