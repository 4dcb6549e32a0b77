"""What a channel is: a way to tell somebody outside the open pages, and what is known of it after.

A channel is one file, `web/staff/channels/<name>.py`, with
- `Config`, a frozen pydantic model that refuses unknown keys: `[channels.<name>]` of the server's
  configuration.  A channel that needs none is always there (`ALWAYS = True`);
- `open_channel(config, staff, secrets)`, which makes what keeps to the protocol `Channel`, and
  raises `SecretError` where a secret is missing.

It is found by its file's name (`web.staff.channels.open_all`).  `send` runs in a thread of the
dispatcher and may block for `SEND_MAX_S` at most; it never raises: what went wrong is an `Outcome`.

Not for: who is told and when (`web.staff.ladders`), or what an acknowledgement does
(`web.staff.care.actions`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Protocol, runtime_checkable

from gateway.events import Coded, Ref, Severity
from web.staff.core.context import Staff

SEND_MAX_S = 25.0
"""Real seconds that a channel may take to hand a message over, repeats of its own included: an
alarm centre has 20 s to answer (SS 91100), and a ladder's shortest step is longer."""


class Proof(IntEnum):
    """How far a channel can know that a message came."""

    SENT = 1
    """Somebody took it to be sent on."""
    DELIVERED = 2
    """It is on the receiver's device, or with the alarm centre."""
    SHOWN = 3
    """The device showed it."""


class Why(Coded):
    """Why a message did not come."""

    NO_CHANNEL = "no_channel"
    """The receiver has no address on any channel that is set up."""
    GONE = "gone"
    """The address is no longer: a subscription that ended (404, 410), a number out of use."""
    REFUSED = "refused"
    """The provider does not let us send: wrong credentials, no credit (401, 402, 403)."""
    BAD = "bad"
    """The provider does not take this message (another 4xx)."""
    BUSY = "busy"
    """Too many at once, or the provider is broken (429, 5xx): tried again until the time was up."""
    UNREACHABLE = "unreachable"
    """No connection, or no answer in time."""
    NOT_DELIVERED = "not_delivered"
    """The provider says that it did not come to the device, or has not said so in time."""
    UNKNOWN = "unknown"
    """Of another version of the server."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where one receiver is reached on one channel.  `id` is the row in `contact_point` (or
    `alarm_centre`), `value` what the channel needs (a number, an endpoint, …: `key=value` data is
    JSON), `locale` of the receiver, `person` the person id; None: no person (a centre)."""

    id: str
    value: str
    locale: str = "sv"
    person: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What is told about an alarm.  `id` is random, once for each receiver, step and round: a
    provider that is asked twice with it (the server died in between) shows one message where it
    can, and a page always.

    `home_name` None: nothing outside may say which home (protected identity).  `reply` is what a
    receiver writes back to acknowledge by text; `url` leads to the alarm's page, behind a sign-in.
    `repeat`: which round of the last step this is, 1 the first time; `test`: a probe of the chain,
    silent for people (a channel that cannot be silent tries its way as far as its provider);
    `trial`: the receiver tries their own device, and sees and hears it.
    """

    id: str
    org: str
    home: str
    alarm: Ref
    type: str
    severity: Severity
    raised_at: datetime
    url: str
    home_name: str | None = None
    others: int = 0
    """How many more homes have it at once (a mass alarm)."""
    reply: str = "OK"
    repeat: int = 1
    test: bool = False
    said: str | None = None
    """Words for the receiver in place of the alarm's own, in their language: the answer to what
    they wrote back.  Never with a name; `url` tells who."""
    trial: bool = False
    said_reply: str | None = None
    """Of `said`: how to answer it, where an answer can come back by the same way."""

    @property
    def is_news(self) -> bool:
        """Whether it only tells something, and nobody is to act."""
        return self.said is not None and self.severity is Severity.ROUTINE


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of sending.  `proof` None: it did not go out, and `why` says so; then `again_s`
    says after how many real seconds trying again may help (None: it will not), and `text` one
    sentence for a technician, without secrets.  `provider_ref`: what the provider calls the
    message in its reports.  `gone`: the address is to be taken away and its owner told."""

    proof: Proof | None
    why: Why | None = None
    again_s: float | None = None
    provider_ref: str | None = None
    text: str = ""
    answer: Mapping[str, str] | None = None
    """What the receiver's system answered that others need (an alarm centre's voice address)."""

    @property
    def gone(self) -> bool:
        """Whether the address is no longer."""
        return self.why is Why.GONE


@dataclass(frozen=True, slots=True)
class Report:
    """A provider's later word about a message: by our `message` id or its own `provider_ref`.
    `proof` None: it did not come, `why`."""

    proof: Proof | None
    message: str | None = None
    provider_ref: str | None = None
    why: Why | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A receiver's answer by the channel: `sender` is the address that wrote (checked by whoever
    acts on it against who was told), `text` its words, `message` ours where the channel knows to
    which it is an answer."""

    sender: str
    text: str
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """What a provider's request to us said, once its own secret or signature was checked."""

    reports: Sequence[Report] = ()
    replies: Sequence[Reply] = ()


class Forged(Exception):
    """A request to us is not by the provider: answered 403, and nothing else happens."""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a channel works, by its own heartbeat.  `text`: one sentence for a technician when
    not, and `why`."""

    ok: bool
    text: str = ""
    why: Why | None = None


@runtime_checkable
class SendsCodes(Protocol):
    """A channel whose addresses are proved by a code that is sent to them."""

    def send_code(self, code: str, to: Address) -> Outcome:
        """Send a code to an address that is not proved yet.  As `Channel.send`."""
        ...


@runtime_checkable
class Tended(Protocol):
    """A channel that also publishes states: one worker has it look each round of its watch."""

    def tend(self, staff: Staff) -> None:
        """Tell what changed.  Never waits for anybody."""
        ...


class Channel(Protocol):
    """One way out.  Made once for each process; used by many threads."""

    name: str
    proof: Proof
    """The furthest that it can prove."""
    delivered_within_s: float | None
    """Real seconds after which a message that was sent and not reported as delivered counts as not
    delivered; None: the channel reports no delivery."""

    def send(self, message: Message, to: Address) -> Outcome:
        """Hand one message over.  Never raises; takes at most `SEND_MAX_S`."""
        ...

    def check(self) -> Health:
        """Try the way without telling anybody (credentials, connection).  Never raises; takes at
        most `SEND_MAX_S`."""
        ...

    def incoming(
        self, headers: Mapping[str, str], form: Mapping[str, str], body: bytes
    ) -> Incoming:
        """Read a provider's request to `/kanal/<name>/<secret>`.  Raises `Forged`; what cannot be
        read is an `Incoming` with nothing in it."""
        ...

    def close(self) -> None:
        """Let go of connections; may be called twice."""
        ...
