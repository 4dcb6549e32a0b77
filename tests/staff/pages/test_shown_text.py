"""What a home, a plan or a person called something turns no line round and looks like nothing else:
characters that nobody sees are on no page (`web.shown_text`)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from markupsafe import Markup
from sqlalchemy import update

from gateway.envelope import Draft
from gateway.events import (
    AlarmRaised,
    AlarmType,
    DeviceFailed,
    DeviceTold,
    DoorOpened,
    HomeDescribed,
    Severity,
)
from tests.staff.many_homes import furnish
from tests.staff.pages.test_ids import walk
from tests.staff.parts import EnrolledHome, parts_of
from web import shown_text
from web.staff.core.rights import Role
from web.staff.storage import plan_tables, tables

UNSEEN = "\u202e\u2066\u200b\ufeff"
"""Turns the direction, isolates, and two that have no width."""

ODD = f"Kök{UNSEEN}nöt"


@pytest.mark.slow
def test_what_nobody_sees_is_on_no_page(
    as_role: Callable[..., FlaskClient], home: EnrolledHome, staff_app: Flask
) -> None:
    """In names of places, people, devices and rooms, in a plan, and in what an event says."""
    client = as_role(*(role.value for role in Role), person="p9")
    door = DeviceTold(id=f"d{UNSEEN}", driver="lock_nuki", type="lock", role=ODD, room=ODD)
    home.send(HomeDescribed(devices=(door,), timezone="Europe/Stockholm", resident="r-h1"))
    failed = DeviceFailed(error=ODD, text=ODD, retry_s=1)
    raised = AlarmRaised(type=AlarmType.PENDANT, severity=Severity.CARE, since=home.clock.now())
    home.send(Draft(failed, device=f"d{UNSEEN}"), Draft(DoorOpened(), device=ODD), raised)
    furnish(home, "p9")
    with parts_of(staff_app).db.write() as tx:
        for table, *columns in (
            (tables.home, "label", "address", "fallback"),
            (tables.resident, "name"),
            (tables.user, "name"),
            (tables.organisation, "name"),
            (plan_tables.plan_visit, "what"),
        ):
            tx.conn.execute(update(table).values(dict.fromkeys(columns, ODD)))
    shown = ""
    for name, page in walk(client):
        found = [f"{ord(one):x}" for one in UNSEEN if one in page]
        assert not found, (name, found, page[page.index(chr(int(found[0], 16))) - 200 :][:300])
        shown += page
    assert shown.count("Köknöt") > 20, "the names are there, without what nobody sees"


def test_what_is_seen_stays() -> None:
    """Letters of any language, signs, line ends and the soft hyphen; other values as they are."""
    kept = "Åsa O’Neill\n\tنور 👩\u200d⚕\ufe0f läke\xadmedel می\u200cخواهم"
    assert shown_text.seen(kept) == kept
    assert shown_text.seen("a\x1b[31m\x00\x7fb\x85") == "a[31mb"
    assert shown_text.finalize(Markup("<b>")) == Markup("<b>")
    assert shown_text.finalize(3) == 3
