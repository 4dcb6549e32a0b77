"""A home's configuration: set whole, numbered, with why, and sent to the home as an event.

Each change is `config.set`; what holds, the home says (`config.held`), and it may refuse one, or
let something end first.  A home of a version that knows none of this says nothing, and is given
nothing.  Not for: what may stand in one (the home), or what a form says (`model`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, select

from gateway.envelope import Draft
from gateway.events import ConfigFault, ConfigSet, ConfigWait, ConfigWhy
from web.staff.care.actions import Refused, Why
from web.staff.configs.model import HomeConfig, read
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Right
from web.staff.events import append
from web.staff.storage import tables
from web.staff.storage.tables import config_state, home_config

SAYS_WITHIN = timedelta(minutes=2)
"""After its start: a home that knows configurations has told by then which one holds."""


class Follows(StrEnum):
    """Whether the newest configuration holds in the home."""

    YES = "yes"
    NOT_YET = "not_yet"
    """The home has not had it, or has not told of it."""
    WAITING = "waiting"
    """The home has it, and lets something end first."""
    REFUSED = "refused"
    TOO_OLD = "too_old"
    """The home's version takes no configuration."""
    NEVER = "never"
    """No gateway of this home has started yet."""


@dataclass(frozen=True, slots=True)
class SetConfig:
    """One configuration as it was set."""

    number: int
    config: HomeConfig
    set_at: datetime
    set_by: str | None
    why: ConfigWhy
    undoes: int | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to hold: `number` 0 is what the home's file says; `config` None: nobody knows."""

    number: int
    config: HomeConfig | None


@dataclass(frozen=True, slots=True)
class ConfigRefusal:
    """Why the home did not take configuration `number`."""

    number: int
    why: ConfigFault
    about: str | None
    field: str | None
    said: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What the home does about the newest one.  `held` is the number that it said last, None: it
    never said; `waits` for what; `unpaired` are devices that must be paired."""

    follows: Follows
    held: int | None
    held_at: datetime | None
    unpaired: tuple[str, ...]
    refusal: ConfigRefusal | None = None
    waits: ConfigWait | None = None

    @property
    def takes_any(self) -> bool:
        """Whether it is of any use to set one."""
        return self.follows not in (Follows.TOO_OLD, Follows.NEVER)


def set_config(
    staff: Staff,
    actor: Actor,
    home: str,
    config: HomeConfig,
    *,
    after: int,
    why: ConfigWhy,
    undoes: int | None = None,
) -> SetConfig | None:
    """Let this hold in the home, after number `after` (0: there was none).  What changes nothing
    writes nothing: None.

    Raises `BadConfig`, and `Refused`: NO_ROLE, NO_HOME, NOT_FIRST (another was set meanwhile)."""
    if not actor.may(Right.CONFIGURE):
        raise Refused(Why.NO_ROLE)
    if not actor.sees(home):
        raise Refused(Why.NO_HOME)
    text = config.text()
    with staff.write() as tx:
        append.hold(tx, home)
        now = newest(tx.conn, home)
        if (now.number if now else 0) != after:
            raise Refused(Why.NOT_FIRST, person=now.set_by if now else None)
        if now is not None and now.config.text() == text:
            return None
        # a server that was put back to an older copy must not give a number twice
        number = max(after, _held(tx.conn, home)) + 1
        data = ConfigSet(number=number, why=why, text=text, undoes=undoes)
        event = append.write(staff, tx, home, Draft(data, person=actor.person))
    return SetConfig(number, config, event.at, actor.person, why, undoes)


# --- reading --------------------------------------------------------------------------------------


def newest(conn: Connection, home: str) -> SetConfig | None:
    """The one that was set last; None: none was."""
    found = history(conn, home, 1)
    return found[0] if found else None


def history(conn: Connection, home: str, count: int) -> list[SetConfig]:
    """The newest ones, the last one first."""
    c = home_config.c
    query = select(home_config).where(c.home_id == home, c.text.is_not(None))
    found = []
    for row in conn.execute(query.order_by(c.number.desc()).limit(count)):
        config = read(row.text)
        if config is not None:
            why = ConfigWhy.read(row.why)
            found.append(SetConfig(row.number, config, row.set_at, row.set_by, why, row.undoes))
    return found


def one(conn: Connection, home: str, number: int) -> HomeConfig | None:
    """The configuration with this number, 0 for what the home's file said; None: not known."""
    c, s = home_config.c, config_state.c
    query = select(c.text).where(c.home_id == home, c.number == number)
    if number == 0:
        query = select(s.file_text).where(s.home_id == home)
    text = conn.execute(query).scalar_one_or_none()
    return read(text) if text else None


def asked(conn: Connection, home: str) -> Asked:
    """What is to hold, and what somebody who changes it goes on from."""
    last = newest(conn, home)
    return Asked(0, one(conn, home, 0)) if last is None else Asked(last.number, last.config)


def going_on(conn: Connection, home: str, asked: Asked, now: Standing) -> HomeConfig | None:
    """What somebody who adds to the home goes on from: what is to hold, or, where the home refused
    that, what holds: else all that is added after a fault would be refused with it."""
    if now.refusal is None or now.held is None:
        return asked.config
    held = one(conn, home, now.held)
    return asked.config if held is None else held


def standing(conn: Connection, home: str, now: datetime) -> Standing:
    """Whether the newest one holds in the home."""
    c, s, g = home_config.c, config_state.c, tables.home_state.c
    number = conn.execute(
        select(c.number).where(c.home_id == home).order_by(c.number.desc()).limit(1)
    ).scalar_one_or_none()
    said = conn.execute(select(config_state).where(s.home_id == home)).first()
    started = conn.execute(select(g.started_at).where(g.home_id == home)).scalar_one_or_none()
    if said is None or said.held is None or said.held_at < (started or said.held_at):
        silent = Follows.NOT_YET
        if started is None:
            silent = Follows.NEVER
        elif now - started > SAYS_WITHIN:
            silent = Follows.TOO_OLD
        return Standing(silent, None, None, ())
    unpaired = tuple(one for one in (said.unpaired or "").split(",") if one)
    follows, refusal, waits = Follows.YES, None, None
    if number is not None and said.held != number:
        follows = Follows.NOT_YET
        if said.refused == number:
            follows = Follows.REFUSED
            refusal = ConfigRefusal(
                number,
                ConfigFault.read(said.refused_why),
                said.refused_about,
                said.refused_field,
                said.refused_said or "",
            )
        elif said.waits == number:
            follows, waits = Follows.WAITING, ConfigWait.read(said.waits_why)
    return Standing(follows, said.held, said.held_at, unpaired, refusal, waits)


def _held(conn: Connection, home: str) -> int:
    query = select(config_state.c.held).where(config_state.c.home_id == home)
    return conn.execute(query).scalar_one_or_none() or 0
