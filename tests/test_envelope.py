"""An event's JSON as it is sealed: written straight down, and the same as the canonical one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydantic import AwareDatetime

from gateway.envelope import (
    GENESIS,
    Because,
    Draft,
    Event,
    body_of,
    canonical,
    from_json,
    seal,
    to_json,
)
from gateway.events import KINDS, Data, MatPressed, Unknown

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
MOMENTS = st.datetimes(
    datetime(1971, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(9000, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-7))]),
)


st.register_type_strategy(AwareDatetime, MOMENTS)


def data() -> SearchStrategy[Data]:
    """Data of any kind, and of one that this version does not know."""
    unknown = st.builds(Unknown, TEXTS, st.dictionaries(TEXTS, st.integers() | TEXTS, max_size=3))
    return st.one_of(*(st.builds(cls) for cls in KINDS.values()), unknown)


def becauses() -> SearchStrategy[Because]:
    return st.builds(Because, TEXTS, st.integers(1, 99), st.lists(TEXTS, max_size=3).map(tuple))


@given(
    st.builds(
        Event,
        origin=TEXTS,
        seq=st.integers(1, 2**53),
        at=MOMENTS,
        clock=st.sampled_from(["synced", "unsynced"]),
        boot=TEXTS,
        mono_s=st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 10),
        data=data(),
        device=st.none() | TEXTS,
        person=st.none() | TEXTS,
        because=st.none() | becauses(),
    )
)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine
def test_what_is_sealed_is_the_canonical_json(event: Event) -> None:
    """For every kind and any texts: the hash chains of old logs and of the server rest on it."""
    try:
        expected = canonical(to_json(event))
    except ValueError:  # a number in its data that JSON has no word for
        with pytest.raises(ValueError, match="JSON"):
            body_of(event)
        return
    assert body_of(event) == expected
    assert from_json(json.loads(body_of(event))).kind == event.kind


@pytest.mark.parametrize("mono_s", [float("nan"), float("inf")])
def test_a_time_that_is_no_number_is_not_sealed(mono_s: float) -> None:
    """JSON has no word for it."""
    at = datetime(2026, 3, 1, tzinfo=UTC)
    event = Event("home:h1", 1, at, "synced", "b", mono_s, Unknown("x.happened", {}))
    with pytest.raises(ValueError, match="not a number"):
        body_of(event)


def test_an_event_cannot_be_changed_once_it_is_sealed_or_read() -> None:
    """However it was made: it equals the one that its class makes, and is as frozen."""
    at = datetime(2026, 3, 1, 21, 0, 0, 123456, tzinfo=UTC)
    sealed, body, digest = seal(
        Draft(MatPressed(), device="bed"),
        origin="home:h1",
        seq=7,
        at=at,
        clock="synced",
        boot="b",
        mono_s=1.23456,
        previous=GENESIS,
    )
    made = Event(
        origin="home:h1",
        seq=7,
        at=at.replace(microsecond=123000),
        clock="synced",
        boot="b",
        mono_s=1.235,
        data=MatPressed(),
        device="bed",
        hash=digest.hex(),
    )
    read = from_json({**json.loads(body), "hash": digest.hex()})
    for event in (sealed, read):
        assert type(event) is Event
        assert (event, hash(event), repr(event)) == (made, hash(made), repr(made))
        assert (event.kind, event.ref) == (made.kind, made.ref)
        with pytest.raises(AttributeError):
            event.seq = 8


def test_an_event_is_named_when_it_is_made() -> None:
    """Kind and reference follow from the rest, and do not count when events are compared."""
    event = Event(
        "home:h1",
        7,
        datetime(2026, 3, 1, tzinfo=UTC),
        "synced",
        "b",
        0.0,
        Unknown("x.happened", {}),
    )
    assert (event.kind, event.ref) == ("x.happened", "home:h1/7")
