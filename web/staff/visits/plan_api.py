"""`POST /api/v1/plan`: another system of the organisation brings the plan in.

A request carries `Authorization: Bearer <token>`, one of `tryggve staff token add`.  The body is
JSON (`PlanRequest`), CSV (`text/csv`) or iCalendar (`text/calendar`); all of it is kept or none.
Not for: reading the plan back, or anything about residents.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from flask import Blueprint, Flask, Response, current_app, request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import Connection, insert, select, update

from gateway.errors import UserError
from gateway.wire import Problem
from web.staff.core import json_said
from web.staff.core.context import Staff, staff
from web.staff.core.limits import Limiter
from web.staff.storage.database import Database
from web.staff.storage.plan_tables import api_token
from web.staff.visits import plan_import, plan_reading, plan_store
from web.staff.visits.plan_import import Draft, PlanRefused
from web.staff.visits.plan_store import Sent

blueprint = Blueprint("plan_api", __name__)

BODY_MAX_BYTES = 8_000_000
"""20,000 visits at 400 bytes."""

SCOPE = "plan"

TOKEN_DAYS = 365
"""How long a token is good for: it is changed once a year, as a key would be."""

TOKEN_MAX_CHARS = 100

TRIES, TRIES_WINDOW_S = 20, 600.0
"""Wrong tokens of one address in ten minutes: 256 bits are not guessed, a log is not filled."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PlanLine(_Model):
    """One planned visit.  Times carry an offset; `people` are person ids or account addresses,
    `team` a team's name; `staff_needed` 2 is double staffing, null: as many as are named."""

    id: str
    home: str
    since: AwareDatetime
    until: AwareDatetime
    what: str = ""
    people: tuple[str, ...] = ()
    team: str | None = None
    staff_needed: int | None = None
    withdrawn: bool = False


class PlanRequest(_Model):
    """A plan, or a part of one.  With `from_time` and `to_time`, what the source had planned to
    begin between them and does not name again is taken out of the plan."""

    source: str
    visits: tuple[PlanLine, ...] = Field(max_length=plan_import.ROWS_MAX)
    from_time: AwareDatetime | None = None
    to_time: AwareDatetime | None = None


class PlanAnswer(_Model):
    """How many planned visits were added, changed, left as they were, and taken out."""

    added: int
    changed: int
    unchanged: int
    withdrawn: int


class PlanLineProblem(_Model):
    """What is wrong with a line; `line` counts from 1: the file's lines, or the visits in JSON."""

    line: int
    detail: str


class PlanProblem(Problem):
    """A plan was refused and nothing of it kept."""

    lines: tuple[PlanLineProblem, ...]


MODELS: tuple[type[BaseModel], ...] = (PlanRequest, PlanAnswer, PlanProblem)


class _Refused(Exception):
    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status, self.code, self.text = status, code, text


# --- tokens ---------------------------------------------------------------------------------------


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def make_token(
    database: Database, org: str, name: str, now: datetime, days: int = TOKEN_DAYS
) -> str:
    """A new token of the organisation for the plan; kept hashed, so this is the only time it is
    seen.  `now` is real time.  Raises `UserError` for a token that would end before it begins."""
    if days < 1:
        raise UserError("A token works for a day at least: one that ends first opens nothing.")
    token = f"tgv_{secrets.token_urlsafe(32)}"
    with database.write() as tx:
        tx.conn.execute(
            insert(api_token).values(
                sha256=_sha256(token),
                org_id=org,
                scope=SCOPE,
                name=name,
                made_at=now,
                expires_at=now + timedelta(days=days),
            )
        )
    return token


@dataclass(frozen=True, slots=True)
class Token:
    """A token of an organisation, without what opens."""

    name: str
    made_at: datetime
    expires_at: datetime
    revoked_at: datetime | None

    def works(self, now: datetime) -> bool:
        """Whether it lets anybody in; `now` is real time."""
        return self.revoked_at is None and now < self.expires_at


def tokens_of(conn: Connection, org: str, at_most: int | None = None) -> list[Token]:
    """The tokens that the organisation ever had, the newest first."""
    a = api_token.c
    query = select(a.name, a.made_at, a.expires_at, a.revoked_at).where(
        a.org_id == org, a.scope == SCOPE
    )
    rows = conn.execute(query.order_by(a.made_at.desc(), a.sha256).limit(at_most))
    return [Token(*row) for row in rows]


def revoke_tokens(database: Database, org: str, name: str, now: datetime) -> int:
    """Make the organisation's tokens of this name void; returns how many."""
    a = api_token.c
    with database.write() as tx:
        query = update(api_token).where(a.org_id == org, a.name == name, a.revoked_at.is_(None))
        return tx.conn.execute(query.values(revoked_at=now)).rowcount


def _found(conn: Connection, header: str | None, now: datetime) -> tuple[str, str] | None:
    """The organisation whose token this is, and the token's name; None for one that is not good
    (any more)."""
    if header is None or not header.startswith("Bearer "):
        return None
    token = header[len("Bearer ") :].strip()
    if not token or len(token) > TOKEN_MAX_CHARS:
        return None
    a = api_token.c
    row = conn.execute(
        select(a.org_id, a.name).where(
            a.sha256 == _sha256(token),
            a.scope == SCOPE,
            a.revoked_at.is_(None),
            a.expires_at > now,
            a.expires_at > a.made_at,
        )
    ).one_or_none()
    return None if row is None else (row.org_id, row.name)


# --- the route ------------------------------------------------------------------------------------


def init_app(app: Flask) -> None:
    """Add the route.  It has no cookie to forge: the token is the proof."""
    app.register_blueprint(blueprint)
    app.extensions["csrf"].exempt(blueprint)
    app.extensions["tryggve.plan_tries"] = Limiter(TRIES, TRIES_WINDOW_S)


@blueprint.errorhandler(_Refused)
def _refused(error: _Refused) -> Response:
    problem = Problem(code=error.code, detail=error.text, now_s=time.time())
    return Response(problem.model_dump_json(), error.status, mimetype="application/json")


@blueprint.errorhandler(PlanRefused)
def _bad_plan(error: PlanRefused) -> Response:
    lines = tuple(PlanLineProblem(line=one.line, detail=one.text) for one in error.lines)
    detail = "Nothing was kept; mend these lines and send it again."
    shown = lines[: plan_import.ERRORS_MAX]
    problem = PlanProblem(code="bad_plan", detail=detail, now_s=time.time(), lines=shown)
    return Response(problem.model_dump_json(), 422, mimetype="application/json")


@blueprint.errorhandler(UserError)
def _bad_file(error: UserError) -> Response:
    return _refused(_Refused(422, "bad_file", error.text))


@blueprint.post("/api/v1/plan")
def receive_plan() -> Response:
    """Keep a plan."""
    parts = staff()
    address = request.remote_addr or ""
    tries: Limiter = _tries()
    with parts.db.read() as conn:
        found = _found(conn, request.headers.get("Authorization"), datetime.now(UTC))
    if found is None:
        if not tries.allow(address):
            raise _Refused(429, "too_many", "Too many tries; wait ten minutes.")
        raise _Refused(401, "no_token", "The token is wrong, void or too old.")
    org, name = found
    sent = _read(parts, org)
    with parts.write() as tx:
        outcome, _before = plan_store.store(parts, tx, org, sent, token=name)
    answer = PlanAnswer(**asdict(outcome))
    return Response(answer.model_dump_json(), 200, mimetype="application/json")


def _tries() -> Limiter:
    limiter: Limiter = current_app.extensions["tryggve.plan_tries"]
    return limiter


def _read(parts: Staff, org: str) -> Sent:
    if (request.content_length or 0) > BODY_MAX_BYTES:
        raise _Refused(413, "too_big", f"A plan has at most {BODY_MAX_BYTES} bytes.")
    data = request.stream.read(BODY_MAX_BYTES + 1)
    if len(data) > BODY_MAX_BYTES:
        raise _Refused(413, "too_big", f"A plan has at most {BODY_MAX_BYTES} bytes.")
    kind = request.mimetype
    known = {"text/csv": {"source"}, "text/calendar": {"source", "home"}}.get(kind, set())
    if unknown := sorted(set(request.args) - known):
        raise _Refused(400, "bad_request", f"{kind} takes no {unknown[0]!r} in its address.")
    if kind in ("text/csv", "text/calendar"):
        ical, now, asked = kind == "text/calendar", parts.clock.now(), request.args
        source = asked.get("source", "ical" if ical else "csv")
        with parts.db.read() as conn:
            return plan_reading.read(
                conn, org, data, ical=ical, now=now, source=source, home=asked.get("home")
            )
    if kind != "application/json":
        raise _Refused(415, "bad_type", "Send application/json, text/csv or text/calendar.")
    return _asked(_json(data))


def _asked(asked: PlanRequest) -> Sent:
    span = None
    if asked.from_time is not None and asked.to_time is not None:
        span = (asked.from_time, asked.to_time)
    if (asked.from_time is None) != (asked.to_time is None) or (span and span[1] <= span[0]):
        text = "from_time and to_time come together, and to_time is the later one."
        raise _Refused(400, "bad_request", text)
    drafts = [
        Draft(
            line=number,
            home=one.home,
            external_id=one.id,
            since=one.since,
            until=one.until,
            what=one.what,
            people=one.people,
            team=one.team,
            staff_needed=one.staff_needed,
            withdrawn=one.withdrawn,
        )
        for number, one in enumerate(asked.visits, 1)
    ]
    return Sent(asked.source, drafts, span)


def _json(data: bytes) -> PlanRequest:
    try:
        parsed = json_said.read(data)
    except ValueError as error:
        raise _Refused(400, "bad_json", "The request is no JSON.") from error
    try:
        return PlanRequest.model_validate(parsed)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "request"
        raise _Refused(400, "bad_request", f"{where}: {first['msg'].lower()}.") from error
