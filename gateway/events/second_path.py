"""The way past the server: what the gateway itself tells of an alarm that the server has not got,
and the test alarm that tries every hop.

Receivers are named by their ids; telephone numbers and addresses stand in no event.  Not for:
alarms themselves (`alarms`), or whom the server tells (`alarm_way`).
"""

from __future__ import annotations

import dataclasses
from typing import Annotated

from pydantic import AwareDatetime

from gateway.events.alarm_types import AlarmType, Severity
from gateway.events.base import By, Coded, Data, Else, Prose, Ref, Why, kind


class PathChannel(Coded):
    """How the gateway itself reaches a receiver."""

    SMS = "sms"
    """A text message over the gateway's own modem."""
    SCAIP = "scaip"
    """An alarm centre, over SIP."""
    UNKNOWN = "unknown"
    """Of a newer version: cannot be used here."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PathReceiver:
    """Somebody whom the gateway tells: `id` as the server names them, `told` which alarms (care or
    technical) they get."""

    id: str
    channel: PathChannel
    told: Severity


_CARE = tuple(one.value for one in AlarmType if one.severity is Severity.CARE)


@kind("home.second_path_set", by=By.SERVER)
class HomeSecondPathSet(Data):
    """Whom the gateway itself tells, in this order, when the server has not got an alarm.  Their
    numbers come beside it, signed (`gateway.access.receiver_lists`).  No receivers: nobody.

    What a newer server says more is passed over: rather somebody is told whom it would have spared
    than nobody."""

    receivers: tuple[PathReceiver, ...]
    types: Annotated[tuple[str, ...], Else(_CARE)]
    """The alarms of care that are told so, by their `AlarmType`."""
    reply: Annotated[str, Else("OK")]
    """The word that a receiver answers with who goes there."""
    wait_s: Annotated[float, Else(120.0)]
    """Seconds that a receiver has to answer before the next is told."""
    digest: str
    """SHA-256 of the signed list with the numbers, which holds a secret of its own."""


@kind("gateway.message_sent", by=By.HOME, urgent=True)
class GatewayMessageSent(Data):
    """The gateway itself told a receiver of an alarm.  Its reference is the message's identity.
    Not: that the message has come."""

    alarm: Ref
    receiver: str
    channel: PathChannel
    attempt: int = 1
    """How often this receiver was told of this alarm, this time included."""


@kind("gateway.message_delivered", by=By.HOME, urgent=True)
class GatewayMessageDelivered(Data):
    """The receiver's telephone, or the alarm centre, has the message.  Not: that it was read."""

    message: Ref


@kind("gateway.message_failed", by=By.HOME, urgent=True)
class GatewayMessageFailed(Data):
    """A receiver could not be told, or the message did not come: the next one is told at once."""

    alarm: Ref
    receiver: str
    channel: PathChannel
    why: Why
    """`no_modem`, `no_network`, `locked`, `refused`, `no_answer`, `busy`, `undelivered`,
    `no_address`, `no_channel`."""
    message: Ref | None = None
    """The message that did not come; None: it was not even sent."""


@kind("gateway.message_answered", by=By.HOME, urgent=True)
class GatewayMessageAnswered(Data):
    """The receiver of this message answered that they go: the alarm is acknowledged."""

    message: Ref
    alarm: Ref
    receiver: str


@kind("gateway.second_path_failed", by=By.HOME, urgent=True)
class GatewaySecondPathFailed(Data):
    """The gateway could tell nobody if it had to.  Told once for each `why`."""

    why: Why
    """As in `gateway.message_failed`."""


@kind("gateway.second_path_ready", by=By.HOME, urgent=True)
class GatewaySecondPathReady(Data):
    """The gateway can tell its receivers itself, as far as it can know.  `signal_pct` None: not
    told."""

    signal_pct: int | None = None


class TestWhy(Coded):
    """Why a test alarm was sent."""

    __test__ = False  # for pytest, which takes it for a test by its name

    DAILY = "daily"
    STARTED = "started"
    """The gateway was started."""
    UPDATED = "updated"
    """It was started in another version than before."""
    UNKNOWN = "unknown"
    """Of a newer version: for another reason."""


@kind("gateway.test_sent", by=By.HOME, urgent=True)
class GatewayTestSent(Data):
    """A test alarm, which rings nowhere: it goes where an alarm goes, and the answer comes back as
    `server.test_answered`."""

    why: TestWhy
    next_by: AwareDatetime
    """When the next one is sent at the latest, if the gateway lives."""


@kind("gateway.test_passed", by=By.HOME)
class GatewayTestPassed(Data):
    """The test alarm went all the way and back.  Not: that every channel holds (the answer says
    which do not)."""

    test: Ref


@kind("gateway.test_failed", by=By.HOME, urgent=True)
class GatewayTestFailed(Data):
    """The test alarm did not come back in time."""

    test: Ref
    hop: Why
    """Where it stayed: `server` (nobody there took it), `dispatcher` (the server took it, and its
    dispatcher did not answer)."""


@kind("server.test_answered", by=By.SERVER, urgent=True)
class ServerTestAnswered(Data):
    """A home's test alarm came to the dispatcher, which tried its channels.  `broken` names those
    that do not hold; none: all do."""

    test: Ref
    broken: tuple[str, ...] = ()


@kind("home.test_missed", by=By.SERVER, urgent=True)
class HomeTestMissed(Data):
    """A hop of this home's alarms is broken, as far as test alarms show."""

    hop: str
    """`home` (none was sent, and the home is heard), or as in `gateway.test_failed`."""
    note: Prose = ""
