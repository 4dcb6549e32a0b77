"""The link's server side: what `gateway.wire` describes, over HTTP.

Bad input is one sentence with a code, never a 500.  Not for: what an event means, or pages.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

from flask import Blueprint, Response, request
from pydantic import BaseModel

from gateway.wire import (
    BACKLOG_HEADER,
    BODY_MAX_BYTES,
    HEARTBEAT_S,
    HOME_HEADER,
    LOOK_HEADER,
    PICTURE_HEADER,
    PICTURE_MAX_BYTES,
    PROTOCOL_HEADER,
    PROTOCOLS,
    CallSignal,
    EnrollRequest,
    EventBatch,
    GapProblem,
    Have,
    HeardSignal,
    LookSignal,
    Noted,
    Problem,
    TurnOrder,
    protocols_of,
    protocols_text,
    too_far_apart,
)
from web.staff.core import asked as asking
from web.staff.core import json_said
from web.staff.core.admission import EVENTS, STOOD, Lane, NoTurn, Way
from web.staff.core.context import Staff, staff
from web.staff.homelink import (
    call_signals,
    catching_up,
    centre_calls,
    enrolment,
    heard,
    heard_signals,
    ingest,
    look_signals,
    mirror,
    second_path,
    tokens,
    unsaved_alarms,
)
from web.staff.homelink.ingest import Refused
from web.staff.homelink.urgent import receive_urgent
from web.staff.realtime.broker import HomeStream
from web.staff.realtime.waiting import Closed
from web.staff.storage import event_store
from web.staff.storage.outage import FAULTS, is_crowded, refusal_of
from web.staff.storage.shares import Share, working_for

log = logging.getLogger(__name__)

blueprint = Blueprint("link", __name__, url_prefix="/api/v1/home")

Model = TypeVar("Model", bound=BaseModel)

LOOK_UP_S = 2.0
"""Seconds that a stream waits for its turn until it looks whether something came for its home: no
order for a door waits longer behind those that begin to listen."""

ENROLL_BODY_MAX_BYTES = 10_000
"""A key in PEM has 113 bytes, a code 11."""

CALL_BODY_MAX_BYTES = 20_000
"""A description of one end, each of its line ends as four characters."""

CROWDED_AGAIN_S = 3
"""Seconds after which it is to be sent again when no connection was free."""

AWAY_AGAIN_S = 5
"""Seconds after which it is to be sent again to a database that refuses."""


@blueprint.before_request
def _require_common_protocol() -> None:
    """Raise `Refused` with one sentence when the home's program and ours cannot talk."""
    theirs = protocols_of(request.headers.get(PROTOCOL_HEADER))
    wrong = too_far_apart(theirs, "the home's gateway", "the server")
    if wrong is not None:
        raise Refused(426, "protocol", f"{wrong[0].upper()}{wrong[1:]}")


@blueprint.after_request
def _say_protocols(response: Response) -> Response:
    response.headers[PROTOCOL_HEADER] = protocols_text(PROTOCOLS)
    return response


def _answer(model: BaseModel, status: int = 200) -> Response:
    return Response(model.model_dump_json(), status, mimetype="application/json")


@blueprint.errorhandler(Refused)
def _refused(error: Refused) -> Response:
    now = time.time()
    if error.have is not None:
        gap = GapProblem(code=error.code, detail=error.text, now_s=now, have=error.have)
        return _answer(gap, error.status)
    return _answer(Problem(code=error.code, detail=error.text, now_s=now), error.status)


def _unavailable(error: Exception) -> Response:
    """The database refuses (disk full, gone): nothing was taken, and the home keeps it all."""
    if is_crowded(error):
        detail = "Everybody asks the server at once; send it again."
        answer = _answer(Problem(code="busy", detail=detail, now_s=time.time()), 503)
        answer.headers["Retry-After"] = str(CROWDED_AGAIN_S)
        return answer
    if refusal_of(error) is None:  # else it is told once, when it begins (`storage.saving`)
        log.error("the database refused: %s", type(error).__name__)
    detail = "The server cannot store anything now; send it again."
    answer = _answer(Problem(code="unavailable", detail=detail, now_s=time.time()), 503)
    answer.headers["Retry-After"] = str(AWAY_AGAIN_S)
    return answer


for _fault in FAULTS:
    blueprint.register_error_handler(_fault, _unavailable)


def _body(limit: int) -> bytes:
    """The request's body, unpacked.  Raises `Refused` when it is too big or badly packed."""
    too_big = Refused(413, "too_big", f"A request has at most {limit} bytes.")
    if (request.content_length or 0) > limit:
        raise too_big
    raw = request.stream.read(limit + 1)
    if len(raw) > limit:
        raise too_big
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if encoding == "identity":
        return raw
    if encoding != "gzip":
        raise Refused(415, "bad_encoding", "A request is packed with gzip, or not at all.")
    unpacker = zlib.decompressobj(wbits=31)
    try:
        data = unpacker.decompress(raw, limit + 1)
    except zlib.error as error:
        raise Refused(400, "bad_gzip", "The request cannot be unpacked.") from error
    if len(data) > limit:
        raise too_big
    if not unpacker.eof:
        raise Refused(400, "bad_gzip", "The request cannot be unpacked: it is cut off.")
    return data


def _read(model: type[Model], limit: int = BODY_MAX_BYTES) -> Model:
    try:
        # not pydantic's own JSON reader: numbers must come as Python reads and writes them
        parsed = json_said.read(_body(limit))
    except ValueError as error:
        raise Refused(400, "bad_json", "The request is no JSON.") from error
    try:
        return asking.read(model, parsed)
    except ValueError as error:
        raise Refused(400, "bad_request", str(error)) from error


def _backlog() -> int | None:
    return catching_up.said(request.headers.get(BACKLOG_HEADER))


def _home(parts: Staff) -> str:
    header = request.headers.get("Authorization")
    return tokens.home_of(parts.db, header, request.method, request.path)


@blueprint.post("/enroll")
def enroll() -> Response:
    """A new gateway becomes a home's own, by its one-time code."""
    parts = staff()
    address = request.remote_addr or ""
    asked = _read(EnrollRequest, ENROLL_BODY_MAX_BYTES)
    claims = request.headers.get(HOME_HEADER, "")
    return _answer(enrolment.enroll(parts, asked, address, claims))


@blueprint.post("/events")
def events() -> Response:
    """A batch, in order."""
    parts = staff()
    way = Way(parts.admission.turns)
    way.give_alarms()
    home = _home(parts)
    batch = _read(EventBatch)
    request.environ[EVENTS] = len(batch.events)
    have = ingest.receive_batch(parts, home, batch.events, batch.down_have, _backlog(), way)
    request.environ[STOOD] = way.stood_s
    return _answer(Have(have=have))


@blueprint.post("/urgent")
def urgent() -> Response:
    """What goes ahead of older events."""
    parts = staff()
    home = _home(parts)
    batch = _read(EventBatch)
    try:
        have = receive_urgent(parts, home, batch.events, batch.down_have, _backlog())
    except FAULTS as error:
        if refusal_of(error) is not None:
            unsaved_alarms.ring(parts, home, batch.events)
        raise
    return _answer(Have(have=have))


@blueprint.post("/call")
def call() -> Response:
    """What a home says about a call, at once."""
    parts = staff()
    home = _home(parts)
    signal = _read(CallSignal, CALL_BODY_MAX_BYTES)
    call_signals.receive(parts, home, signal)
    return _answer(Noted(call=signal.call))


@blueprint.post("/look")
def look() -> Response:
    """What a home says about a look, at once."""
    parts = staff()
    home = _home(parts)
    signal = _read(LookSignal, CALL_BODY_MAX_BYTES)
    look_signals.receive(parts, home, signal)
    return _answer(Noted(call=signal.look))


@blueprint.post("/heard")
def heard_now() -> Response:
    """What a home that is installed hears."""
    parts = staff()
    home = _home(parts)
    signal = _read(HeardSignal, CALL_BODY_MAX_BYTES)
    heard_signals.receive(parts, home, signal)
    return _answer(Noted(call=signal.hearing))


@blueprint.post("/picture")
def picture() -> Response:
    """One sealed picture of a look."""
    parts = staff()
    home = _home(parts)
    look, number = request.headers.get(LOOK_HEADER, ""), request.headers.get(PICTURE_HEADER, "")
    if not (number.isascii() and number.isdigit() and len(number) <= 6):
        raise Refused(400, "bad_request", f"{PICTURE_HEADER} is no number.")
    sealed = _body(PICTURE_MAX_BYTES)
    return _answer(look_signals.take_picture(parts, home, look, int(number), sealed))


@blueprint.get("/update-<what>/<name>")
def update(what: str, name: str) -> Response:
    """A part of a release, from the byte on that `Range` says."""
    parts = staff()
    _home(parts)
    first = re.fullmatch(
        r"bytes=([0-9]{1,12})-[0-9]{0,12}", request.headers.get("Range", "bytes=0-")
    )
    if first is None:
        raise Refused(400, "bad_request", "Range names no part.")
    if not mirror.places.acquire(blocking=False):
        raise Refused(503, "busy", "Many homes take a release at once; ask again soon.")
    try:
        data = mirror.Mirror(parts.config.releases).piece(what, name, int(first[1]))
    except BaseException:
        mirror.places.release()
        raise
    if data is None:
        mirror.places.release()
        raise Refused(404, "missing", "The server has no such part of a release.")
    status = 206 if what == "targets" else 200
    answer = Response(data, status, mimetype="application/octet-stream")
    answer.call_on_close(mirror.places.release)
    return answer


@blueprint.get("/stream")
def stream() -> Response:
    """What the server decided, and orders to turn a lock, until the connection ends."""
    parts = staff()
    home = _home(parts)
    after = _last_event_id()
    room = parts.config.listen
    if not parts.broker.has_room("homes", homes=room.homes, screens=room.screens):
        log.error("no room for a home: raise listen.homes", extra={"home": home})
        raise Refused(
            503,
            "full",
            f"The server has no room for another home: it counts on {room.homes} (listen.homes).",
        )
    with parts.db.read() as conn:
        head = event_store.read_head(conn, f"staff:{home}")
        confirmed = event_store.confirmed_down(conn, home)
    heard.note_soon(parts, home, known=confirmed is not None, behind=_backlog())
    after = after or confirmed or 0
    if after > head.seq:
        log.error("a home knows more of what was decided than the server", extra={"home": home})
        raise Refused(
            409,
            "server_behind",
            f"The server has decided {head.seq} events, and the home has {after}: an old backup of "
            "the server was restored.",
            have=head.seq,
        )
    name = secrets.token_hex(8)
    parts.relay.stream_opened(home, name)  # before it is open here, so that no other worker ends it
    mine = parts.broker.open_stream(home, name)
    told = _Told(after)
    try:
        first = _read_news(parts, home, told)
    except BaseException:
        parts.broker.close_stream(mine)
        raise
    response = Response(_down(parts, mine, told, first), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(lambda: parts.broker.close_stream(mine))
    return response


def _last_event_id() -> int:
    value = request.headers.get("Last-Event-ID", "0").strip() or "0"
    if not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise Refused(400, "bad_request", "Last-Event-ID is no number.")
    return int(value)


def _down(parts: Staff, mine: HomeStream, told: _Told, first: _News) -> Iterator[bytes]:
    """The bytes of one home's stream, of which `first` was read as it began.  It reads the log
    itself, so nothing can be missing."""
    try:
        yield b": hello\n\n"
        yield from first.pieces
        beat_s = time.monotonic()
        # since when it waits for its turn to read
        waits_s: float | None = beat_s if first.more else None
        while True:
            if waits_s is not None:
                with suppress(NoTurn):
                    yield from _news(parts, mine.home, told, waits_s)
                    with _reading(parts, waits_s):
                        parts.relay.stream_seen(mine.home, mine.name)
                    waits_s = None
            left_s = 0.0 if waits_s is not None else beat_s + HEARTBEAT_S - time.monotonic()
            item = mine.get(max(0.0, left_s))  # what comes meanwhile does not wait for a turn
            if item is None:
                if time.monotonic() >= beat_s + HEARTBEAT_S:
                    yield b": heartbeat\n\n"
                    beat_s = time.monotonic()
                    waits_s = waits_s or beat_s  # for what another program wrote
            elif item.what == "turn":
                order = TurnOrder(grant=item.text).model_dump_json()
                yield f"event: turn\ndata: {order}\n\n".encode()
            elif item.what:
                yield f"event: {item.what}\ndata: {item.text}\n\n".encode()
            else:
                yield from _news(parts, mine.home, told)
    except Closed:
        return
    except FAULTS as error:  # the home listens anew, and is told from where it is
        log.warning("a home's stream ended for the database: %s", type(error).__name__)
    finally:
        parts.broker.close_stream(mine)
        with working_for(Share.STREAM), suppress(*FAULTS):  # it counts as gone after a while
            parts.relay.stream_closed(mine.name)


@dataclass
class _Told:
    """What a home was told on this stream."""

    after: int
    """Up to which of what was decided."""
    renamed: bool = True
    """Whom it tells by itself may have changed; at first what it kept may be lost."""
    delivered: bool = True
    """And which alarm centres may call it."""


@dataclass(frozen=True, slots=True)
class _News:
    """Some of what a home is told; `more`: not all."""

    pieces: list[bytes]
    more: bool


def _news(parts: Staff, home: str, told: _Told, waits_s: float | None = None) -> Iterator[bytes]:
    """What was decided since, and then what changed with it.  See `_reading`."""
    more = True
    while more:
        with _reading(parts, waits_s):
            news = _read_news(parts, home, told)
        more = news.more
        yield from news.pieces  # how long that takes is up to the home


def _read_news(parts: Staff, home: str, told: _Told) -> _News:
    """As much as is read at once; noted in `told`."""
    pieces = []
    with parts.db.read() as conn:
        rows = event_store.decided_after(conn, home, told.after)
    for seq, body in rows:
        pieces.append(f"event: decided\nid: {seq}\ndata: {body}\n\n".encode())
        told.after = seq
        told.renamed = told.renamed or second_path.NAMED in body
        told.delivered = told.delivered or centre_calls.NAMED in body
    more = len(rows) >= event_store.DECIDED_MAX
    if told.renamed and not more:
        token = second_path.token(parts, home)
        if token is not None:
            pieces.append(f"event: receivers\ndata: {token}\n\n".encode())
        told.renamed = False
    if told.delivered and not more:
        for token in centre_calls.tokens(parts, home):
            pieces.append(f"event: centre\ndata: {token}\n\n".encode())
        told.delivered = False
    return _News(pieces, more)


@contextmanager
def _reading(parts: Staff, waits_s: float | None) -> Iterator[None]:
    """Read for a home's stream.  `waits_s`: in its turn among those that begin to listen, as one
    that waits since then (monotonic); raises `NoTurn` when it has not come in `LOOK_UP_S`.  None:
    at once."""
    with ExitStack() as stack:
        if waits_s is not None:
            waited_s = time.monotonic() - waits_s
            stack.enter_context(parts.admission.turns.turn(Lane.STREAM, waited_s, LOOK_UP_S))
        stack.enter_context(working_for(Share.STREAM))
        yield
