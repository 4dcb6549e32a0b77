"""What the home knows of grants and codes, folded from its events: what is used up, what ended.

A part of `gateway.state.home_view`.  Not for: judging (`gateway.access.grants`), or turning.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway import events as e
from gateway.envelope import Event
from gateway.events import Ref

TASK_KEPT = timedelta(hours=12)
"""How long a night check asks for a visit at the most; the staff's page drops it then too."""

CODE_KEPT = timedelta(days=1)
"""How long a code is kept after its time, so that one of yesterday is refused by its name."""

MISSES_KEPT = 64
"""Wrong codes that are remembered of one number: more than it takes (`gateway.doors.tries`)."""


@dataclass(frozen=True, slots=True)
class KnownCode:
    """A code of this home: whose it is, what was told of it, and which key of the server made
    it."""

    person: str
    code: e.CodeTold | e.CodeGiven
    kid: str


@dataclass(slots=True)
class Misses:
    """Wrong codes at the door, by the number that they gave themselves for."""

    told_until: datetime | None = None
    """Until when the staff need not be told again (`codes.paused`)."""
    _by_number: dict[int, list[tuple[datetime, bool]]] = field(default_factory=dict)

    def apply(self, event: Event) -> None:
        """Fold one event."""
        data = event.data
        if isinstance(data, e.CodesPaused):
            self.told_until = data.until
        elif isinstance(data, e.CodesMissed):
            of_number = self._by_number.setdefault(data.number, [])
            of_number.append((event.at, data.slowed))
            del of_number[:-MISSES_KEPT]

    def count(self, number: int, since: datetime, *, slowed: bool) -> int:
        """How many were typed since then, from places that were slowed or from others."""
        of_number = self._by_number.get(number, ())
        return sum(at > since and was is slowed for at, was in of_number)


@dataclass(frozen=True, slots=True)
class _Approval:
    """A second person's yes to a technician's `request`."""

    request: Ref
    person: str
    device: str
    until: datetime


@dataclass(slots=True)
class Rights:
    """`apply` in one thread only; the answers may be asked from any."""

    codes: dict[str, KnownCode] = field(default_factory=dict)
    misses: Misses = field(default_factory=Misses)
    server_at: datetime | None = None
    """The newest time that the server wrote: it is not earlier than that."""
    sure_at: datetime | None = None
    """The newest time in an event of ours with a clock that was right, or of the server."""
    _used: set[str] = field(default_factory=set)
    _revoked: set[str] = field(default_factory=set)
    _tasks: dict[str, datetime] = field(default_factory=dict)
    _asked: dict[Ref, tuple[str | None, str | None]] = field(default_factory=dict)
    _approved: dict[Ref, _Approval] = field(default_factory=dict)

    def used(self, grant: str) -> bool:
        """Whether a grant or code was used, or refused by its name: it is good no more.

        Never forgotten while the program runs: a clock that jumps must not make it new.  After a
        restart the log tells them again, far longer back than one lives.
        """
        return grant in self._used

    def revoked(self, grant: str) -> bool:
        """Whether it was revoked."""
        return grant in self._revoked

    def check_open(self, check: str) -> bool:
        """Whether somebody must still go because of this night check."""
        since = self._tasks.get(check)
        return since is not None and (self.sure_at is None or self.sure_at - since < TASK_KEPT)

    def approved(self, ref: Ref, person: str, device: str) -> bool:
        """Whether this event is a second person's approval for this person and lock, in its
        time."""
        approval = self._approved.get(ref)
        if approval is None or (approval.person, approval.device) != (person, device):
            return False
        return self.sure_at is None or self.sure_at < approval.until

    def apply(self, event: Event) -> None:
        """Fold one event."""
        server = event.origin.startswith("staff:")
        if server and (self.server_at is None or event.at > self.server_at):
            self.server_at = event.at
        if (server or event.clock == "synced") and (
            self.sure_at is None or event.at > self.sure_at
        ):
            self.sure_at = event.at
        self.misses.apply(event)
        data = event.data
        match data:
            case e.LockOperationRequested(grant=grant):
                self._used.add(grant)
            case e.LockOperationRefused(grant=str() as grant):
                self._used.add(grant)
            case e.GrantRevoked(grant=grant):
                self._revoked.add(grant)
            case e.PageOpened(grant=grant):
                self._used.add(grant)
            case e.CodesIssued() | e.CodesGiven() if event.person is not None:
                self._keep_codes(event.person, data, event.at)
            case e.GrantRequested():
                self._asked[event.ref] = (event.person, event.device)
            case e.GrantApproved():
                self._approve(event, data)
            case e.GrantDeclined(request=request):  # no, or no longer
                self._asked.pop(request, None)
                self._approved = {
                    ref: one for ref, one in self._approved.items() if one.request != request
                }
            case _:
                self._care(event)

    def _keep_codes(self, person: str, issued: e.CodesIssued | e.CodesGiven, at: datetime) -> None:
        codes = {i: k for i, k in self.codes.items() if at - k.code.expires < CODE_KEPT}
        codes |= {code.id: KnownCode(person, code, issued.kid) for code in issued.codes}
        self.codes = codes

    def _approve(self, event: Event, data: e.GrantApproved) -> None:
        person, device = self._asked.get(data.request, (None, None))
        if person is None or device is None or event.person in (None, person):
            return  # unknown, or nobody but the one who asked
        self._approved[event.ref] = _Approval(data.request, person, device, data.until)

    def _care(self, event: Event) -> None:
        """A night check's visit: asked for, and made."""
        data = event.data
        match data:
            case (
                e.CheckEscalated(check=check)
                | e.CheckMissed(check=check)
                | e.CheckVisitAsked(check=check)
            ):
                self._tasks[check] = event.at
            case e.CheckDone(check=check) | e.CheckVisitSettled(check=check):
                self._tasks.pop(check, None)
            case e.CheckAnswered(finding=e.Finding.OK, looked=e.Looked.IN_PERSON):
                self._tasks = {c: at for c, at in self._tasks.items() if at >= event.at}
            case e.VisitEnded(until=until):
                self._tasks = {c: at for c, at in self._tasks.items() if at > until}
