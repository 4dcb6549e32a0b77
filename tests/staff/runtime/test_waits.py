"""When homes with history are to come again, and who of them has waited longest."""

from __future__ import annotations

import pytest

from web.staff.core.waits import (
    ASK_S,
    ASKING,
    TICKET_KEPT_S,
    WAIT_MAX_S,
    WAIT_OLD_MAX_S,
    Ticket,
    Told,
    Waits,
)


def made_waits(key: bytes = b"key", at_s: float = 1000.0) -> tuple[Waits, list[float]]:
    """With a clock that is set by hand."""
    now_s = [at_s]
    return Waits(key, lambda: now_s[0]), now_s


def ticket(waits: Waits, home: str, told: Told) -> Ticket:
    found = waits.ticket_of(home, told.ticket)
    assert found is not None
    return found


def due_in_s(waits: Waits, now_s: list[float], home: str, told: Told) -> float:
    """Seconds until a home's time, which may ask before."""
    return ticket(waits, home, told).due_s - now_s[0]


def test_homes_are_told_one_after_the_other_at_the_pace_of_batches() -> None:
    """A hundred homes at once: spread over the time that their batches need."""
    waits, now_s = made_waits()
    told = [due_in_s(waits, now_s, f"h{n}", waits.tell(f"h{n}", None, 0.2)) for n in range(100)]
    assert told == sorted(told)
    assert max(told) - 1 <= round(waits.behind_s()) == 20
    assert max(told.count(second) for second in set(told)) <= 6  # the first second has one more


def test_a_wait_has_bounds_and_is_spread_at_its_end() -> None:
    """Ten minutes at the most, and not all at the same moment; an old home a minute."""
    waits, now_s = made_waits()
    told = [due_in_s(waits, now_s, f"h{n}", waits.tell(f"h{n}", None, 5.0)) for n in range(400)]
    assert max(told) <= WAIT_MAX_S + 5
    late = told[200:]
    assert len(set(late)) > 100 and min(late) >= WAIT_MAX_S / 2
    assert waits.tell("old", None, 5.0, old=True).wait_s <= WAIT_OLD_MAX_S


def test_who_asks_too_early_keeps_its_time() -> None:
    """Asking often gains nothing and loses nothing; asking in time, at a full line, comes again
    soon and has waited since it first came."""
    waits, now_s = made_waits()
    for n in range(50):
        waits.tell(f"h{n}", None, 1.0)
    first = waits.tell("mine", None, 1.0)
    held = ticket(waits, "mine", first)
    now_s[0] += 10
    again = waits.tell("mine", held, 1.0)
    assert ticket(waits, "mine", again) == held and not waits.is_due(held)
    now_s[0] += 60
    assert waits.is_due(held)
    soon = waits.tell("mine", held, 1.0)
    assert soon.wait_s <= 4
    assert waits.waited_s(ticket(waits, "mine", soon)) == 70


def test_who_has_long_to_wait_asks_now_and_then_whether_there_is_a_place() -> None:
    """Times that were given while a storm began are too late: of those who wait so many ask that
    there is one whenever a batch is done, each with its old time, and nobody sooner than that."""
    waits, _ = made_waits()
    told = [waits.tell(f"h{n}", None, 0.1) for n in range(1000)]
    assert max(one.wait_s for one in told) <= ASK_S[1]
    assert waits.behind_s() == pytest.approx(100)
    again = waits.tell("h999", ticket(waits, "h999", told[-1]), 0.008)
    assert ticket(waits, "h999", again) == ticket(waits, "h999", told[-1])
    assert 0.6 * 4 <= again.wait_s <= 1000 * 0.008 / ASKING
    assert waits.tell("h998", ticket(waits, "h998", told[-2]), 1e-4).wait_s <= ASK_S[0]
    asks = [
        waits.tell(f"h{n}", ticket(waits, f"h{n}", told[n]), 1.0).wait_s for n in range(99, 999)
    ]
    assert set(range(7, 10)) <= set(asks)  # not all together
    assert waits.tell("h0", ticket(waits, "h0", told[0]), 1.0).wait_s == told[0].wait_s == 1


def test_who_comes_in_time_to_a_full_line_is_spread_as_well() -> None:
    """Homes that were all called too early do not ask each second until there is a place: they get
    times one after the other, so that half of those who come find the places of who is due."""
    waits, now_s = made_waits()
    held = [ticket(waits, f"h{n}", waits.tell(f"h{n}", None, 0.01)) for n in range(200)]
    now_s[0] += 60
    told = [
        due_in_s(waits, now_s, f"h{n}", waits.tell(f"h{n}", one, 0.5)) for n, one in enumerate(held)
    ]
    assert max(told) >= 200 * 0.5
    assert max(told.count(second) for second in set(told)) <= 4


def test_a_ticket_holds_at_every_worker_and_for_its_home_only() -> None:
    """Signed, so that nobody makes one up; void after a while; one that is shown goes before the
    one that is remembered, and a home that shows none is remembered."""
    waits, _ = made_waits()
    told = waits.tell("h1", None, 1.0)
    other, other_now_s = made_waits()
    assert other.ticket_of("h1", told.ticket) == ticket(waits, "h1", told)
    assert other.ticket_of("h2", told.ticket) is None
    assert other.ticket_of("h1", None) is None
    due, since, seal = told.ticket.split(".")
    for forged in (f"1.{since}.{seal}", f"{due}.1.{seal}", "", "x", "1.2", f"é.{since}.{seal}"):
        assert other.ticket_of("h1", forged) is None, forged
    assert made_waits(b"another key")[0].ticket_of("h1", told.ticket) is None
    other_now_s[0] += TICKET_KEPT_S + 10
    assert other.ticket_of("h1", told.ticket) is None
    assert waits.ticket_of("h1", None) is not None
    waits.done("h1")
    assert waits.ticket_of("h1", None) is None


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are unproven: a million of them take no more room than the homes there can be."""
    monkeypatch.setattr("web.staff.core.waits.TICKETS_MAX", 10)
    waits, _ = made_waits()
    for n in range(100):
        waits.tell(f"h{n}", None, 0.0)
    assert list(waits._last) == [f"h{n}" for n in range(90, 100)]
