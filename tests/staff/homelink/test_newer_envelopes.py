"""A home of a newer version writes something else around its events: each is taken, on both lanes,
kept byte for byte in its chain, and an alarm rings."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway.events import (
    AlarmRaised,
    AlarmRepeated,
    AlarmType,
    MatPressed,
    MoistureDetected,
    Unknown,
)
from tests import versions
from tests.staff.homelink.test_ingest import rows
from tests.staff.homelink.test_newer_homes import care_alarms, close, reader, rebuilt, tables_of
from tests.staff.parts import EnrolledHome
from web.staff.core.context import Staff
from web.staff.events.judgement import REFUSED_KIND, Mark
from web.staff.storage import tables
from web.staff.storage.chains import verify_all

__all__ = ["reader"]

LANES = [("events",), ("urgent", "events")]


def otherwise(home: EnrolledHome, data: Any, change: Any, device: str | None = "bed") -> Any:
    """An event with another envelope, in the home's chain."""
    previous = home.previous
    (plain,) = home.seal(data, device=device)
    obj = versions.around(plain, change, previous)
    home.previous = bytes.fromhex(obj["hash"])
    return obj


@pytest.mark.parametrize("lanes", LANES)
def test_an_alarm_rings_whatever_is_new_around_it(
    staff: Staff, enrolled_home: EnrolledHome, reader: FlaskClient, lanes: tuple[str, ...]
) -> None:
    """It is open and on *Nu*, the home's lane goes on, what was sealed stays, the chain holds, and
    the tables made anew are the same."""
    home, sent = enrolled_home, {}
    home.describe()
    for name, change in versions.ENVELOPES.items():
        alarm = AlarmRaised.usual(AlarmType.BED_EXIT, home.clock.now())
        obj = otherwise(home, alarm, change)
        for lane in lanes:
            answer = home.post(lane, [obj])
            assert answer.status_code == 200, (name, lane, answer.text)
        (told,) = care_alarms(staff)
        assert told.id == f"home:h1/{obj['seq']}", name
        page = reader.get("/nu").get_data(as_text=True)
        assert f'data-alarm="{told.id}"' in page, name
        before = tables_of(staff, "h1")
        assert rebuilt(staff, "h1") == before, name
        close(staff, told.id)
        sent[obj["seq"]] = obj
        home.send(MatPressed(), device="bed")
    stored = {row.seq: row for row in rows(staff, tables.event, origin="home:h1")}
    for seq, obj in sent.items():
        row = stored[seq]
        assert json.loads(row.body) | {"hash": row.hash.hex()} == obj
        assert row.mark in (None, Mark.FAR_TIME), obj
    assert [problem for _, _, problem in verify_all(staff.db) if problem] == []
    answer = reader.get("/handelser?sok=larm")
    assert answer.status_code == 200


def test_what_is_new_around_an_event_has_a_meaning(
    staff: Staff, enrolled_home: EnrolledHome, reader: FlaskClient
) -> None:
    """A clock that is not known is not synced, a time that cannot be read is that of its arrival,
    a device is none; the list says what was not read."""
    home = enrolled_home
    for name in ("another clock", "a time of another form", "a device of another form"):
        obj = otherwise(home, MoistureDetected(), versions.ENVELOPES[name])
        assert home.post("events", [obj]).status_code == 200
    clock, time, device = sorted(rows(staff, tables.event, origin="home:h1"), key=lambda r: r.seq)
    assert (clock.synced, clock.mark) == (False, None)
    assert (time.at, time.mark) == (staff.clock.now(), Mark.FAR_TIME)
    assert (device.device, device.kind, device.mark) == (None, "moisture.detected", None)
    page = reader.get("/handelser").get_data(as_text=True)
    assert "Det finns mer som servern inte kan läsa: clock" in page
    assert "Det finns mer som servern inte kan läsa: device" in page


@pytest.mark.parametrize("lane", ["events", "urgent"])
@pytest.mark.parametrize(
    "change",
    [
        {versions.NEW_FIELD: {"deep": ["home:h2/1"]}},
        {"because": {"rule": "x", "version": 1, "events": [{"ref": "home:h2/1"}]}},
        {"because": "home:h2/1"},
        {versions.NEW_FIELD: "x" * 30_000},
    ],
)
def test_what_is_new_around_an_event_is_held_to_the_home(
    staff: Staff, enrolled_home: EnrolledHome, change: dict[str, Any], lane: str
) -> None:
    """It names no other home's events, and is no book: such an event counts for nothing, and the
    home goes on; an alarm rings all the same."""
    table = tables.event if lane == "events" else tables.urgent
    for data, kind in (
        (Unknown("x.happened", {}), REFUSED_KIND),
        (AlarmRaised.usual(AlarmType.BED_EXIT, enrolled_home.clock.now()), "alarm.raised"),
    ):
        obj = otherwise(enrolled_home, data, change)
        assert enrolled_home.post(lane, [obj]).status_code == 200
        (row,) = rows(staff, table, origin="home:h1", seq=obj["seq"])
        assert (row.kind, row.mark in (Mark.FOREIGN_REF, Mark.BAD_VALUE)) == (kind, True)
    assert "bed_exit" in [one.type for one in care_alarms(staff)]


def test_one_of_a_batch_holds_up_no_other(staff: Staff, enrolled_home: EnrolledHome) -> None:
    """Whatever is new around one of them, the batch is taken whole and once."""
    home, batch = enrolled_home, []
    for change in versions.ENVELOPES.values():
        batch += [otherwise(home, MatPressed(), change), *home.seal(MatPressed(), device="bed")]
    for _ in range(2):
        assert home.post("events", batch).get_json() == {"have": len(batch)}
    assert len(rows(staff, tables.event, origin="home:h1")) == len(batch)


def test_a_repeat_of_an_alarm_that_a_newer_worker_keeps_rings(
    staff: Staff, enrolled_home: EnrolledHome
) -> None:
    """A worker of a newer version wrote a severity that this one does not know: the home's batch is
    taken, and the alarm that comes of it is the gravest."""
    home = enrolled_home
    (alarm,) = home.send(AlarmRaised.usual(AlarmType.PENDANT, home.clock.now()), device="bed")
    close(staff, alarm.ref)
    with staff.write() as tx:
        tx.conn.execute(tables.alarm.update().values(severity="grave"))
    home.clock.advance(300)
    home.send(AlarmRepeated(alarm=alarm.ref), device="bed")
    (told,) = care_alarms(staff)
    assert (told.type, told.severity) == ("pendant", "care")
