"""Every error of the project, in one tree.  Each carries data, not only a sentence.

    TryggveError
    ├── UserError                 somebody gave us something wrong: one sentence, no traceback
    │   ├── ConfigError           a configuration file: file, key, mend
    │   ├── SecretError           a missing or badly kept secret
    │   ├── UnknownDriver         a device kind that no driver has
    │   └── RecordingError        a recorded file: file, line
    ├── BadEvent                  bytes that are no event
    ├── BadMessage                bytes that are no SIP, or no SCAIP: `snu` says what to answer
    ├── ChainError                an event that does not continue its chain
    ├── LogError                  the event log
    │   ├── LogCorrupt            the file is damaged
    │   └── LogUnwritable         the disk refuses (full, gone, read-only)
    ├── DeviceError               a device or its driver
    │   ├── DeviceUnavailable     not there, not reachable, no adapter
    │   ├── DeviceRefused         the device said no; `code` is the device's own
    │   └── ProtocolError         the device said something that its protocol does not allow
    ├── LinkError                 between the home and the server
    │   ├── LinkDown              no connection, no answer in time, or not now: `wait_s`
    │   └── LinkRefused           the other side said no; `status` and `code`
    ├── GrantRefused              a grant that does not open: `why` is a `gateway.events.Refusal`
    ├── PermitRefused             a permit for a call that does not hold: a `VoiceRefusal`
    ├── ReleaseRefused             a release that is not taken: a `gateway.events.UpdateWhy`
    ├── BadPlan                   a plan of night checks that cannot be followed: `why`, `what`
    └── DescriptionRefused        what a page or a home said of its end of a call

Not for: deciding what to do about an error.
"""

from __future__ import annotations

from typing import Any


class TryggveError(Exception):
    """The root.  `text` is one sentence for a person."""

    def __init__(self, text: str, **data: Any) -> None:
        super().__init__(text)
        self.text = text
        self.data = data

    def __str__(self) -> str:
        return self.text


class UserError(TryggveError):
    """Somebody gave us something wrong; the command line prints `text` and exits with 2."""


class ConfigError(UserError):
    """A configuration file is wrong: `text` names the file, the key and how to mend it."""

    def __init__(
        self, file: str, key: str, problem: str, mend: str, *, fault: str = "value"
    ) -> None:
        """`fault` is a word of `gateway.events.ConfigFault`."""
        where = f"{file}: {key}: " if key else f"{file}: "
        super().__init__(f"{where}{problem}; {mend}.", file=file, key=key)
        self.key, self.fault = key, fault


class SecretError(UserError):
    """A secret is missing or can be read by others; there is never a default."""


class UnknownDriver(UserError):
    """No driver has this `name`; `known` are those that there are."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        text = f"there is no driver {name!r}; choose one of {', '.join(known)}."
        super().__init__(text, name=name, known=known)
        self.name = name
        self.known = known


class RecordingError(UserError):
    """A recorded file cannot be replayed; `line` counts from 1, the header included."""


class BadEvent(TryggveError):
    """Bytes that are no event."""


class BadMessage(TryggveError):
    """Bytes that are no SIP or no SCAIP message.  `snu` is SCAIP's number for what is wrong."""

    def __init__(self, text: str, *, snu: int) -> None:
        super().__init__(text, snu=snu)
        self.snu = snu


class ChainError(TryggveError):
    """An event does not continue its chain.  `seq` is the first number that does not fit."""

    def __init__(self, text: str, seq: int) -> None:
        super().__init__(text, seq=seq)
        self.seq = seq


class LogError(TryggveError):
    """The event log cannot do its work."""


class LogCorrupt(LogError):
    """The log's file is damaged."""


class LogUnwritable(LogError):
    """The disk refuses to take a write: full, gone, or read-only."""


class DeviceError(TryggveError):
    """A device, or the driver for it."""


class DeviceUnavailable(DeviceError):
    """The device is not there, not reachable, or the radio or pins it needs are missing."""


class RadioAway(DeviceUnavailable):
    """The home's radio does not listen: nothing is known of the device itself."""


class DeviceRefused(DeviceError):
    """The device answered no.  `why` is a word for the log, `code` the device's own number."""

    def __init__(self, text: str, *, why: str, code: int | None = None) -> None:
        super().__init__(text, why=why, code=code)
        self.why = why
        self.code = code


class ProtocolError(DeviceError):
    """The device said something that its protocol does not allow."""


class LinkError(TryggveError):
    """Between the home and the server."""


class LinkDown(LinkError):
    """No connection, or no answer in time; to be tried again: after `wait_s`, where the other side
    said so.  `busy`: it is well, and has more to do than it can."""

    def __init__(
        self, text: str, *, wait_s: float | None = None, busy: bool = False, **data: Any
    ) -> None:
        super().__init__(text, wait_s=wait_s, busy=busy, **data)
        self.wait_s = wait_s
        self.busy = busy


class LinkRefused(LinkError):
    """The other side answered no.  `status` is the HTTP status, `code` its word for why; `is_ours`:
    it was a server of ours that said so."""

    def __init__(self, text: str, *, status: int, code: str, is_ours: bool = True) -> None:
        super().__init__(text, status=status, code=code)
        self.status = status
        self.code = code
        self.is_ours = is_ours


class GrantRefused(TryggveError):
    """A grant does not open.  `why` is a `gateway.events.Refusal` value; `grant` its id, or None
    when it could not be read."""

    def __init__(self, why: str, *, grant: str | None = None, person: str | None = None) -> None:
        super().__init__(f"the grant was refused: {why}", why=why, grant=grant)
        self.why = why
        self.grant = grant
        self.person = person


class PermitRefused(TryggveError):
    """A permit for a call or a look does not hold.  `why` is a `gateway.events.VoiceRefusal` or
    `LookRefusal`; `call` (or look) and `person` None: they could not be read."""

    def __init__(self, why: str, *, call: str | None = None, person: str | None = None) -> None:
        super().__init__(f"permit refused: {why}", why=why, call=call, person=person)
        self.why = why
        self.call = call
        self.person = person


class ReleaseRefused(TryggveError):
    """A release is not taken, and nothing was changed.  `why` is a `gateway.events.UpdateWhy`."""

    def __init__(self, text: str, *, why: str) -> None:
        super().__init__(text, why=why)
        self.why = why


class BadPlan(TryggveError):
    """A plan of night checks cannot be followed.  `why` is a `gateway.night_plan.PlanFault`, `what`
    the text that is wrong where there is one."""

    def __init__(self, why: str, what: str = "") -> None:
        super().__init__(f"the plan cannot be followed: {why}", why=why, what=what)
        self.why = why
        self.what = what


class DescriptionRefused(TryggveError):
    """What one end of a call said of itself (SDP) is not taken: one sentence."""
