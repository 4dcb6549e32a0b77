"""What an open page says that it showed: once for each alarm and person, and only what is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import insert, select

from gateway.events import AlarmCancelled
from tests.staff.pages.conftest import text_of
from tests.staff.pages.test_pages import raise_alarm
from tests.staff.parts import EnrolledHome
from web.staff.core.context import Staff
from web.staff.storage import tables
from web.staff.storage.ladder_tables import alarm_message


def tell(client: FlaskClient, *alarms: str) -> int:
    """As the page's script does."""
    page = text_of(client, "/nu")
    token = page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    data: Any = {"csrf_token": token, "alarm": list(alarms)}
    return client.post("/visat", data=data).status_code


def shown(staff: Staff) -> list[tuple[str | None, str]]:
    """Who was shown which alarm, from the events."""
    e = tables.event.c
    query = select(e.person, e.body).where(e.kind == "alarm.shown").order_by(e.origin, e.seq)
    with staff.db.read() as conn:
        return [(row.person, row.body) for row in conn.execute(query)]


def test_what_was_shown_is_an_event_once(
    carer: FlaskClient,
    as_role: Callable[..., FlaskClient],
    home: EnrolledHome,
    staff: Staff,
) -> None:
    """A second screen of the same person adds nothing; another person does."""
    alarm = raise_alarm(home)
    for _ in range(2):
        assert tell(carer, alarm, alarm) == 204
    assert [person for person, _ in shown(staff)] == ["p7"]
    assert tell(as_role("caregiver", person="p9"), alarm) == 204
    assert [person for person, _ in shown(staff)] == ["p7", "p9"]
    assert all(alarm in body and '"message":"page-' in body for _, body in shown(staff))


def test_nobody_was_shown_what_is_not_theirs(
    as_role: Callable[..., FlaskClient], home: EnrolledHome, staff: Staff
) -> None:
    """Another home's alarm, one that is over, one that never was, and nothing: nothing is
    written."""
    alarm = raise_alarm(home)
    stranger = as_role("caregiver", person="p9", homes=())
    assert tell(stranger, alarm) == 204
    carer = as_role("caregiver", person="p7")
    home.send(AlarmCancelled(alarm=alarm, reason="over"))
    assert tell(carer, alarm, "home:h1/999", "x", "") == 204
    assert tell(carer) == 204
    assert tell(carer, *(f"home:h1/{n}" for n in range(5000))) == 204
    assert shown(staff) == []


def test_it_is_the_proof_of_the_ladders_message(
    carer: FlaskClient, home: EnrolledHome, staff: Staff
) -> None:
    """Whom a ladder told by their open page has it shown by that; another person's message has
    not."""
    alarm = raise_alarm(home)
    now = staff.clock.now()
    with staff.write() as tx:
        for person in ("p7", "p9"):
            tx.conn.execute(
                insert(alarm_message).values(
                    id=f"m-{person}", escalation=alarm, org_id="org1", home_id="h1", alarm=alarm,
                    step=1, round=1, receiver=person, person=person, contact=f"page:{person}",
                    channel="live_page", state="sent", tries=1, due_at=now, due_mono=0.0, boot="b",
                    set_at=now, made_at=now, sent_at=now,
                )
            )  # fmt: skip
    tell(carer, alarm)
    m = alarm_message.c
    with staff.db.read() as conn:
        states = conn.execute(select(m.id, m.state).order_by(m.id)).all()
    assert [tuple(row) for row in states] == [("m-p7", "shown"), ("m-p9", "sent")]
