"""Attacks on the door, each tried for real against the home's own judgement: what was refused.

Also a list to read (docs/security.md).  Not for: the server's pages and routes.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.access import grants
from gateway.access.grants import Action, Reason
from gateway.envelope import Draft
from gateway.events import (
    AlarmOutcome,
    AlarmRaised,
    AlarmResolved,
    CodesPaused,
    GrantApproved,
    GrantRequested,
    GrantRevoked,
    LockOperationRefused,
    ServerKeyRefused,
    Severity,
    alarm_type,
)
from tests.conftest import START
from tests.test_code_entry import Door, told
from tests.test_lock_orders import GRANT, KEY
from tests.test_serverkeys import FORGED
from tests.test_serverkeys import Home as KeyHome

Attack = Callable[[Door], Awaitable[None]]
ATTACKS: dict[str, Attack] = {}


def attack(name: str) -> Callable[[Attack], Attack]:
    def add(run: Attack) -> Attack:
        ATTACKS[name] = run
        return run

    return add


def _grant(name: str, **changed: object) -> None:
    async def run(door: Door) -> None:
        await door.order(replace(GRANT, **changed))  # type: ignore[arg-type]

    ATTACKS[name] = run


_grant("grant for another home", home="h2")
_grant("grant for another device", device="garage")
_grant("grant to look, used to turn", action=Action.LOOK)
_grant("grant that has expired", not_before=START - timedelta(hours=1), expires=START)
_grant(
    "grant of tomorrow",
    not_before=START + timedelta(days=1),
    expires=START + timedelta(days=1, minutes=2),
)
_grant("grant for an alarm that nobody raised", reason=Reason.ALARM, ref="home:h1/9")
_grant("grant for a check that asks for nobody", reason=Reason.CHECK, ref="night@x")
_grant("grant for service that nobody approved", reason=Reason.SERVICE, ref="staff:h1/1")


@attack("grant signed by another key")
async def _another_key(door: Door) -> None:
    await door.order(GRANT, key=Ed25519PrivateKey.generate())


@attack("grant altered")
async def _altered(door: Door) -> None:
    head, body, signature = grants.sign(GRANT, KEY, "k1").split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["exp"] += 10_000
    changed = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    await door.lock_orders.order(f"{head}.{changed}.{signature}")


@attack("grant without a signature")
async def _unsigned(door: Door) -> None:
    await door.lock_orders.order(jwt.encode({"jti": "x"}, key="", algorithm="none"))


@attack("grant replayed")
async def _replayed(door: Door) -> None:
    door.view.rights._used.add(GRANT.id)
    await door.order(GRANT)


@attack("grant revoked")
async def _revoked(door: Door) -> None:
    door.decided(GrantRevoked(grant=GRANT.id))
    await door.order(GRANT)


@attack("grant of an alarm that is resolved")
async def _resolved(door: Door) -> None:
    raised = door._kept(
        Draft(AlarmRaised(type=alarm_type("x"), severity=Severity.CARE, since=START))
    )
    door._kept(Draft(AlarmResolved(alarm=raised.ref, outcome=AlarmOutcome.FALSE)))
    await door.order(replace(GRANT, reason=Reason.ALARM, ref=raised.ref))


@attack("clock turned back for an old grant")
async def _turned_back(door: Door) -> None:
    door.decided(GrantRequested(action="unlock"), at=START + timedelta(days=1))
    await door.order(GRANT)


@attack("service approved by the one who asked")
async def _own_approval(door: Door) -> None:
    asked = door.decided(GrantRequested(action="unlock"), "p7")
    until = START + timedelta(hours=1)
    yes = door.decided(GrantApproved(request=asked.ref, until=until), "p7")
    await door.order(replace(GRANT, reason=Reason.SERVICE, ref=yes.ref))


@attack("code used twice")
async def _twice(door: Door) -> None:
    door.view.rights._used.add("code-a")
    await door.type("12345678")


@attack("code of yesterday")
async def _yesterday(door: Door) -> None:
    door.at(START + timedelta(hours=30))
    await door.type("12345678")


@attack("clock turned back for an old code")
async def _old_code(door: Door) -> None:
    door.at(START + timedelta(hours=13))
    door.submit(Draft(GrantRevoked(grant="other")))
    door.at(START)
    await door.type("12345678")


@attack("code guessed a thousand times")
async def _guessing(door: Door) -> None:
    for n in range(1000):
        await door.type(f"12{n:06d}")
    assert any(isinstance(d.data, CodesPaused) for d in door.drafts)


@attack("code of a false list")
async def _false_list(door: Door) -> None:
    door.issue(told("code-x", 30, "777777", key=bytes(32)))
    await door.type("30777777")


@attack("code whose time was stretched in the list")
async def _stretched(door: Door) -> None:
    door.issue(replace(told("code-y", 31, "777777"), expires=START + timedelta(days=99)))
    await door.type("31777777")


async def run_all() -> dict[str, bool]:
    """Each attack and whether it was refused: no turn, and an event that says so."""
    found = {}
    for name, run in ATTACKS.items():
        door = Door()
        await run(door)
        noted = any(isinstance(d.data, LockOperationRefused | CodesPaused) for d in door.drafts)
        found[name] = noted and door.lock.turns == []
    for name, forged in FORGED.items():
        home = KeyHome()
        refused = isinstance(home.keys.offered(forged), ServerKeyRefused)
        found[f"server key: {name}"] = refused and home.kept == []
    return found
