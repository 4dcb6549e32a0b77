"""The envelope of an event: who wrote it, its number, when, why; and the chain that seals it.

A `Draft` is an event that is not yet written: it has no number.  `seal` numbers it and chains it.
The canonical JSON is UTF-8, keys sorted, no spaces; the hash of an event is SHA-256 over the hash
of the one before (32 zero bytes before the first) and that JSON without `hash`.

An envelope of another version is read as far as it can be (`gateway.envelope_fields`).

Not for: storage, sending, or deciding anything.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from json.encoder import encode_basestring
from typing import Any

from gateway import envelope_fields as fields_of
from gateway.envelope_fields import SEQ_MAX, Because, ClockState
from gateway.envelope_fields import text as _text
from gateway.errors import BadEvent, ChainError
from gateway.events import Data, Ref, Unknown, kind_of, read_fields, to_fields, utc_text

__all__ = [
    "GENESIS",
    "SEQ_MAX",
    "Because",
    "ClockState",
    "Draft",
    "Event",
    "body_of",
    "canonical",
    "chained",
    "corrected_at",
    "from_json",
    "seal",
    "to_json",
    "verify_next",
]

GENESIS = bytes(32)
"""The hash before the first event of an origin."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An event before it is written.  `at` None: the engine stamps it when it accepts it."""

    data: Data
    device: str | None = None
    person: str | None = None
    because: Because | None = None
    at: datetime | None = None
    mono_s: float | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One written event.  `at` is aware UTC; `hash` is hexadecimal; `ref` names the event."""

    origin: str
    seq: int
    at: datetime
    clock: ClockState
    boot: str
    mono_s: float
    data: Data
    device: str | None = None
    person: str | None = None
    because: Because | None = None
    hash: str = ""
    as_written: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)
    """The JSON object of its data, where this version would not write `data` so."""
    around: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)
    """What stands around its data and is not read here, as it came; None: nothing does."""
    # made once: a dozen rules ask for both of every event, and as properties they were a twentieth
    # of a replay (0.3 µs a call, ten calls an event)
    kind: str = field(init=False, compare=False, repr=False)
    ref: Ref = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", kind_of(self.data))
        object.__setattr__(self, "ref", f"{self.origin}/{self.seq}")

    @property
    def urgent(self) -> bool:
        return type(self.data).URGENT


class _Unfinished:
    """An event while it is made: it has the slots of `Event` (only so can its class be changed), it
    can be written to, and it becomes one.

    A frozen dataclass sets each of its thirteen fields through a call: 2.9 µs where this takes 0.9.
    """

    __slots__ = Event.__slots__


def _made(
    origin: str,
    seq: int,
    at: datetime,
    clock: ClockState,
    boot: str,
    mono_s: float,
    data: Data,
    device: str | None,
    person: str | None,
    because: Because | None,
) -> Event:
    """`Event(...)` without a hash."""
    event: Any = _Unfinished()
    event.origin = origin
    event.seq = seq
    event.at = at
    event.clock = clock
    event.boot = boot
    event.mono_s = mono_s
    event.data = data
    event.device = device
    event.person = person
    event.because = because
    event.hash = ""
    event.as_written = None
    event.around = None
    event.kind = data.KIND or kind_of(data)
    event.ref = f"{origin}/{seq}"
    event.__class__ = Event
    return event  # type: ignore[no-any-return]


_encode = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
).encode


def canonical(obj: dict[str, Any]) -> bytes:
    """`obj` without its `hash`, as canonical JSON."""
    if "hash" in obj:
        obj = {key: value for key, value in obj.items() if key != "hash"}
    return _encode(obj).encode()


def chained(previous: bytes, body: bytes) -> bytes:
    """The hash of an event whose canonical JSON is `body`, after one with the hash `previous`."""
    return hashlib.sha256(previous + body).digest()


def to_json(event: Event) -> dict[str, Any]:
    """The JSON object of an event, `hash` included when it has one; None fields are left out."""
    obj: dict[str, Any] = {
        "origin": event.origin,
        "seq": event.seq,
        "at": utc_text(event.at),
        "clock": event.clock,
        "boot": event.boot,
        "mono_s": event.mono_s,
        "kind": event.kind,
        "data": _fields(event),
    }
    if event.device is not None:
        obj["device"] = event.device
    if event.person is not None:
        obj["person"] = event.person
    if event.because is not None:
        because = event.because
        obj["because"] = {
            "rule": because.rule,
            "version": because.version,
            "events": list(because.events),
        }
    if event.hash:
        obj["hash"] = event.hash
    if event.around is not None:
        obj.update(event.around)
    return obj


def _fields(event: Event) -> dict[str, Any]:
    return to_fields(event.data) if event.as_written is None else dict(event.as_written)


def body_of(event: Event) -> bytes:
    """`canonical(to_json(event))`, written straight down in the order of its keys.

    Every event is sealed once, live and in a replay: 4 µs where the object and a sorting encoder
    take 8 (measured on a slow core, Python 3.11).
    """
    if event.around is not None:
        return canonical(to_json(event))
    because, fields = event.because, _fields(event)
    reason = ""
    if because is not None:
        refs = ",".join(map(_quoted, because.events))
        reason = (
            f'"because":{{"events":[{refs}],"rule":{_quoted(because.rule)},'
            f'"version":{because.version}}},'
        )
    mono_s = event.mono_s
    if not math.isfinite(mono_s):
        raise ValueError("an event's mono_s is not a number")
    device = "" if event.device is None else f'"device":{_quoted(event.device)},'
    person = "" if event.person is None else f'"person":{_quoted(event.person)},'
    return (
        f'{{"at":"{utc_text(event.at)}",{reason}"boot":{_quoted(event.boot)},'
        f'"clock":"{event.clock}","data":{_encode(fields) if fields else "{}"},{device}'
        f'"kind":{_quoted(event.kind)},"mono_s":{mono_s!r},"origin":{_quoted(event.origin)},'
        f'{person}"seq":{event.seq}}}'
    ).encode()


_quoted = encode_basestring
"""A text as JSON, as `_encode` writes it (`ensure_ascii=False`)."""


def from_json(obj: Any) -> Event:
    """The event in a JSON object, as far as this version can read it; what it cannot is kept
    (`as_written`, `around`).  Raises `BadEvent`, with a sentence, on anything else."""
    try:
        because = obj.get("because")
        at = datetime.fromisoformat(obj["at"])
        seq = obj["seq"]
        clock = obj["clock"]
        if (
            at.tzinfo is None
            or type(seq) is not int
            or not 1 <= seq <= SEQ_MAX
            or clock not in fields_of.CLOCKS
            or not obj.keys() <= fields_of.KNOWN
        ):
            return _tolerated(obj)
        at = at if at.tzinfo is UTC else at.astimezone(UTC)
        data, whole = read_fields(_text(obj["kind"]), obj["data"], at)
        if not whole or type(data) is Unknown:  # it is kept as it came
            fields_of.require_shallow(obj["data"])
        event = _made(
            _text(obj["origin"]),
            seq,
            at,
            clock,
            _text(obj["boot"]),
            fields_of.mono_s(obj["mono_s"]),
            data,
            fields_of.text_or_none(obj.get("device")),
            fields_of.text_or_none(obj.get("person")),
            None if because is None else fields_of.because(because),
        )
        if "hash" in obj:
            object.__setattr__(event, "hash", fields_of.hash_text(obj["hash"]))
        if not whole:
            object.__setattr__(event, "as_written", obj["data"])
        return event
    except fields_of.MALFORMED:
        return _tolerated(obj)


def _tolerated(obj: Any) -> Event:
    """The event in an envelope that is not as this version writes it.  What gives a right is not
    read then: what is not known may be a restriction."""
    try:
        fields_of.require_shallow(obj)
        read, around = fields_of.tolerated(obj)
        digest = fields_of.hash_text(obj.get("hash", ""))
    except BadEvent as error:
        raise BadEvent(f"not an event: {error.text}") from error
    fields = read.pop("data")
    kind = read.pop("kind")
    data, whole = read_fields(kind, fields, read["at"])
    if type(data).STRICT and (around or not obj.keys() >= fields_of.NEEDED):
        data, whole = Unknown(kind, dict(fields)), True
    event = _made(data=data, **read)
    object.__setattr__(event, "hash", digest)
    if not whole and "data" not in around:
        object.__setattr__(event, "as_written", fields)
    object.__setattr__(event, "around", around or None)
    return event


def seal(
    draft: Draft,
    *,
    origin: str,
    seq: int,
    at: datetime,
    clock: ClockState,
    boot: str,
    mono_s: float,
    previous: bytes,
) -> tuple[Event, bytes, bytes]:
    """Number and chain a draft.  Returns the event, its canonical JSON and its hash.

    `at` and `mono_s` are used where the draft has none; times are cut to milliseconds, so that
    what is in memory equals what is written.
    """
    stamped = draft.at or at
    if stamped.microsecond % 1000:
        stamped = stamped.replace(microsecond=stamped.microsecond // 1000 * 1000)
    event = _made(
        origin,
        seq,
        stamped,
        clock,
        boot,
        round(mono_s if draft.mono_s is None else draft.mono_s, 3),
        draft.data,
        draft.device,
        draft.person,
        draft.because,
    )
    body = body_of(event)
    digest = chained(previous, body)
    object.__setattr__(event, "hash", digest.hex())  # nobody has seen it yet; a copy costs 3 µs
    return event, body, digest


def verify_next(
    obj: dict[str, Any], *, origin: str, seq: int, previous: bytes, body: bytes | None = None
) -> bytes:
    """Check that `obj` is event `seq` of `origin` and continues the chain; return its hash.  `body`
    is its canonical JSON, where the caller has it already.

    Raises `ChainError` (another origin, another number, another hash).
    """
    if obj.get("origin") != origin:
        raise ChainError(f"event {seq} comes from another origin", seq)
    if obj.get("seq") != seq:
        raise ChainError(f"event {seq} was expected, {obj.get('seq')} came", seq)
    digest = chained(previous, canonical(obj) if body is None else body)
    if obj.get("hash") != digest.hex():
        raise ChainError(f"event {seq} does not continue the chain", seq)
    return digest


def corrected_at(event: Event, offset_s: float) -> datetime:
    """`at` moved by the offset of its boot's `clock.synced`; a synced time stays as it is."""
    return event.at if event.clock == "synced" else event.at + timedelta(seconds=offset_s)
