"""A home's configuration, edited at the server: what was asked for, what holds, what was refused.

A configuration is the tables `[devices.*]` and `[rules.*]` of a home's file as JSON, without a
secret.  What may stand in it the home says (`gateway.config.held_config`).  Not for: plans of night
checks (`plans`), or what only the home's own file says.
"""

from __future__ import annotations

from gateway.events.base import By, Coded, Data, Prose, kind


class ConfigWhy(Coded):
    """Why a configuration was changed."""

    NEW_DEVICE = "new_device"
    DEVICE_REPLACED = "device_replaced"
    DEVICE_MOVED = "device_moved"
    """Another room, or another use."""
    DEVICE_REMOVED = "device_removed"
    MENDED = "mended"
    """Something in it was wrong."""
    SETTINGS = "settings"
    """The rules fit who lives there better."""
    UNDONE = "undone"
    """An older one is back."""
    UNKNOWN = "unknown"
    """Of a newer version: for another reason."""


@kind("config.set", by=By.SERVER)
class ConfigSet(Data):
    """Somebody (`person`) changed what the home consists of: the whole of it, with its number.  It
    holds once the home has taken it, in place of what its file says."""

    number: int
    why: ConfigWhy
    text: Prose
    """`{"devices": {…}, "rules": {…}}`, as JSON."""
    undoes: int | None = None
    """Which older one it is like; None: it is new.  0: the home's file."""


@kind("config.held", by=By.HOME)
class ConfigHeld(Data):
    """This configuration holds in the home.  Told at each start and when it changes."""

    number: int
    """0: the home's file."""
    text: Prose
    """What the home's file says, where it holds: the server can go on from there.  Else empty."""
    unpaired: tuple[str, ...] = ()
    """Devices whose secret is not in the home: they must be paired."""


class ConfigFault(Coded):
    """What is wrong with a configuration that a home refused."""

    NOT_UNDERSTOOD = "not_understood"
    """It is no configuration, or one of a kind that this version does not know."""
    DRIVER = "driver"
    """There is no such driver."""
    KEY = "key"
    """There is no such setting."""
    MISSING = "missing"
    """A setting that must be there is not."""
    VALUE = "value"
    """A setting has a value that it cannot have."""
    NAME = "name"
    """A device has a name that none may have."""
    PIN = "pin"
    """Two devices have the same pin."""
    PINS = "pins"
    """It needs pins, and the home's file says nothing of them."""
    RULE = "rule"
    """There is no such rule."""
    FILE_ONLY = "file_only"
    """Only the home's own file may say it: a path, or a secret that is not the device's own."""
    UNKNOWN = "unknown"
    """Of a newer version: something else."""


@kind("config.refused", by=By.HOME)
class ConfigRefused(Data):
    """The home does not take a configuration; the one before goes on."""

    number: int | None
    """None: not even that can be read."""
    why: ConfigFault
    about: str | None = None
    """The device or the rule."""
    field: str | None = None
    """Which of its settings."""
    said: Prose
    """The sentence that the home has for a technician, in English."""


class ConfigWait(Coded):
    """What a home lets end before it takes a configuration."""

    LOCK = "lock"
    """A lock turns."""
    LOOK = "look"
    """Somebody looks by the camera."""
    CALL = "call"
    """Somebody speaks with the home."""
    ALARM = "alarm"
    """A person may need help."""
    CHECK = "check"
    """A night check goes on."""
    CARD = "card"
    """The home's card takes nothing now."""
    UNKNOWN = "unknown"
    """Of a newer version: something else."""


@kind("config.waiting", by=By.HOME)
class ConfigWaiting(Data):
    """The home has a configuration and takes it as soon as this is over."""

    number: int
    why: ConfigWait
