"""What is known of a door's contact: whether its "open" may be believed.  Helps rules and is none.

A contact that is wired the wrong way round, or has no magnet, says "open" of a door that is shut.
One reading does not show it; what it said before does.  A contact is believed once it has said
"closed" for an hour without a break, for at least a quarter of the time that it was heard before
the present "open", or once a person closed the technician's alarm about it.  A contact the wrong
way round says "closed" only while the door stands open: minutes, where the whole day is "open".

Until then, on the day of the installation as a rule, nobody knows, and its "open" is no reason to
wake anybody; nor is it silence (`door_open`, `contact_reversed`).

Not for: a contact that was right for months and lost its magnet tonight.  That looks like an open
door from here, and it rings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.envelope import Event
from gateway.events import (
    AlarmCancelled,
    AlarmRaised,
    AlarmResolved,
    AlarmType,
    ContactFaulted,
    DeviceFailed,
    DeviceOffline,
    DoorClosed,
    DoorOpened,
    GatewayStarted,
    Ref,
)
from gateway.rules import HomeFacts
from gateway.rules.common.replace import replace

KINDS = frozenset(
    {
        "door.opened",
        "door.closed",
        "contact.faulted",
        "device.failed",
        "device.offline",
        "gateway.started",
        "alarm.raised",
        "alarm.cancelled",
        "alarm.resolved",
    }
)

CLOSED_S = 3600.0
"""Seconds of "closed" without a break that prove a contact: the longest that a front door stands
open in the recorded homes is nine minutes but for two times, a quarter of an hour and a little."""

CLOSED_PART = 0.25
"""Of the time heard before the present "open", that it said "closed": a wrong contact of a door
that is aired for an hour on the first day is not proved by that."""

HEARD_S = 3 * 86400.0
"""Seconds of words after which all that was heard counts half: a contact that was mended is
believed by what it says since."""

SETTLED_S = 12 * 3600.0
"""Seconds heard from which a finding about a contact is more than a first doubt."""

TOLD_AGAIN = "told_again"
"""Why an alarm ended that is raised anew in the same moment."""


@dataclass(frozen=True)
class Proof:
    """What one contact said.  `open` is its present word, since `since`; None: not known.  `open_s`
    and `closed_s` are how long it said either before, `longest_s` its longest "closed".  `vouched`:
    a person said that it is right.  `alarm` names the technician's alarm about it while that is
    open, `doubt` whether it was not proved when that was raised."""

    open: bool | None = None
    since: datetime | None = None
    open_s: float = 0.0
    closed_s: float = 0.0
    longest_s: float = 0.0
    vouched: bool = False
    alarm: Ref | None = None
    doubt: bool = False

    def believed(self) -> bool:
        """Whether its "open" is believed, by what it said before its present word."""
        return self.vouched or (self.longest_s >= CLOSED_S and self._missing_s() <= 0)

    def believed_at(self) -> datetime | None:
        """When it will be believed if it goes on saying "closed"; None while it does not say so."""
        if self.open is not False or self.since is None:
            return None
        wait_s = 0.0 if self.vouched else max(0.0, self._missing_s())
        if not self.vouched and self.longest_s < CLOSED_S:
            wait_s = max(wait_s, CLOSED_S)
        return self.since + timedelta(seconds=wait_s)

    def settled(self) -> bool:
        """Whether it was heard for so long that a finding about it is more than a doubt."""
        return self.open_s + self.closed_s >= SETTLED_S

    def _missing_s(self) -> float:
        """Seconds of "closed" that it lacks to have said so for its part of the time."""
        heard_s = self.open_s + self.closed_s
        return (CLOSED_PART * heard_s - self.closed_s) / (1.0 - CLOSED_PART)


Proofs = Mapping[str, Proof]


def see(proofs: Proofs, event: Event, home: HomeFacts) -> Proofs:
    """The front doors' contacts after `event`; the same object when it changes nothing."""
    match event.data:
        case GatewayStarted():
            return {name: _unknown(proof, None) for name, proof in proofs.items()}
        case AlarmCancelled(alarm=ref, reason=reason):
            return proofs if reason == TOLD_AGAIN else _closed(proofs, ref, vouched=False)
        case AlarmResolved(alarm=ref):
            return _closed(proofs, ref, vouched=True)
    device = event.device
    if device is None or device not in home.with_role("front_door"):
        return proofs
    old = proofs.get(device, Proof())
    new = _after(old, event)
    return proofs if new is old else {**proofs, device: new}


def _after(proof: Proof, event: Event) -> Proof:
    match event.data:
        case DoorOpened() if proof.open is not True:
            return replace(_unknown(proof, event.at), open=True, since=event.at)
        case DoorClosed() if proof.open is not False:
            return replace(_unknown(proof, event.at), open=False, since=event.at)
        case ContactFaulted() | DeviceFailed() | DeviceOffline() if proof.open is not None:
            return _unknown(proof, event.at)
        case AlarmRaised(type=AlarmType.CONTACT_REVERSED):
            doubt = proof.doubt if proof.alarm is not None else not proof.believed()
            return replace(proof, alarm=event.ref, doubt=doubt, vouched=False)
        case _:
            return proof


def _unknown(proof: Proof, until: datetime | None) -> Proof:
    """Its present word counts until `until` and is over; None: nobody knows how long it held."""
    if proof.open is None or proof.since is None or until is None:
        return replace(proof, open=None, since=None)
    told_s = max(0.0, (until - proof.since).total_seconds())
    open_s, closed_s, longest_s = proof.open_s, proof.closed_s, proof.longest_s
    if proof.open:
        open_s += told_s
    else:
        closed_s, longest_s = closed_s + told_s, max(longest_s, told_s)
    if open_s + closed_s > HEARD_S:
        open_s, closed_s = open_s / 2, closed_s / 2
    return replace(
        proof, open=None, since=None, open_s=open_s, closed_s=closed_s, longest_s=longest_s
    )


def _closed(proofs: Proofs, alarm: Ref, *, vouched: bool) -> Proofs:
    """The technician's alarm is closed, by a person (`vouched`) or by what the contact said: what
    it said before does not count against it."""
    for name, proof in proofs.items():
        if proof.alarm == alarm:
            anew = Proof(
                open=proof.open,
                since=proof.since,
                closed_s=proof.longest_s,
                longest_s=proof.longest_s,
                vouched=vouched,
            )
            return {**proofs, name: anew}
    return proofs
