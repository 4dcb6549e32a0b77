"""Alarms to another program of the organisation, by the Standard Webhooks form: ids only, signed,
with an id by which a repetition is known.

The receiver is an alarm centre of the organisation with the channel `webhook`; its address comes
from a page, so it leads to no private network unless `private_networks` says so.  It proves that
the other system took it (DELIVERED): no person knows of it by that.

    [channels.webhook]
    private_networks = ["10.20.0.0/16"]   # where the organisation's own systems stand

Not for: what the other program may ask for afterwards.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from gateway.events import utc_text
from web.staff.channels._http import Failed, Http, failure
from web.staff.channels.contract import (
    Address,
    Health,
    Incoming,
    Message,
    Outcome,
    Proof,
)
from web.staff.core.context import Staff
from web.staff.core.reaching import TIMEOUT_S
from web.staff.core.secret_files import SecretFiles

GONE = frozenset({410})
"""With it a receiver says that it wants no more (Standard Webhooks)."""


class Config(BaseModel):
    """`[channels.webhook]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timeout_s: Annotated[float, Field(gt=0, le=20)] = TIMEOUT_S
    private_networks: tuple[IPv4Network | IPv6Network, ...] = ()


def signing_secret(code_key: bytes, receiver: str) -> str:
    """What a receiver checks signatures with: its own, and made anew with a new receiver.
    `receiver`: the id of its row."""
    made = hmac.new(code_key, f"webhook:{receiver}".encode(), hashlib.sha256).digest()
    return f"whsec_{base64.b64encode(made).decode()}"


def open_channel(config: Config, staff: Staff, secrets: SecretFiles) -> Webhook:  # noqa: ARG001
    """The channel."""
    return Webhook(config, staff.keys.code_key)


class Webhook:
    """See the module."""

    name = "webhook"
    proof = Proof.DELIVERED
    delivered_within_s: float | None = None

    def __init__(self, config: Config, code_key: bytes) -> None:
        self._code_key = code_key
        self._http = Http(
            public_only=True, allow=config.private_networks, timeout_s=config.timeout_s
        )

    def send(self, message: Message, to: Address) -> Outcome:
        """See `Channel`."""
        from standardwebhooks.webhooks import Webhook as Signer

        now = datetime.now(UTC)
        body = json.dumps(_told(message), separators=(",", ":"))
        signer = Signer(signing_secret(self._code_key, to.id))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "tryggve",
            "webhook-id": message.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signer.sign(message.id, now, body),
        }
        try:
            answer = self._http.send("POST", to.value, headers=headers, body=body.encode())
        except Failed as failed:
            return failed.outcome()
        return failure(answer, gone=GONE) or Outcome(Proof.DELIVERED)

    def check(self) -> Health:
        """Each receiver is its own: nothing is common that could be broken."""
        return Health(True)

    def incoming(
        self,
        headers: Mapping[str, str],  # noqa: ARG002 - a channel is given them
        form: Mapping[str, str],  # noqa: ARG002
        body: bytes,  # noqa: ARG002
    ) -> Incoming:
        """Nothing comes back this way."""
        return Incoming()

    def close(self) -> None:
        """Let go of connections that are kept."""
        self._http.close()


def _told(message: Message) -> dict[str, object]:
    data = {
        "organisation": message.org,
        "home": message.home,
        "alarm": str(message.alarm),
        "severity": message.severity.value,
        "raised_at": utc_text(message.raised_at),
        "more_homes": message.others,
        "round": message.repeat,
        "url": message.url,
    }
    kind = "alarm.test" if message.test or message.trial else "alarm.raised"
    return {"type": kind, "timestamp": utc_text(message.raised_at), "data": data}
