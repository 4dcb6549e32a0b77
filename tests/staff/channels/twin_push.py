"""A push service and a device: what comes is opened with the device's own key (RFC 8291)."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.staff.channels import receiver
from tests.staff.channels.twin import HTTP_FAULTS, Twin
from web.staff.channels.contract import Address, Why

FAULTS: dict[str, Why | None] = {
    **HTTP_FAULTS,
    "404": Why.GONE,
    "410": Why.GONE,
    "413": Why.BAD,
    "html": None,
    "half": None,
}


def packed(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass
class Device:
    """A browser's half of a subscription."""

    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    auth: bytes = field(default_factory=lambda: os.urandom(16))

    def subscription(self, endpoint: str) -> str:
        """What the browser gives the page."""
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": packed(point), "auth": packed(self.auth)}
        return json.dumps({"endpoint": endpoint, "expirationTime": None, "keys": keys})

    def opened(self, body: bytes) -> dict[str, Any]:
        """A message as the service worker gets it."""
        plain = http_ece.decrypt(
            body, private_key=self.key, auth_secret=self.auth, version="aes128gcm"
        )
        told: dict[str, Any] = json.loads(plain)
        return told


@dataclass(kw_only=True)
class Pushed(Twin):
    """`opened_by`: whose messages `sent` opens from now on."""

    opened_by: Callable[[Device], None]


def new_key() -> str:
    """A VAPID key as a secret file has it."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@contextmanager
def running(folder: Path) -> Iterator[Pushed]:
    """The push service, listening, and a device that it knows."""
    devices = [Device()]
    with receiver.running(b"", 201) as service:

        def behave(how: str) -> None:
            service.always = how

        def sent() -> bytes:
            pushed = [one for one in service.asked if one.method == "POST"]
            return b"\n".join(
                json.dumps([one.headers, devices[-1].opened(one.body)]).encode() for one in pushed
            )

        yield Pushed(
            settings={
                "contact": "mailto:drift@kommun.example",
                "timeout_s": 0.4,
                "private_networks": ["127.0.0.0/8"],
            },
            secrets={"push_key": new_key()},
            address=Address("c2", devices[0].subscription(f"{service.url}/p/abc"), person="p7"),
            behave=behave,
            sent=sent,
            opened_by=devices.append,
        )
