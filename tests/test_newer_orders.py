"""An order of a newer server that says more than this home knows: the door stays shut, and whoever
stands before it reads why."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.access import grants
from gateway.app.uplink_bridge import callbacks
from gateway.engine.engine import Engine
from gateway.events import LockOperationRefused, Refusal
from gateway.link.link_state import UplinkCallbacks
from tests.test_lock_orders import GRANT, KEY, Home


def bridge(home: Home, tasks: list[asyncio.Task[None]]) -> UplinkCallbacks:
    """What the uplink calls, with a real door behind it."""

    async def no(order: Any, understood: bool) -> None:
        raise AssertionError(order)

    def spawn(work: Coroutine[Any, Any, None]) -> None:
        tasks.append(asyncio.ensure_future(work))

    def unasked(_said: Any) -> None:
        raise AssertionError(_said)

    return callbacks(
        cast(Engine, None),
        asyncio.get_running_loop(),
        order=home.lock_orders.order,
        call=no,
        look=no,
        spawn=spawn,
        on_server_time=unasked,
        on_confirmed=unasked,
        on_receivers=unasked,
        on_centre=unasked,
        on_listen=unasked,
    )


@pytest.mark.parametrize(
    ("said", "why", "grant"),
    [
        ({"grant": grants.sign(GRANT, KEY, "k1"), "only": "once"}, Refusal.NOT_UNDERSTOOD, "g1"),
        ({"grant": grants.sign(GRANT, Ed25519PrivateKey.generate(), "k1")}, Refusal.FORGED, None),
        ({"grant": {"signed": 1}}, Refusal.FORGED, None),
        ({"door": "front"}, Refusal.FORGED, None),
    ],
)
async def test_an_order_that_says_more_turns_nothing_and_is_told(
    said: dict[str, Any], why: Refusal, grant: str | None
) -> None:
    """Refused by the name of its grant and of who asked, where the server signed it."""
    home, tasks = Home(), list[asyncio.Task[None]]()
    bridge(home, tasks).on_unread_order("turn", said)
    await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert home.lock.turns == []
    (told,) = home.drafts
    assert told.data == LockOperationRefused(grant=grant, why=why)
    assert told.person == ("p7" if grant else None)
    bridge(home, tasks).on_lock_order(grants.sign(replace(GRANT, id="g2"), KEY, "k1"))
    await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert home.lock.turns == ["unlock"], "the next is as ever"


@pytest.mark.parametrize("claim", ["act", "rsn", "ref", "sub", "dev", "jti", "aud"])
@pytest.mark.parametrize("value", [{"a": 1}, ["unlock"], 7, True])
async def test_a_grant_with_a_claim_of_another_form_opens_nothing(claim: str, value: Any) -> None:
    """It was signed, so it is told as what is not understood; nothing breaks on it."""
    import jwt

    plain = jwt.decode(grants.sign(GRANT, KEY, "k1"), options={"verify_signature": False})
    head = {"kid": "k1", "typ": grants.TYP}
    token = jwt.encode({**plain, claim: value}, KEY, algorithm="EdDSA", headers=head)
    home = Home()
    await home.lock_orders.order(token)
    assert home.lock.turns == []
    (why,) = home.refusals()
    assert why in (Refusal.NOT_UNDERSTOOD, Refusal.FORGED)
