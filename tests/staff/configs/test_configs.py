"""A home's configuration at the server: written, set, numbered, and what the home does about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import drivers
from gateway.clock import ManualClock
from gateway.config import held_config
from gateway.events import (
    ConfigFault,
    ConfigHeld,
    ConfigRefused,
    ConfigSet,
    ConfigWait,
    ConfigWaiting,
    ConfigWhy,
    GatewayStarted,
    PreviousRun,
)
from tests.staff.parts import EnrolledHome
from web.driver_words import DRIVERS
from web.staff.care.actions import Refused, Why
from web.staff.configs import changes, model
from web.staff.configs.changes import Follows, Standing
from web.staff.configs.model import BadConfig, Fault, HomeConfig
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.events.projections.rebuild import rebuild_home
from web.staff.storage import event_store, tables

Made = Callable[..., Actor]

BED = {"driver": "mat_gpio", "role": "bed", "pin": 17}
FILE = HomeConfig({"bed": BED}, {})
NEW = FILE.with_device("golv", {"driver": "mat_gpio", "role": "floor", "pin": 22})
STARTED = GatewayStarted(version="1", config_sha256="", previous=PreviousRun.NONE)


@pytest.fixture
def technician(make_user: Made) -> Actor:
    """Who edits homes."""
    return make_user("p-tech", ["technician"])


def stand(staff: Staff) -> Standing:
    with staff.db.read() as conn:
        return changes.standing(conn, "h1", staff.clock.now())


def decided(staff: Staff) -> list[ConfigSet]:
    """The configurations that went to the home as events."""
    e = tables.event.c
    with staff.db.read() as conn:
        rows = conn.execute(
            tables.event.select().where(e.home_id == "h1", e.kind == ConfigSet.KIND).order_by(e.seq)
        ).all()
    found = (event_store.to_event(row.body, row.hash).data for row in rows)
    return [data for data in found if isinstance(data, ConfigSet)]


# --- what is written ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "table",
    [
        {"pin": 17, "normally_closed": True, "address": "AA:BB", "share": 0.5},
        {"cells": [1, 2, 3], "inner": {"a": [{"b": "c"}]}, "names": ["å", 'q"\\']},
        {},
    ],
)
def test_settings_are_read_as_they_are_shown(table: dict[str, Any]) -> None:
    """A line each, as in a home's file, and the same when they come back."""
    assert model.settings(model.lines({"driver": "x", **table})) == table


def test_times_are_written_as_in_the_file() -> None:
    """TOML has times of its own; the home reads them as texts."""
    assert model.settings("at = 06:30:00\r\nday = 2026-11-29") == {
        "at": "06:30:00",
        "day": "2026-11-29",
    }


@pytest.mark.parametrize(
    "lines",
    ["pin 17", "pin = ", "pin = 1\npin = 2", "a = inf", "a = [[[[1]]]]", "[" * 9_000],
)
def test_what_is_no_setting_is_refused(lines: str) -> None:
    """And nothing breaks of it."""
    with pytest.raises(BadConfig) as refused:
        model.settings(lines)
    assert refused.value.why is Fault.SETTINGS


def test_what_cannot_be_a_device_is_refused_before_it_is_sent() -> None:
    """Names, words, how many and how long; the same bounds as the home's."""
    assert (model.TEXT_MAX, model.DEVICES_MAX) == (held_config.TEXT_MAX, held_config.DEVICES_MAX)
    for id_, keys, why in (
        ("Säng", BED, Fault.NAME),
        ("bed", {}, Fault.DRIVER),
        ("bed", {"driver": "../x"}, Fault.DRIVER),
        ("bed", {**BED, "room": "Ett rum"}, Fault.WORD),
    ):
        with pytest.raises(BadConfig) as refused:
            FILE.with_device(id_, keys)
        assert refused.value.why is why
    with pytest.raises(BadConfig) as refused:
        FILE.without_device("golv")
    assert refused.value.why is Fault.GONE
    many = HomeConfig({f"d{n}": BED for n in range(model.DEVICES_MAX + 1)})
    long = FILE.with_device("bed", {**BED, "x": "y" * model.TEXT_MAX})
    for config, why in ((many, Fault.MANY), (long, Fault.LONG)):
        with pytest.raises(BadConfig) as refused:
            config.text()
        assert refused.value.why is why


@pytest.mark.parametrize(
    "text", ["", "[]", '{"devices": []}', '{"devices": {"a": 1}}', "[" * 9_000]
)
def test_a_text_that_is_none_is_no_configuration(text: str) -> None:
    """Whatever a home sends."""
    assert model.read(text) is None


def test_every_driver_that_a_technician_may_want_has_a_name() -> None:
    """All that there are but those of the demo."""
    own = {name for name in drivers.names() if "virtual" not in name}
    assert own == set(DRIVERS)


# --- setting one ----------------------------------------------------------------------------------


def test_a_change_is_an_event_with_who_and_why(
    home: EnrolledHome, staff: Staff, technician: Actor
) -> None:
    """Each is numbered; the same again writes nothing; an older one comes back as a new one; the
    tables made anew say the same."""
    home.send(STARTED, ConfigHeld(number=0, text=FILE.text(), unpaired=("front",)))
    with staff.db.read() as conn:
        assert changes.asked(conn, "h1") == changes.Asked(0, FILE)

    def give(config: HomeConfig, after: int, why: ConfigWhy, undoes: int | None = None) -> Any:
        return changes.set_config(
            staff, technician, "h1", config, after=after, why=why, undoes=undoes
        )

    assert give(NEW, 0, ConfigWhy.NEW_DEVICE).number == 1
    assert give(NEW, 1, ConfigWhy.MENDED) is None
    assert give(FILE, 1, ConfigWhy.UNDONE, 0).number == 2
    assert [(one.number, one.why, one.undoes) for one in decided(staff)] == [
        (1, ConfigWhy.NEW_DEVICE, None),
        (2, ConfigWhy.UNDONE, 0),
    ]
    with staff.db.write() as tx:
        rebuild_home(tx.conn, "h1")
    with staff.db.read() as conn:
        history = changes.history(conn, "h1", 9)
        assert changes.one(conn, "h1", 1) == NEW
        assert changes.one(conn, "h1", 0) == FILE
    assert [(one.number, one.config, one.set_by) for one in history] == [
        (2, FILE, "p-tech"),
        (1, NEW, "p-tech"),
    ]
    assert stand(staff).unpaired == ("front",)


def test_who_may_not_or_comes_second_is_refused(
    home: EnrolledHome, staff: Staff, make_user: Made, technician: Actor
) -> None:
    """Another role, another organisation's home, and who has not seen the last change."""
    why = ConfigWhy.MENDED
    for role in ("caregiver", "night_watcher", "coordinator"):
        actor = make_user(f"p-{role}", [role], homes=["h1"])
        with pytest.raises(Refused) as refused:
            changes.set_config(staff, actor, "h1", FILE, after=0, why=why)
        assert refused.value.why is Why.NO_ROLE
    with pytest.raises(Refused) as refused:
        changes.set_config(staff, technician, "h9", FILE, after=0, why=why)
    assert refused.value.why is Why.NO_HOME
    admin = make_user("p-admin", ["administrator"])
    assert changes.set_config(staff, admin, "h1", FILE, after=0, why=why) is not None
    with pytest.raises(Refused) as refused:
        changes.set_config(staff, technician, "h1", NEW, after=0, why=why)
    assert refused.value.why is Why.NOT_FIRST
    assert len(decided(staff)) == 1


def test_a_number_is_not_given_twice_by_a_server_that_was_put_back(
    home: EnrolledHome, staff: Staff, technician: Actor
) -> None:
    """The home holds a number that this copy of the server never gave: the next is above it."""
    home.send(STARTED, ConfigHeld(number=7, text=""))
    done = changes.set_config(staff, technician, "h1", FILE, after=0, why=ConfigWhy.MENDED)
    assert done is not None
    assert done.number == 8


def test_what_the_home_does_about_it_is_known(
    home: EnrolledHome, staff: Staff, clock: ManualClock, technician: Actor
) -> None:
    """Never started; started and silent; its file; asked for; waiting; refused; holding; and a home
    that was given an older version again."""
    assert stand(staff).follows is Follows.NEVER
    home.send(STARTED)
    assert stand(staff).follows is Follows.NOT_YET
    clock.advance(180)
    assert stand(staff).follows is Follows.TOO_OLD
    assert not stand(staff).takes_any
    home.send(ConfigHeld(number=0, text=FILE.text()))
    assert (stand(staff).follows, stand(staff).held) == (Follows.YES, 0)
    changes.set_config(staff, technician, "h1", NEW, after=0, why=ConfigWhy.NEW_DEVICE)
    assert stand(staff).follows is Follows.NOT_YET
    home.send(ConfigWaiting(number=1, why=ConfigWait.ALARM))
    assert (stand(staff).follows, stand(staff).waits) == (Follows.WAITING, ConfigWait.ALARM)
    wrong = ConfigFault.PIN
    home.send(ConfigRefused(number=1, why=wrong, about="golv", field="pin", said="it is taken"))
    refusal = stand(staff).refusal
    assert stand(staff).follows is Follows.REFUSED
    assert refusal is not None
    assert (refusal.about, refusal.field, refusal.said) == ("golv", "pin", "it is taken")
    home.send(ConfigHeld(number=1, text=""))
    assert (stand(staff).follows, stand(staff).held) == (Follows.YES, 1)
    clock.advance(180)
    home.send(STARTED)
    clock.advance(180)
    assert stand(staff).follows is Follows.TOO_OLD
