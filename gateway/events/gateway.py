"""The gateway itself: its runs, its clock, its log, its power, its rules."""

from __future__ import annotations

import dataclasses

from pydantic import AwareDatetime

from gateway.events.base import By, Coded, Data, Prose, Resident, Why, kind


class PreviousRun(Coded):
    """How the run before this one ended."""

    NONE = "none"
    """There was no run before: a new log."""
    CLEAN = "clean"
    """It stopped in order."""
    CUT = "cut"
    """It was killed, crashed, or lost its power."""
    UNKNOWN = "unknown"
    """Of a newer version: not that it stopped in order."""


@kind("gateway.started", by=By.HOME, urgent=True)
class GatewayStarted(Data):
    """The program runs and its log is open.  Not: that every device answers."""

    version: Why
    config_sha256: Why
    """Of the configuration file, so that a change of settings is visible in the log."""
    previous: PreviousRun


class StartFile(Coded):
    """A file that a start reads."""

    HOME_FILE = "home_file"
    """The home's own file, `home.toml`."""
    ENROLMENT = "enrolment"
    """Which server this home is of, and its keys, `server.json`."""
    HOME_KEY = "home_key"
    """The home's own key."""
    CONFIGURATION = "configuration"
    """What the server, or the Pi's own page, gave the home."""
    KEY = "key"
    """A device's key, or a password."""
    PAGE = "page"
    """By what the Pi's own page is known."""
    UNKNOWN = "unknown"
    """Of a newer version: another file."""


class StandIn(Coded):
    """What is used in place of a file that cannot be."""

    COPY = "copy"
    """The copy of the last one that was good."""
    ITSELF = "itself"
    """It is used all the same: what was wrong with it could be mended."""
    PART = "part"
    """What is right in it; the rest is left out."""
    LEAST = "least"
    """The least that a home is: its id and its server, from its enrolment."""
    NOTHING = "nothing"
    """The home runs without it."""
    UNKNOWN = "unknown"
    """Of a newer version: something else."""


@kind("gateway.fell_back", by=By.HOME)
class GatewayFellBack(Data):
    """A file that the start reads cannot be used as it is, and the home runs all the same.  Told
    before `gateway.started`, at each start for which that holds; one without it ends it."""

    what: StartFile
    stand_in: StandIn
    said: Prose
    """The sentence that the home has for a technician, in English."""


@kind("gateway.stopped", by=By.HOME)
class GatewayStopped(Data):
    """The program was told to stop and did so in order.  A cut run leaves no such event."""

    reason: Prose


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DeviceTold:
    """One device of a home, as its configuration has it: `role` is what it is for (`bed`,
    `front_door`, …), `room` where it is, None when not said."""

    id: str
    driver: str
    type: str
    """`sensor`, `lock`, `indicator` or `speaker`."""
    role: str | None = None
    room: str | None = None


@kind("home.described", by=By.HOME, urgent=True)
class HomeDescribed(Data):
    """What the home consists of, told at each start and whenever it changed."""

    devices: tuple[DeviceTold, ...]
    timezone: str
    resident: Resident | None = None
    """The person id of the one who lives here."""


@kind("page.described", by=By.HOME, urgent=True)
class PageDescribed(Data):
    """The page that the Pi serves, told at each start: where, and by which keys it is known."""

    url: str
    """Its address in the home's network, `https://…`."""
    fingerprint: str
    """SHA-256 of its certificate, in hexadecimal."""
    page_key: str
    """Public key (Ed25519, in hexadecimal) of this run, whose other half is on no disk: what codes
    are told with."""


@kind("clock.synced", by=By.HOME)
class ClockSynced(Data):
    """The home's clock became right.  Earlier times of the same boot are off by `offset_s`: add it
    to their `at` to correct them (0 when the clock was right all along)."""

    offset_s: float


@kind("clock.stepped", by=By.HOME)
class ClockStepped(Data):
    """The home's clock, which counted as right, was set by `step_s`.  Between earlier times of the
    same boot and later ones lies so much less, or more, than passed: add it to the earlier `at` to
    compare them."""

    step_s: float


@kind("log.recovered", by=By.HOME, urgent=True)
class LogRecovered(Data):
    """The log's file could not be used and was set aside; this is the first event of a new log with
    an origin of its own.  What could still be read of the old one is in the new, under its own
    origin, and is sent; the rest must be read from the file by hand."""

    set_aside: str | None
    """File name of the old file, in the log's folder; None when there was none left."""
    continues: str | None
    """The old log's origin; None when it is not known."""
    why: Prose


@kind("log.stalled", by=By.HOME, urgent=True)
class LogStalled(Data):
    """The disk refused or held back a write; events wait in memory, alarms are sent without it."""

    why: Prose


@kind("log.left_disk", by=By.HOME, urgent=True)
class LogLeftDisk(Data):
    """The disk refuses or hangs: the log goes on in memory, and this is the first event there.
    Everything is sent as ever; a power cut would lose what the server has not got.  The disk is
    tried again by itself; change the card."""

    why: Prose
    continues: str | None
    """The origin of the log on the disk; None when the disk does not say it."""


@kind("log.returned", by=By.HOME, urgent=True)
class LogReturned(Data):
    """The disk takes events again: what was held in memory was written there, and the log goes on
    there.  Not: that the card is good."""

    held: int
    """How many events that memory held were written."""
    since: AwareDatetime | None
    """From when on the log was in memory; None when it held nothing."""


@kind("log.thinned", by=By.HOME)
class LogThinned(Data):
    """Memory is full of events that neither the disk nor the server took: what sensors say is
    judged as ever and not kept, from the one of these with a `count` of 0 to the last one.  What
    rests on such an event names this one.  Everything else is kept."""

    count: int
    """How many were not kept so far."""


@kind("power.lost", by=By.HOME, urgent=True)
class PowerLost(Data):
    """Mains power went away; the gateway runs on its battery.  `battery_pct` None: not told."""

    battery_pct: int | None = None


@kind("power.restored", by=By.HOME)
class PowerRestored(Data):
    """Mains power is back."""


@kind("power.battery_low", by=By.HOME, urgent=True)
class PowerBatteryLow(Data):
    """The battery that the gateway runs on while the mains is gone is nearly empty: it falls silent
    soon.  Not: a device's battery (`device.battery_low`).  `battery_pct` None: not told."""

    battery_pct: int | None = None


@kind("power.undervolted", by=By.HOME)
class PowerUndervolted(Data):
    """The Pi's supply gives too little voltage: it may stop, and spoil its card.  The mains is
    there."""


@kind("power.steadied", by=By.HOME)
class PowerSteadied(Data):
    """The voltage has been right for a while."""


@kind("rule.failed", by=By.HOME, urgent=True)
class RuleFailed(Data):
    """A rule broke on an event; it goes on from the state it had before."""

    rule: str
    error: Prose
