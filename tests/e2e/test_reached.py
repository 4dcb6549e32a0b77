"""An alarm reaches somebody who can go: both programs as they are, and the phones of the staff.

What one sees in `make demo` with Provtelefon open, played fast.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from gateway.demo.phones import FROM_HOME, TO_SERVER, Phones, Text
from gateway.demo.staffclient import StaffClient
from gateway.demo.stage import Stage

RATE = 6.0
"""Domain seconds a real one: a step of 30 s lasts 5."""

PATIENCE_S = 60.0
"""Real seconds until something that should come counts as missing, on a machine that is busy."""

WATCHER, CARER, COORDINATOR = "Nattpatrullen", "Hemtjänsten", "Samordnaren"


def texts(phones: Phones | None, owner: str) -> list[Text]:
    """What a phone shows, the oldest first."""
    assert phones is not None
    return next(list(one.texts)[::-1] for one in phones.shown() if one.owner == owner)


def until(seen: Callable[[], bool], what: str) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE_S
    while not seen():
        assert time.monotonic() < end, f"{what} did not come"
        time.sleep(0.1)


def alarms(made: Stage) -> list[tuple[str, str | None, str | None]]:
    """Id, the name of who took it, how it ended: of every pendant's alarm at the server."""
    query = """SELECT alarm.id, user.name, outcome FROM alarm
        LEFT JOIN user ON user.person_id = acknowledged_by
        WHERE type = 'pendant' ORDER BY raised_at"""
    with closing(sqlite3.connect(made.database, timeout=60)) as db:
        return list(db.execute(query))


def answer(made: Stage, owner: str, number: int) -> None:
    """Write OK on a phone, below its message of this number."""
    assert made.phones is not None
    phone = next(one for one in made.phones.shown() if one.owner == owner)
    made.phones.answer(phone.number, list(phone.texts)[::-1][number].id, "OK")


@pytest.mark.timeout(900)
def test_an_alarm_climbs_to_somebody_with_and_without_the_server(
    set_stage: Callable[..., Stage],
) -> None:
    """Without its server the home tells the watcher by its own modem, and the answer is known once
    the server is back: one alarm, taken.  With it, a ladder climbs from phone to phone (one of them
    is off) until somebody answers, and then rings nobody more."""
    made = set_stage(rate=RATE, phones=True, home_options=("--still", "--awake"))
    assert made.home is not None and made.phones is not None
    phones, watcher = made.phones, made.account("night_watcher")
    known = made.folder / "home" / "secrets" / "second_path"
    until(known.exists, "whom the home tells")

    made.kill_staff()
    pulled = made.clock.now()
    made.home.do("pendant")
    until(lambda: bool(texts(phones, WATCHER)), "the home's own message")
    (told,) = texts(phones, WATCHER)
    assert told.whence == FROM_HOME and (told.at - pulled).total_seconds() < 60
    assert "Demo" not in told.text and "Björkgatan" not in told.text, "no name, no address"
    answer(made, WATCHER, 0)
    made.start_staff()
    until(lambda: [taken for _, taken, _ in alarms(made)] == [WATCHER], "the answer to the home")
    assert not texts(phones, CARER), "somebody had it: nobody else was told"

    night = StaffClient(made.url, watcher.email, watcher.password)
    ((first, _, _),) = alarms(made)
    night.post("/larm/avsluta", alarm=first, outcome="helped")
    phones.switch(watcher.number)  # off: what is sent to it is not delivered, and nobody answers
    made.home.do("pendant")
    until(lambda: bool(texts(phones, COORDINATOR)), "the ladder's last step")
    assert [one.whence for one in texts(phones, CARER)] == [TO_SERVER]
    assert texts(phones, CARER)[0].at < texts(phones, COORDINATOR)[0].at
    answer(made, CARER, 0)
    until(lambda: len(alarms(made)) == 2 and alarms(made)[1][1] == CARER, "the answer by text")
    until(lambda: len(texts(phones, CARER)) == 2, "a word of thanks")
    rung = len(texts(phones, COORDINATOR))
    page = night.get(f"/larm/{alarms(made)[1][0]}")
    assert "Hemtjänsten" in page
    time.sleep(40 / RATE)  # longer than a step
    assert len(texts(phones, COORDINATOR)) <= rung + 1, "who was told is told who has it, no more"
