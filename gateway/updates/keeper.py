"""The gateway's half of an update: what the server wants, when, and what came of it.

The server says which release (`update.wanted`).  It is fetched and checked while the home works,
and root's half unpacks it beside what runs.  Then the gateway waits until nobody needs the home,
says so, and ends; what starts next is the new release, on trial.  There this same part waits for
its test alarm to come back, which says that the release is ready, folded the log and reached the
server, and reads the list of releases once, for what cannot take the next one could be replaced by
hand only; then it proves itself.  Whatever came of it is told once, by whoever runs then.

Every state of it is on the disk or in the log: it may be killed at any moment.  Not for: judging a
trial that does not prove itself (`slots`), or unpacking (`install`).
"""

from __future__ import annotations

import asyncio
import errno
import logging
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gateway.envelope import Event
from gateway.errors import LinkDown, LinkRefused, ReleaseRefused
from gateway.events import (
    Data,
    GatewayTestPassed,
    UpdateBegun,
    UpdateCalledOff,
    UpdateFetched,
    UpdateHeld,
    UpdateRefused,
    UpdateReturned,
    UpdateWanted,
    UpdateWhy,
)
from gateway.link.https import Lane
from gateway.updates import archive, target, trust
from gateway.updates.exchange import Inbox, Request
from gateway.updates.fetch import Mirror
from gateway.updates.slots import CALLED_OFF, Slots

log = logging.getLogger(__name__)

LOOK_S = 20.0
"""Seconds between two looks at whether it is quiet, and whether root has answered."""

QUIET_S = 60.0
"""Seconds for which nobody must have needed the home."""

AGAIN_S = 900.0
"""Seconds until a download is tried again that the line cut: a poor line is given time."""

ANSWER_S = 3600.0
"""Seconds that root's half may take: a Pi unpacks and compiles for some minutes."""

TOLD_BY = {"id", "plan", "version", "outcome"}
"""What root says of a trial or a request: less is no answer, but what a card made of one."""

UNABLE = ("no_root", "wrongly_signed", "unreadable")
"""What a release says of a list that was right when it was taken itself: it has other keys, or does
not know what it reads.  That a list is over, older or not there is not its own fault."""

FULL = (errno.ENOSPC, errno.EDQUOT)


class UpdateKeeper:
    """`apply` folds every event, `see_live` is shown those of this run, `run` until cancelled.

    `releases` is where they lie (None: this program was not installed as one), `needed_by` what the
    home is needed for, `online` whether the server is there, `end` ends this program."""

    def __init__(
        self,
        *,
        inbox: Inbox,
        releases: Path | None,
        version: str,
        lane: Callable[[], Lane],
        needed_by: Callable[[], str | None],
        online: Callable[[], bool],
        sure_of_time: Callable[[], bool],
        record: Callable[[Data], None],
        end: Callable[[], None],
        root: Callable[[], bytes] = trust.root_of_trust,
        seen: Callable[[], bytes] = trust.seen_when_built,
        here: Path | None = None,
        look_s: float = LOOK_S,
        quiet_s: float = QUIET_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inbox, self._version, self._lane = inbox, version, lane
        self._slots = None if releases is None else Slots(releases)
        self._here = here or target.here()
        self._needed_by, self._online, self._sure_of_time = needed_by, online, sure_of_time
        self._record, self._end, self._root, self._seen = record, end, root, seen
        self._look_s, self._quiet_s, self._monotonic = look_s, quiet_s, monotonic
        self._news = asyncio.Event()
        self._passed = self._able = False
        self._needed_s: float | None = None
        self._not_before_s = 0.0
        self._asked_s: float | None = None
        self._ending = False
        self.forget()

    # --- events -----------------------------------------------------------------------------------

    def forget(self) -> None:
        """The events are about to be told anew."""
        self._wanted: UpdateWanted | None = None
        self._called_off: int | None = None
        self._told: set[str] = set()

    def apply(self, event: Event) -> None:
        """Fold one event."""
        data = event.data
        if isinstance(data, UpdateWanted):
            if event.origin.startswith("staff:"):
                self._wanted, self._called_off = data, None
        elif isinstance(data, UpdateCalledOff | UpdateRefused | UpdateHeld | UpdateReturned):
            if self._wanted is not None and self._wanted.plan == data.plan:
                self._wanted = None
            if isinstance(data, UpdateHeld | UpdateReturned):
                self._told.add(data.trial)
            if isinstance(data, UpdateCalledOff):
                self._called_off = data.plan

    def see_live(self, event: Event) -> None:
        """Something happened in this run, and is folded."""
        if isinstance(event.data, GatewayTestPassed):
            self._passed = True
        if isinstance(event.data, GatewayTestPassed | UpdateWanted | UpdateCalledOff):
            self._not_before_s = 0.0
            self._news.set()

    # --- running ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """See to it that this home runs what is wanted."""
        while True:
            self._news.clear()
            try:
                await self._round()
            except (OSError, LookupError, ValueError, TypeError):
                # the disk, or what it made of a file: the next round tries again
                log.exception("an update could not go on")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), self._look_s)

    async def _round(self) -> None:
        slots = self._slots
        self._note_need()
        if slots is not None and await self._on_trial(slots):
            return
        if slots is not None and self._tell_last(slots):
            return
        wanted = self._wanted
        if wanted is None:
            if self._inbox.artefact.exists():
                self._inbox.clear()  # of what was called off
            return
        if wanted.version == self._version:
            self._wanted = None
            self._record(UpdateHeld(plan=wanted.plan, version=wanted.version, trial=""))
        elif slots is None or target.of_folder(self._here) is None:
            self._refuse(wanted, "not_installed", "This program was not installed as a release.")
        elif self._inbox.request_file.exists():
            self._await_answer(wanted)
        elif self._monotonic() >= self._not_before_s and self._sure_of_time():
            await self._fetch(wanted)

    def _note_need(self) -> None:
        if self._needed_by() is not None or self._needed_s is None:
            self._needed_s = self._monotonic()

    # --- a trial

    async def _on_trial(self, slots: Slots) -> bool:
        """Whether a release is on trial, and what that asks of this program was done."""
        trial = slots.trial()
        if trial is None or trial.get("place") != slots.linked():
            return False
        if slots.folder(trial["place"]).resolve() == self._here.resolve():
            await self._prove(str(trial["id"]))
        elif self._is_over(int(trial["plan"])):
            self._take_back(int(trial["plan"]))
        elif self._is_quiet() and not self._ending:
            self._ending = True
            self._record(UpdateBegun(plan=int(trial["plan"]), version=str(trial["version"])))
            self._end()
        return True

    async def _prove(self, trial: str) -> None:
        """Say that this release holds once it does; before, what it lacks."""
        if not self._passed:
            self._inbox.lack(trial, "test" if self._online() else "server")
        elif self._able or await asyncio.to_thread(self._is_able):
            self._able = True
            self._inbox.prove(trial)
        else:
            self._inbox.lack(trial, "updates")

    def _is_able(self) -> bool:
        """In a thread: whether it could take the next release, as far as reading the list goes."""
        try:
            self._inbox.make()
            lane = self._lane()
            try:
                read = Mirror(lane).metadata
                trust.newest(read, self._inbox.metadata, self._root(), self._seen())
            finally:
                lane.close()
        except ReleaseRefused as error:
            return error.why not in UNABLE
        except LinkDown as error:
            return error.busy  # it was answered
        except Exception:  # the edge: a library that is not there, or whatever else
            log.exception("this release could not take the next one")
            return False
        return True

    def _is_over(self, plan: int) -> bool:
        """Whether nobody wants what this plan brought: it was called off, or another is wanted by
        now (both may have come together, after the line was down)."""
        return plan == self._called_off or (self._wanted is not None and self._wanted.plan != plan)

    def _take_back(self, plan: int) -> None:
        """Nobody has started it: root's half puts back what runs.  Asked until it has."""
        asked = self._inbox.request()
        if asked is None or (asked.version, asked.plan) != ("", plan):
            self._inbox.ask(Request(secrets.token_hex(8), "", plan))

    def _is_quiet(self) -> bool:
        since_s = self._needed_s
        needed = self._needed_by() is not None or since_s is None
        return not needed and self._monotonic() - (since_s or 0.0) >= self._quiet_s

    def _tell_last(self, slots: Slots) -> bool:
        """Tell what came of the last trial or request, once."""
        last = slots.last()
        if last is None or not last.keys() >= TOLD_BY or last["id"] in self._told:
            return False
        plan, version = int(last["plan"]), str(last["version"])
        trial, why = str(last["id"]), _why(last.get("why"))
        self._told.add(trial)
        if last.get("why") == CALLED_OFF:
            return False  # it never ran
        if last["outcome"] == "held":
            self._record(UpdateHeld(plan=plan, version=version, trial=trial))
        elif last["outcome"] == "returned":
            missing = self._inbox.lacked(trial)
            self._record(
                UpdateReturned(plan=plan, version=version, why=why, trial=trial, missing=missing)
            )
        elif self._wanted is not None and self._wanted.plan == plan:
            self._refuse(self._wanted, why, str(last.get("text", "")))
        else:
            return False
        self._asked_s = None
        self._inbox.clear()
        return True

    # --- a release to take

    def _await_answer(self, wanted: UpdateWanted) -> None:
        if self._asked_s is None:
            self._asked_s = self._monotonic()
        request = self._inbox.request()
        if request is None or request.plan != wanted.plan:
            self._inbox.clear()  # of a plan that is over
        elif self._monotonic() - self._asked_s > ANSWER_S:
            self._inbox.clear()
            self._refuse(wanted, "failed", "What takes releases in did not answer.")

    async def _fetch(self, wanted: UpdateWanted) -> None:
        try:
            await asyncio.to_thread(self._have, wanted)
        except ReleaseRefused as error:
            self._inbox.clear()
            self._refuse(wanted, error.why, error.text)
            return
        except (LinkDown, LinkRefused) as error:
            log.info("a release did not come: %s", error.text)
            wait_s = error.wait_s if isinstance(error, LinkDown) and error.busy else None
            if self._wanted == wanted:
                self._not_before_s = self._monotonic() + (wait_s or AGAIN_S)
            return
        except OSError as error:
            if error.errno not in FULL:
                raise
            self._inbox.clear()
            self._refuse(wanted, "no_room", "The release is refused: the disk is full.")
            return
        if self._wanted == wanted:
            self._record(UpdateFetched(plan=wanted.plan, version=wanted.version))
            self._inbox.ask(Request(secrets.token_hex(8), wanted.version, wanted.plan))
            self._asked_s = self._monotonic()

    def _have(self, wanted: UpdateWanted) -> None:
        """In a thread: the release is in the inbox, genuine."""
        fits = target.of_folder(self._here)
        if fits is None or not target.VERSION.fullmatch(wanted.version):
            raise ReleaseRefused("The release has no name that can be one.", why="missing")
        self._inbox.make()
        lane = self._lane()
        mirror = Mirror(lane, go_on=lambda: self._needed_by() != "alarm")
        try:
            found = trust.genuine(
                fits.target(wanted.version),
                mirror.metadata,
                self._inbox.metadata,
                self._root(),
                self._seen(),
            )
            archive.need_room(self._inbox.folder, 2 * found.length)
            mirror.artefact(found, self._inbox)
        finally:
            lane.close()

    def _refuse(self, wanted: UpdateWanted, why: str, text: str) -> None:
        if self._wanted != wanted:
            return  # it was called off meanwhile, and another may be wanted
        self._wanted = None
        told = UpdateRefused(plan=wanted.plan, version=wanted.version, why=_why(why), text=text)
        self._record(told)


def _why(word: object) -> UpdateWhy:
    try:
        return UpdateWhy(str(word))
    except ValueError:
        return UpdateWhy.FAILED
