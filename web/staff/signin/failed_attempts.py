"""Failed sign-ins: one sentence for all of them, each an event, and none without end.

Three limits.  A fast one in memory for an address and an account; a slow one in the database for
an account from all strange browsers together, so that guesses from a thousand addresses are as slow
as from one; and both again for each browser that the account has used before, which is counted by
itself (`devices`): guessing from elsewhere never shuts it out.  The owner sees what was tried.

Not for: what a right sign-in looks like (`auth`, `passkeys`, `second_factor`, `single_sign_on`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from flask import current_app, request
from flask_babel import gettext
from sqlalchemy import Connection, delete, func, insert, select, text, update

from gateway.envelope import Draft
from gateway.events import AccountRefused, Coded
from web.staff.core.context import staff
from web.staff.core.limits import Limiter, network_of
from web.staff.events import append
from web.staff.signin import devices, hashing, whereabouts
from web.staff.storage import tables
from web.staff.storage.database import Database, Tx

TRIES = 10
"""Failed sign-ins of one account from one address, or one browser, in the window."""
TRIES_OF_ADDRESS = 100
"""A whole municipality may sit behind one address."""
TRIES_WINDOW_S = 600.0

CODE_TRIES = 5
"""Wrong codes of one account in the window, from anywhere: of a million codes three are right at a
time, so somebody who has the password needs years."""

TRIES_OF_ACCOUNT = 20
"""Failed sign-ins of one account in a day from all strange browsers together: 7,300 guesses a year
(NIST SP 800-63B allows 100 in a row at the most)."""
TRIES_OF_DEVICE = 30
"""The same for one browser that the account has used: a bad morning, and a stolen phone is slow
too."""
DAY = timedelta(hours=24)

KEPT = timedelta(days=30)
"""How long a failed sign-in is kept for its owner to see."""
KEPT_OF_ACCOUNT = 500
"""Rows of one account: those of a day count, and its strange and known browsers make fewer."""
KEPT_OF_NOBODY = 2000
"""Rows of addresses that are no account, counted alike so that nobody learns which are."""

CHALLENGE_LIFE_S = 300.0
"""Seconds that a used challenge of a passkey is remembered; it is valid for one minute."""

EXTENSION = "tryggve.limits"


class What(Coded):
    """What was tried."""

    PASSWORD = "password"  # noqa: S105 - a word, not a secret
    CODE = "code"
    UNKNOWN = "unknown"
    """Of another version of the server."""


@dataclass(frozen=True)
class Limits:
    """One application's counters of failed sign-ins."""

    account: Limiter = field(default_factory=lambda: Limiter(TRIES, TRIES_WINDOW_S))
    address: Limiter = field(default_factory=lambda: Limiter(TRIES_OF_ADDRESS, TRIES_WINDOW_S))
    code: Limiter = field(default_factory=lambda: Limiter(CODE_TRIES, TRIES_WINDOW_S))
    challenge: Limiter = field(default_factory=lambda: Limiter(1, CHALLENGE_LIFE_S))


@dataclass(frozen=True, slots=True)
class Failed:
    """A failed sign-in, as the account's owner sees it."""

    at: datetime
    what: What
    browser: str
    network: str
    known: bool
    """Whether it was in a browser that the account had used."""


def limits() -> Limits:
    """The running application's counters."""
    limits: Limits = current_app.extensions[EXTENSION]
    return limits


def place() -> str:
    """Where the request comes from, to count tries by."""
    return network_of(request.remote_addr or "")


def sentence() -> str:
    """The one answer to any failed sign-in."""
    return str(
        gettext(
            "Inloggningen misslyckades: kontrollera e-postadress och lösenord, och vänta några "
            "minuter om du har försökt flera gånger."
        )
    )


def note_refusal() -> None:
    """Write the event of a failed sign-in: from which address (hashed), nothing about whom."""
    parts = staff()
    refused = AccountRefused(address_sha256=parts.keys.hash_address(request.remote_addr or ""))
    with parts.write() as tx:
        append.write(parts, tx, None, Draft(refused))


# --- trying ---------------------------------------------------------------------------------------


def attempt(
    account: str, what: What, check: Callable[[], bool], *, device: str | None = None
) -> bool:
    """Whether somebody may try, and `check` says yes.  What fails is counted, and an event.

    `account` is the normal address of one, or of none.  `device` is what to count by; None: this
    browser when it is known, and otherwise among strangers.  Raises `hashing.Busy`.
    """
    device = device or devices.known(account)
    counters = _counters(account, what, device)
    for done, (limiter, key) in enumerate(counters):
        if not limiter.allow(key):
            _take_back(counters[:done])
            return False
    try:
        with hashing.turns().turn():
            row = _count(account, what, device)
            right = row is not None and check()
    except hashing.Busy:
        _take_back(counters)
        raise
    if row is None:
        return False
    if not right:
        note_refusal()
        return False
    limiter, key = counters[0]
    limiter.forget(key)
    with staff().db.write() as tx:
        tx.conn.execute(delete(tables.failed_sign_in).where(tables.failed_sign_in.c.id == row))
    return True


def _counters(account: str, what: What, device: str | None) -> list[tuple[Limiter, str]]:
    tried = limits()
    if what is What.CODE:
        return [(tried.code, f"{device or ''} {account}")]
    if device is not None:
        return [(tried.account, f"{device} {account}")]
    address = place()
    return [(tried.account, f"{address} {account}"), (tried.address, address)]


def _take_back(counters: list[tuple[Limiter, str]]) -> None:
    for limiter, key in counters:
        limiter.take_back(key)


def _count(account: str, what: What, device: str | None) -> int | None:
    """Count a try before it is made, so that many at once are not one; None: too many."""
    parts, t, u = staff(), tables.failed_sign_in, tables.user
    name = parts.keys.hash_account(account)
    now = datetime.now(UTC)
    with parts.db.write() as tx:
        if parts.db.postgres:  # one at a time for an account, as SQLite has it anyway
            lock = text("SELECT pg_advisory_xact_lock(:key)")
            tx.conn.execute(lock, {"key": int(name[:15], 16)})
        if _recent(tx.conn, name, device, now) >= (
            TRIES_OF_ACCOUNT if device is None else TRIES_OF_DEVICE
        ):
            return None
        owner = tx.conn.execute(select(u.c.id).where(u.c.email == account)).scalar_one_or_none()
        row: int = tx.conn.execute(
            insert(t)
            .values(
                account_sha256=name,
                user_id=owner,
                what=what.value,
                at=now,
                device_sha256=device,
                browser=whereabouts.browser_name(request.headers.get("User-Agent", "")),
                network=whereabouts.rough_network(request.remote_addr or ""),
            )
            .returning(t.c.id)
        ).scalar_one()
        _trim(tx, name, owner is None, now)
    return row


def _recent(conn: Connection, name: str, device: str | None, now: datetime) -> int:
    """How many failed within a day: in this browser, or in all strange ones (None)."""
    t = tables.failed_sign_in
    where = t.c.device_sha256.is_(None) if device is None else t.c.device_sha256 == device
    query = select(func.count()).where(t.c.account_sha256 == name, t.c.at > now - DAY, where)
    return int(conn.execute(query.where(~t.c.forgiven)).scalar_one())


def _trim(tx: Tx, name: str, nobody: bool, now: datetime) -> None:
    """Keep the table bounded: by age, by account, and for addresses that are nobody's."""
    t = tables.failed_sign_in
    tx.conn.execute(delete(t).where(t.c.account_sha256 == name, t.c.at < now - KEPT))
    for which, kept in (
        (t.c.account_sha256 == name, KEPT_OF_ACCOUNT),
        *([(t.c.user_id.is_(None), KEPT_OF_NOBODY)] if nobody else []),
    ):
        oldest = select(t.c.id).where(which).order_by(t.c.id.desc()).offset(kept).limit(1)
        tx.conn.execute(delete(t).where(which, t.c.id <= oldest.scalar_subquery()))


# --- what its owner sees --------------------------------------------------------------------------


def of_account(database: Database, user_id: int, shown: int = 10) -> list[Failed]:
    """The latest failed sign-ins of an account."""
    t = tables.failed_sign_in
    query = select(t).where(t.c.user_id == user_id).order_by(t.c.id.desc()).limit(shown)
    with database.read() as conn:
        return [
            Failed(
                row.at, What.read(row.what), row.browser, row.network, row.device_sha256 is not None
            )
            for row in conn.execute(query)
        ]


def strangers_wait(database: Database, account: str) -> bool:
    """Whether an account cannot be signed in to by password from a browser that it never used."""
    with database.read() as conn:
        name = staff().keys.hash_account(account)
        return _recent(conn, name, None, datetime.now(UTC)) >= TRIES_OF_ACCOUNT


def forgive(tx: Tx, user_id: int) -> None:
    """A new password: what was guessed about the old one counts no more, and stays to be seen."""
    t = tables.failed_sign_in
    tx.conn.execute(update(t).where(t.c.user_id == user_id).values(forgiven=True))
