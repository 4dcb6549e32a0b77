"""What a home's enrolment is read from when the card has spoilt its files: copies of the last good.

    <state>/kept/server.json       beside `server.json`
    <state>/kept/secrets/home_key  beside the home's own key (`gateway.config.secrets`)

A file that cannot be read is put aside as `kept/damaged-…` (the last three of each), and the copy
takes its place.  Where there is no copy, the home runs without its server: alarms and checks go on,
and no door opens.

Not for: enrolling, or judging the files for a technician (`gateway.link.enrolment`).
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.config.home_file import HomeConfig
from gateway.config.put_aside import KEPT, keep_copy, put_aside
from gateway.config.secrets import HOME_KEY, FileSecrets, write_durably
from gateway.config.stand_ins import Least, told
from gateway.config.toml_file import read
from gateway.errors import ConfigError, SecretError, UserError
from gateway.events import GatewayFellBack, StandIn, StartFile
from gateway.link.enrolment import (
    SERVER_FILE,
    Enrolment,
    PinnedServer,
    enrolment_of,
    own_key,
    pinned_at,
    require_same,
)

log = logging.getLogger(__name__)


class KeptEnrolment:
    """What one home's enrolment says, at its start.  `told` is what is wrong with its files."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._path, self._copy = state / SERVER_FILE, state / KEPT / SERVER_FILE
        self.told: list[GatewayFellBack] = []
        self.pinned = self._read()

    @property
    def is_enrolled(self) -> bool:
        """Whether this home has, or had, a server."""
        return self.pinned is not None or bool(self.told)

    @property
    def least(self) -> Least | None:
        """Which home and server this is; None: nothing says so."""
        return None if self.pinned is None else Least(self.pinned.home, self.pinned.url)

    def check(self, config: HomeConfig) -> None:
        """Raise `ConfigError` for a file of another home or server."""
        if self.pinned is not None:
            require_same(config, self.pinned)

    def open(
        self, secrets: FileSecrets, config: HomeConfig, *, clock_sure: Callable[[], bool]
    ) -> Enrolment | None:
        """The enrolment; None: this home has none, or it cannot be used."""
        if self.pinned is None:
            return None
        own = self._own_key(secrets)
        if own is None:
            return None
        return enrolment_of(self._path, self.pinned, own, config, clock_sure)

    def keep(self) -> None:
        """Keep a copy of what is good.  Raises `OSError`: the card refuses."""
        with suppress(UserError):
            pinned_at(self._path)
            keep_copy(self._state, SERVER_FILE, read(self._path))

    def _read(self) -> PinnedServer | None:
        is_there = os.path.lexists(self._path)
        if not is_there and not os.path.lexists(self._copy):
            return None
        try:
            return pinned_at(self._path)
        except UserError as error:
            wrong = error
        if not is_there and not os.path.lexists(self._state / "secrets" / HOME_KEY):
            return None  # somebody took the home off its server
        try:
            pinned = pinned_at(self._copy)
        except UserError:
            self.told.append(told(StartFile.ENROLMENT, StandIn.NOTHING, wrong.text))
            return None
        self.told.append(told(StartFile.ENROLMENT, StandIn.COPY, wrong.text))
        try:
            put_aside(self._state, self._path)
            write_durably(self._path, read(self._copy), 0o644)
        except (OSError, ConfigError) as error:
            log.warning("a copy could not take a file's place", extra={"why": str(error)})
        return pinned

    def _own_key(self, secrets: FileSecrets) -> Ed25519PrivateKey | None:
        path = secrets.path(HOME_KEY)
        try:
            text = secrets.read(HOME_KEY)
            key = own_key(text)
        except SecretError as error:
            wrong = error
        else:
            spoilt = secrets.stood_in.pop(HOME_KEY, None)
            if spoilt is not None:
                self._mended(path, text, spoilt)
            return key
        if _is_read_by_others(path):
            with suppress(OSError, SecretError):
                path.chmod(0o600)
                key = own_key(secrets.read(HOME_KEY))
                self.told.append(told(StartFile.HOME_KEY, StandIn.ITSELF, wrong.text))
                return key
        copy = secrets.copy(HOME_KEY)
        try:
            key = own_key(copy or "")
        except SecretError:
            self.told.append(told(StartFile.HOME_KEY, StandIn.NOTHING, wrong.text))
            return None
        self._mended(path, copy or "", wrong.text)
        return key

    def _mended(self, path: Path, text: str, wrong: str) -> None:
        self.told.append(told(StartFile.HOME_KEY, StandIn.COPY, wrong))
        try:
            put_aside(self._state, path)
            write_durably(path, text.encode())
        except OSError as error:
            log.warning("a copy could not take a key's place", extra={"why": str(error)})


def _is_read_by_others(path: Path) -> bool:
    try:
        return bool(stat.S_IMODE(path.lstat().st_mode) & 0o077)
    except OSError:
        return False
