"""Whom a home tells by itself when it cannot reach this server, and what came of it afterwards.

`receivers_changed` decides it: an event with ids, which the home keeps in its log, and beside it a
list with the numbers, which goes down the stream signed and stands in no event
(`gateway.access.receiver_lists`).  What a receiver answered to the home's message acknowledges the
alarm here, as if it had been done on a page.

What another version of the server decided, and this one cannot read, stays as it is and goes on to
the home; only what the home is called is changed in it.

Not for: who is reached in which order (`web.staff.ladders` says it), or sending anything.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, or_, select, update

from gateway.access import receiver_lists
from gateway.access.receiver_lists import LABEL_MAX, NUMBER, RECEIVERS_MAX, ReceiverList
from gateway.envelope import Draft
from gateway.errors import UserError
from gateway.events import (
    AlarmAcknowledged,
    AlarmType,
    Data,
    GatewayMessageAnswered,
    HomeSecondPathSet,
    PathChannel,
    PathReceiver,
    Severity,
    Unknown,
)
from web.staff.core.context import Staff
from web.staff.events import append
from web.staff.events.judgement import Verdict
from web.staff.storage import alarm_tables, event_store, tables
from web.staff.storage.database import Tx

log = logging.getLogger(__name__)

NAMED = f'"kind":"{HomeSecondPathSet.KIND}"'
"""What stands in the body of the event that names a new list."""

TYPES = (
    AlarmType.PENDANT,
    AlarmType.ON_FLOOR,
    AlarmType.BED_EXIT,
    AlarmType.CHECK_NO_ANSWER,
    AlarmType.CHECK_UNREPORTED,
    AlarmType.CHECK_HELP,
)
"""The alarms of care that cannot wait for the server: a press, a fall, somebody who does not come
back, and a night check that nobody answered."""

WAIT_S = 120.0
"""Seconds that a receiver has to answer a text message before the next is told: it is read, and a
word is typed."""

WAIT_MIN_S, WAIT_MAX_S = 30.0, 900.0

REPLY = "OK"

ADDRESS = re.compile(r"sips?:[^\s@<>]{1,80}@[^\s<>]{1,120}")
"""An alarm centre's, as its operator writes it."""


class ListUnread(UserError):
    """What a home was told is in words of another version of the server."""

    def __init__(self, home: str) -> None:
        super().__init__(
            f"whom {home} tells was set by a newer version of this server and cannot be read by "
            "this one; the home keeps to it. Use the newer version, or set a list with --anew.",
            home=home,
        )


@dataclass(frozen=True, slots=True)
class Receiver:
    """Somebody whom the home tells: `id` a person's or an alarm centre's, `address` a number
    (`+46701234567`) or where the centre listens."""

    id: str
    channel: PathChannel
    address: str
    told: Severity = Severity.CARE


@dataclass(frozen=True, slots=True)
class Held:
    """What a home has been told."""

    receivers: tuple[Receiver, ...]
    types: tuple[AlarmType, ...]
    reply: str
    wait_s: float
    label: str | None = None
    """What the home may be called outside; None: nothing (protected identity)."""
    cid: str | None = None

    def text(self) -> str:
        """As it is kept."""
        return json.dumps(
            {
                "receivers": [[r.id, r.channel, r.address, r.told] for r in self.receivers],
                "types": list(self.types),
                "reply": self.reply,
                "wait_s": self.wait_s,
                "label": self.label,
                "cid": self.cid,
            },
            sort_keys=True,
        )


def receivers_changed(
    staff: Staff,
    tx: Tx,
    home: str,
    receivers: Sequence[Receiver],
    *,
    types: Sequence[AlarmType] = TYPES,
    reply: str = REPLY,
    wait_s: float = WAIT_S,
    person: str | None = None,
    follows: bool = False,
    anew: bool = False,
) -> bool:
    """Let a home tell these, in their order; whether that is another list than it holds.  `person`
    is who decided it, None: it follows from something else.  `follows`: it goes on following the
    home's ladder.  `anew`: also in place of one that cannot be read.  Raises `UserError` for an
    address that is none, `ListUnread`."""
    held = Held(tuple(receivers), tuple(types), reply.strip(), float(wait_s))
    _check(held)
    append.hold(tx, home)
    if not anew:
        held_by(tx.conn, home)
    changed = _tell(staff, tx, home, held, person)
    t = alarm_tables.path_list
    tx.conn.execute(update(t).where(t.c.home_id == home).values(follows=follows))
    return changed


def details_changed(staff: Staff, tx: Tx, home: str) -> None:
    """The home is called otherwise, by us or by an alarm centre: its list names it so."""
    try:
        held = held_by(tx.conn, home)
    except ListUnread:
        _rename(staff, tx, home)
        return
    if held is not None:
        _tell(staff, tx, home, held, None)


def held_by(conn: Connection, home: str) -> Held | None:
    """What the home was told last; None: nothing yet.  Raises `ListUnread`."""
    t = alarm_tables.path_list.c
    text = conn.execute(select(t.decided).where(t.home_id == home)).scalar_one_or_none()
    return None if text is None else _read(text, home)


def following(conn: Connection) -> dict[str, Held]:
    """What every home holds that follows its ladder; not what another version of the server decided
    otherwise: that home keeps it, and the others are looked at."""
    t = alarm_tables.path_list.c
    query = select(t.home_id, t.decided).where(t.follows).order_by(t.home_id)
    found = {}
    for home, text in conn.execute(query):
        try:
            found[home] = _read(text, home)
        except ListUnread as error:
            log.error("whom a home tells cannot be read: %r", error.__cause__, extra={"home": home})
    return found


def follows(conn: Connection, home: str) -> bool:
    """Whether this home follows its ladder."""
    t = alarm_tables.path_list.c
    return bool(conn.execute(select(t.follows).where(t.home_id == home)).scalar_one_or_none())


def _read(text: str, home: str) -> Held:
    """What `Held.text` kept.  Raises `ListUnread` where that is not all of it: who changes the list
    would lose the rest."""
    try:
        kept = json.loads(text)
        receivers = tuple(
            Receiver(id_, PathChannel(channel), address, Severity(told))
            for id_, channel, address, told in kept["receivers"]
        )
        types = tuple(AlarmType(word) for word in kept["types"])
        names = kept["label"], kept["cid"]
        held = Held(receivers, types, kept["reply"], float(kept["wait_s"]), *names)
        if json.loads(held.text()) != kept:
            raise ValueError("it says more")
    except (ValueError, KeyError, TypeError) as error:
        raise ListUnread(home) from error
    return held


def _rename(staff: Staff, tx: Tx, home: str) -> None:
    """As `details_changed`, in a list of which this version understands no more than what the home
    is called: nobody outside may read a name that is to be protected since."""
    t, e = alarm_tables.path_list, tables.event.c
    row = tx.conn.execute(select(t).where(t.c.home_id == home)).one()
    names = {"label": _label(tx.conn, home), "cid": _cid(tx.conn, home)}
    query = select(e.body).where(
        e.home_id == home, e.origin == f"staff:{home}", e.kind == HomeSecondPathSet.KIND
    )
    told = tx.conn.execute(query.order_by(e.seq.desc()).limit(1)).scalar_one_or_none()
    claims, decided = _object(row.claims), _object(row.decided)
    fields = {} if told is None else dict(event_store.data_in(told))
    if "digest" not in fields or not claims:
        log.error("a list of receivers cannot be named otherwise", extra={"home": home})
        return
    claims |= {**names, "salt": secrets.token_hex(16)}
    fields["digest"] = _listed(home, claims).digest()
    data: Data = Unknown(HomeSecondPathSet.KIND, fields)
    event = append.write(staff, tx, home, Draft(data))
    text = json.dumps({**decided, **names}, sort_keys=True) if decided else row.decided
    values = {"claims": json.dumps(claims), "decided": text, "set_at": event.at}
    tx.conn.execute(update(t).where(t.c.home_id == home).values(values))


def _object(text: str) -> dict[str, Any]:
    """What is kept as JSON; of anything but an object nothing."""
    try:
        kept = json.loads(text)
    except ValueError:
        return {}
    return kept if isinstance(kept, dict) else {}


def _listed(home: str, claims: dict[str, Any]) -> ReceiverList:
    """The list with these claims, which are signed whole: the event names all of them."""
    to = claims.get("to")
    addresses = to if isinstance(to, dict) else {}
    return ReceiverList(home, addresses, str(claims.get("salt")), signed=claims)


def token(staff: Staff, home: str) -> str | None:
    """The signed list for a home's stream; None: it has none."""
    t = alarm_tables.path_list.c
    with staff.db.read() as conn:
        text = conn.execute(select(t.claims).where(t.home_id == home)).scalar_one_or_none()
    if text is None:
        return None
    claims = _object(text)
    if not claims:
        return None
    listed = _listed(home, claims)
    return receiver_lists.sign(listed, staff.keys.private, staff.keys.kid)


def acknowledge(staff: Staff, tx: Tx, home: str, verdicts: Sequence[Verdict]) -> None:
    """Acknowledge what receivers answered to the home, unless somebody has taken it meanwhile."""
    for verdict in verdicts:
        data = verdict.event.data
        if verdict.refused or not isinstance(data, GatewayMessageAnswered):
            continue
        a = tables.alarm.c
        query = select(a.id).where(
            a.ref == data.alarm,
            a.home_id == home,
            a.closed_at.is_(None),
            a.acknowledged_at.is_(None),
        )
        if tx.conn.execute(query).first() is None:
            continue
        person = _person(tx.conn, home, data.receiver)
        taken = Draft(AlarmAcknowledged(alarm=data.alarm), person=person)
        append.write(staff, tx, home, taken, at=verdict.event.at)


def known_receiver(conn: Connection, home: str, who: str) -> str | None:
    """The id of a member of staff, by e-mail or id, or of an alarm centre, of the home's
    organisation; None: it is nobody's."""
    u, h, c = tables.user.c, tables.home.c, alarm_tables.alarm_centre.c
    org = select(h.org_id).where(h.id == home).scalar_subquery()
    people = select(u.person_id).where(u.org_id == org, or_(u.email == who, u.person_id == who))
    centres = select(c.id).where(c.org_id == org, c.id == who, c.ended_at.is_(None))
    found: str | None = conn.execute(people).scalars().first()
    return found or conn.execute(centres).scalars().first()


def _person(conn: Connection, home: str, receiver: str) -> str | None:
    """The receiver, where that is somebody of the home's organisation: it may name no others."""
    u, h = tables.user.c, tables.home.c
    query = select(u.person_id).join_from(tables.user, tables.home, h.org_id == u.org_id)
    query = query.where(h.id == home, u.person_id == receiver)
    return conn.execute(query).scalar_one_or_none()


def _tell(staff: Staff, tx: Tx, home: str, held: Held, person: str | None) -> bool:
    t = alarm_tables.path_list
    held = replace(held, label=_label(tx.conn, home), cid=_cid(tx.conn, home))
    text = held.text()
    query = select(t.c.decided).where(t.c.home_id == home)
    before = tx.conn.execute(query).scalar_one_or_none()
    if before == text or (before is None and not held.receivers):
        return False
    to = {receiver.id: receiver.address for receiver in held.receivers}
    listed = ReceiverList(home, to, secrets.token_hex(16), held.label, held.cid)
    event = append.write(
        staff,
        tx,
        home,
        Draft(
            HomeSecondPathSet(
                receivers=tuple(
                    PathReceiver(id=r.id, channel=r.channel, told=r.told) for r in held.receivers
                ),
                types=held.types,
                reply=held.reply,
                wait_s=held.wait_s,
                digest=listed.digest(),
            ),
            person=person,
        ),
    )
    values = {"claims": json.dumps(listed.claims()), "decided": text, "set_at": event.at}
    event_store.upsert(tx.conn, t, {"home_id": home}, values)
    return True


def _label(conn: Connection, home: str) -> str | None:
    """What it may be called outside: nothing, where somebody of protected identity lives."""
    h = tables.home.c
    row = conn.execute(select(h.label, h.protected).where(h.id == home)).one()
    return None if row.protected else str(row.label)[:LABEL_MAX]


def _cid(conn: Connection, home: str) -> str | None:
    """What alarm centres call the home; None: nothing was agreed."""
    c = alarm_tables.home_care_id.c
    return conn.execute(select(c.cid).where(c.home_id == home)).scalar_one_or_none()


def _check(held: Held) -> None:
    if len(held.receivers) > RECEIVERS_MAX:
        raise UserError(f"a home tells at most {RECEIVERS_MAX} receivers; leave some out.")
    if len({receiver.id for receiver in held.receivers}) < len(held.receivers):
        raise UserError("a receiver stands in the list twice; leave one out.")
    for one in held.receivers:
        wanted = NUMBER if one.channel is PathChannel.SMS else ADDRESS
        if one.channel is PathChannel.UNKNOWN or not wanted.fullmatch(one.address):
            form = "+46701234567" if wanted is NUMBER else "sip:larm@centralen.example"
            raise UserError(f"{one.address!r} cannot be reached by {one.channel}; write {form}.")
    if not WAIT_MIN_S <= held.wait_s <= WAIT_MAX_S:
        raise UserError(
            f"a receiver has {WAIT_MIN_S:.0f} to {WAIT_MAX_S:.0f} s to answer; choose a time "
            "between."
        )
    if not re.fullmatch(r"\w{1,12}", held.reply):
        raise UserError("the word to answer with is one word of at most 12 letters.")
