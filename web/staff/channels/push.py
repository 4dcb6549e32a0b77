"""Web Push: a notification on a phone or a computer that has the page installed, also when it is
locked and no page is open.

What it proves: the push service took it (SENT), and when the device's service worker has shown it,
the device says so itself (SHOWN).  The message says that there is an alarm and nothing of anybody,
is encrypted for that device (RFC 8291), and signed with a key of this server's (VAPID, RFC 8292:
the secret file `push_key`, made by `tryggve staff init`).

    [channels.push]
    contact = "mailto:drift@kommun.example"   # whom the push service writes to

A device's answer (shown, taken) comes with a token that this server sealed for that message and
that device; it is good for `TOKEN_H` hours, and whoever acts on it does so once.

Not for: subscribing (`web.staff.people.contact_points`), or who may take an alarm
(`web.staff.ladders`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import threading
import time
from collections import deque
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.errors import ConfigError, SecretError
from web.staff.channels import _words, door
from web.staff.channels._http import Failed, Http, failure
from web.staff.channels.contract import (
    Address,
    Forged,
    Health,
    Incoming,
    Message,
    Outcome,
    Proof,
    Reply,
    Report,
    Why,
)
from web.staff.core.context import Staff
from web.staff.core.reaching import TIMEOUT_S
from web.staff.core.secret_files import PUSH_KEY, SecretFiles

SHOWN_WITHIN_S = 20.0
"""Real seconds in which a device says that it showed a message: two or three where it has a
network.  One that is off must not hold the ladder up (pushes were seen 16 minutes late:
home-assistant/android #3296)."""

TTL_S = 900
"""Seconds for which the push service keeps a message for a device that has no network: after a
quarter of an hour somebody else was told long ago."""

TOKEN_H = 12
"""Hours for which a device's answer counts: a shift."""

VAPID_H = 12
"""Hours for which one signature for a push service is used (RFC 8292 allows 24)."""

GONE = frozenset({404, 410})
"""With these a push service says that the subscription ended (RFC 8030)."""

BODY_MAX = 4000
"""Bytes of a device's answer."""

ASKED_MAX = 4
"""Push services that `check` asks: those that took something last."""

_B64 = r"^[A-Za-z0-9_-]+=*$"


class Keys(BaseModel):
    """A subscription's keys, as the browser names them."""

    model_config = ConfigDict(frozen=True)

    p256dh: Annotated[str, Field(pattern=_B64, max_length=200)]
    auth: Annotated[str, Field(pattern=_B64, max_length=100)]


class Subscription(BaseModel):
    """What a browser gives the page when somebody lets it notify (`PushSubscription.toJSON`)."""

    model_config = ConfigDict(frozen=True)

    endpoint: Annotated[str, Field(pattern=r"^https?://[^/@]+/", max_length=1000)]
    keys: Keys

    def whole(self) -> bool:
        """Whether its keys are keys."""
        try:
            point = _unpacked(self.keys.p256dh)
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
            return len(_unpacked(self.keys.auth)) == 16
        except ValueError:
            return False


def read_subscription(text: str) -> Subscription | None:
    """A subscription from its JSON; None when it is none."""
    try:
        found = Subscription.model_validate_json(text)
    except ValidationError:
        return None
    return found if found.whole() else None


class Config(BaseModel):
    """`[channels.push]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    contact: Annotated[str, Field(pattern=r"^(mailto:[^@\s]+@[^@\s]+|https://.+)$")] | None = None
    """None: the server's own address (`public_url`)."""
    shown_within_s: Annotated[float, Field(ge=2, le=600)] = SHOWN_WITHIN_S
    ttl_s: Annotated[int, Field(ge=30, le=86_400)] = TTL_S
    timeout_s: Annotated[float, Field(gt=0, le=20)] = TIMEOUT_S
    private_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks of the organisation's own in which a push service stands.  Everywhere else only
    addresses of the open internet are asked: a browser says where its service is."""


def open_channel(config: Config, staff: Staff, secrets: SecretFiles) -> Push:
    """The channel.  Raises `SecretError`, and `ConfigError` where nobody can be written to."""
    contact = config.contact or staff.config.public_url
    if contact is None or not contact.startswith(("mailto:", "https:")):
        raise ConfigError(
            "staff.toml",
            "channels.push.contact",
            "push services want to know whom to write to",
            'add it, as in contact = "mailto:drift@kommun.example"',
        )
    seal = hashlib.sha256(b"push:" + staff.keys.code_key).digest()
    return Push(config, _key(secrets), contact, seal, f"/kanal/push/{door(staff, 'push')}")


def _key(secrets: SecretFiles) -> ec.EllipticCurvePrivateKey:
    pem = secrets.read(PUSH_KEY)
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        path = secrets.folder / PUSH_KEY
        raise SecretError(
            f"{path}: this is no P-256 key in PEM form; restore it from your backup, or remove the "
            "file, run `tryggve staff init` and let every device be added anew.",
            file=str(path),
        )
    return key


class Push:
    """See the module."""

    name = "push"
    proof = Proof.SHOWN

    def __init__(
        self,
        config: Config,
        key: ec.EllipticCurvePrivateKey,
        contact: str,
        seal: bytes,
        report_path: str,
    ) -> None:
        from py_vapid import Vapid02

        self._config = config
        self._contact = contact
        self._seal = seal
        self._report_path = report_path
        self._vapid = Vapid02(key)
        self._http = Http(
            public_only=True, allow=config.private_networks, timeout_s=config.timeout_s
        )
        self._lock = threading.Lock()
        self._signed: dict[str, tuple[float, str]] = {}
        self._asked: deque[str] = deque(maxlen=ASKED_MAX)
        self.delivered_within_s: float | None = config.shown_within_s
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.application_key = _packed(point)
        """What a browser subscribes with."""

    def send(self, message: Message, to: Address) -> Outcome:
        """See `Channel`."""
        subscription = read_subscription(to.value)
        if subscription is None:
            return Outcome(None, Why.GONE, text="the address is no subscription")
        body = _encrypted(subscription, json.dumps(self._told(message, to)).encode())
        headers = {
            "Authorization": self._authorization(subscription.endpoint),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(self._config.ttl_s),
            "Urgency": "high",
            "Topic": _packed(hashlib.sha256(_tag(message).encode()).digest())[:32],
        }
        try:
            answer = self._http.send("POST", subscription.endpoint, headers=headers, body=body)
        except Failed as failed:
            return failed.outcome()
        wrong = failure(answer, gone=GONE)
        if wrong is None:
            self._note(_origin(subscription.endpoint))
        return wrong or Outcome(Proof.SENT)

    def _told(self, message: Message, to: Address) -> dict[str, Any]:
        """What the device is told.  `tag`: the same alarm again takes the earlier one's place."""
        token = self._token(message.id, to.id)
        return {
            "title": _words.title(message, to.locale),
            "body": _words.below(message, to.locale),
            "url": message.url,
            "tag": _tag(message),
            "lang": to.locale,
            "test": message.test,
            "quiet": message.is_news,
            "report": self._report_path,
            "token": token,
            "actions": []
            if message.trial or message.said is not None
            else _words.actions(to.locale),
            "failed": _words.not_taken(to.locale),
        }

    def _authorization(self, endpoint: str) -> str:
        """The signature for a push service, used for hours: alarms of a storm go to few of them."""
        origin, now_s = _origin(endpoint), time.time()
        with self._lock:
            made_s, header = self._signed.get(origin, (0.0, ""))
            # one of a clock that was ahead lies too long in the future: services refuse that
            if 0.0 <= now_s - made_s < VAPID_H * 3600:
                return header
        claims = {"aud": origin, "sub": self._contact, "exp": int(now_s + VAPID_H * 3600 + 600)}
        header = str(self._vapid.sign(claims)["Authorization"])
        with self._lock:
            if len(self._signed) > 100:  # a handful of push services exist
                self._signed.clear()
            self._signed[origin] = (now_s, header)
        return header

    def _note(self, origin: str) -> None:
        with self._lock:
            if origin not in self._asked:
                self._asked.append(origin)

    def check(self) -> Health:
        """Whether the push services that were used last answer at all."""
        with self._lock:
            asked = list(self._asked)
        for origin in asked:
            try:
                answer = self._http.send("GET", f"{origin}/")
            except Failed as failed:
                return Health(False, failed.text, failed.why)
            wrong = failure(answer)
            if wrong is not None and wrong.why is Why.BUSY:
                return Health(False, wrong.text, wrong.why)
        return Health(True)

    # --- what devices answer

    def _token(self, message: str, address: str) -> str:
        until = int(time.time()) + TOKEN_H * 3600
        said = json.dumps([message, address, until]).encode()
        return f"{_packed(said)}.{_packed(self._mac(said))}"

    def _mac(self, said: bytes) -> bytes:
        return hmac.digest(self._seal, said, "sha256")[:16]

    def _opened(self, token: object) -> tuple[str, str]:
        """A token's message and address.  Raises `Forged`."""
        if not isinstance(token, str) or len(token) > 600 or not token.isascii():
            raise Forged
        said_text, _, mac = token.partition(".")
        try:
            said = _unpacked(said_text)
            if not hmac.compare_digest(_unpacked(mac), self._mac(said)):
                raise Forged
        except ValueError as error:
            raise Forged from error
        message, address, until = json.loads(said)  # sealed: it is ours
        if time.time() > until:
            raise Forged
        return message, address

    def incoming(
        self,
        headers: Mapping[str, str],  # noqa: ARG002 - a channel is given them
        form: Mapping[str, str],  # noqa: ARG002
        body: bytes,
    ) -> Incoming:
        """A device says what became of a message: JSON with the message's `token` and `what`
        (`shown`, `delivered`: it came and could not be shown, `taken`)."""
        try:
            told = json.loads(body[:BODY_MAX])
        except (ValueError, RecursionError):
            return Incoming()
        if not isinstance(told, dict) or "token" not in told:
            return Incoming()
        message, address = self._opened(told["token"])
        what = told.get("what")
        if what == "taken":
            shown = Report(Proof.SHOWN, message)
            return Incoming((shown,), (Reply(address, "OK", message),))
        proof = {"shown": Proof.SHOWN, "delivered": Proof.DELIVERED}.get(str(what))
        return Incoming() if proof is None else Incoming((Report(proof, message),))

    def close(self) -> None:
        """Let go of connections that are kept."""
        self._http.close()


def _tag(message: Message) -> str:
    """What is the same for one alarm, and says nothing of it."""
    own = message.trial or message.test or message.is_news
    what = message.id if own else str(message.alarm)
    return hashlib.sha256(what.encode()).hexdigest()[:16]


def _origin(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{parts.netloc}"


def _encrypted(subscription: Subscription, said: bytes) -> bytes:
    from pywebpush import WebPusher

    keys = {"p256dh": subscription.keys.p256dh, "auth": subscription.keys.auth}
    pusher = WebPusher({"endpoint": subscription.endpoint, "keys": keys})
    body: bytes = pusher.encode(said)["body"]
    return body


def _packed(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unpacked(text: str) -> bytes:
    """Raises `ValueError`."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError(str(error)) from error
