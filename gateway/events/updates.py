"""Releases: which one a home is to take, and what came of it."""

from __future__ import annotations

from pydantic import AwareDatetime

from gateway.events.base import By, Coded, Data, Prose, Why, kind


class UpdateWhy(Coded):
    """Why a release was not taken, or not kept.  The first half: nothing was changed."""

    EXPIRED = "expired"
    """The signatures' time is over."""
    ROLLED_BACK = "rolled_back"
    """An older list of releases was offered than this home has seen."""
    WRONGLY_SIGNED = "wrongly_signed"
    """Not by those whom this home trusts, or by too few of them."""
    ALTERED = "altered"
    """Not what was signed: changed, or not all of it."""
    TOO_LARGE = "too_large"
    MISSING = "missing"
    """The server's list has no such release for this machine."""
    UNREADABLE = "unreadable"
    UNFIT = "unfit"
    """Made for another machine or another Debian."""
    FRAME = "frame"
    """It counts on a newer package of the system's than this machine has."""
    NO_ROOT = "no_root"
    """The program came without the keys that releases are signed by."""
    NOT_INSTALLED = "not_installed"
    """The program that runs was not installed as a release."""
    NO_ROOM = "no_room"
    """The disk is full."""
    FAILED = "failed"
    """It could not be written, or was not answered in time."""
    CANNOT_START = "cannot_start"
    """Gone back: it could not be started."""
    STOPPED = "stopped"
    """Gone back: it ended again and again."""
    NOT_PROVED = "not_proved"
    """Gone back: within its minutes it was not ready, not at the server, or its test alarm did not
    come back."""
    UNKNOWN = "unknown"
    """Of a newer version: for another reason."""


@kind("update.wanted", by=By.SERVER, strict=True)
class UpdateWanted(Data):
    """The home is to take this release, at a moment when nobody needs it.  Not: that it is genuine
    (the home sees to that by itself)."""

    plan: int
    """Which decision of the server's; named in what comes of it."""
    version: str


@kind("update.called_off", by=By.SERVER)
class UpdateCalledOff(Data):
    """What was wanted is not wanted any more.  A release that is in force stays."""

    plan: int


@kind("update.fetched", by=By.HOME)
class UpdateFetched(Data):
    """The release is here, genuine and ready: the home waits for a quiet moment."""

    plan: int
    version: str


@kind("update.refused", by=By.HOME)
class UpdateRefused(Data):
    """The release was not taken, and nothing was changed."""

    plan: int
    version: str
    why: UpdateWhy
    text: Prose = ""


@kind("update.begun", by=By.HOME)
class UpdateBegun(Data):
    """The program ends for the new release to start, on trial.  Not: that it holds."""

    plan: int
    version: str


@kind("update.held", by=By.HOME)
class UpdateHeld(Data):
    """The release runs, folded the log, reached the server, and its test alarm came back."""

    plan: int
    version: str
    trial: Why
    """Which one: told once."""


@kind("update.returned", by=By.HOME)
class UpdateReturned(Data):
    """The release did not hold, and the one before runs again."""

    plan: int
    version: str
    """The one that did not hold."""
    why: UpdateWhy
    trial: Why
    missing: Why = ""
    """What it lacked: `server`, `test`, `updates` (it could not read the list of releases); empty:
    not known."""


@kind("update.system_told", by=By.HOME)
class UpdateSystemTold(Data):
    """The operating system's own security updates, told daily and when it changes.  Not: that there
    are none: `pending` None: not known."""

    automatic: bool
    """Whether they are installed by themselves (unattended-upgrades)."""
    pending: int | None = None
    """How many wait to be installed."""
    restart: bool = False
    """Whether those that were need the machine to be started anew."""
    ran_at: AwareDatetime | None = None
    """When they were last looked for; None: not known."""
