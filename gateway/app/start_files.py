"""The files that a start reads, with what stands in for those that the card has spoilt.

The home starts whatever is wrong with them; what is, is told before `gateway.started`, and in one
sentence each in the journal.  What was good is copied once the home runs, beside its loop, for a
card that hangs must hold nobody up.

Not for: what stands in for which (`gateway.config.stand_ins`, `gateway.link.kept_enrolment`), or
the log (`gateway.engine.log_folder`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from gateway.app.second_path import SIP_LOGIN
from gateway.config import mqtt, stand_ins
from gateway.config.home_file import HomeConfig
from gateway.config.put_aside import keep_copy
from gateway.config.secrets import HOME_KEY, FileSecrets
from gateway.config.stand_ins import FileFound, told
from gateway.doors.page_identity import PageIdentity, open_identity
from gateway.errors import SecretError
from gateway.events import GatewayFellBack, StandIn, StartFile
from gateway.link.enrolment import Enrolment
from gateway.link.kept_enrolment import KeptEnrolment

log = logging.getLogger(__name__)


class StartFiles:
    """Those of one home."""

    def __init__(self, state: Path, path: Path | None = None) -> None:
        """`path` None: the configuration comes from elsewhere, as in a test.  Raises `ConfigError`
        when nothing says what home this is."""
        self._state = state
        self._enrolment = KeptEnrolment(state)
        kept = self._enrolment
        self.found: FileFound | None = None
        if path is not None:
            self.found = stand_ins.find(path, state, kept.least, kept.check)
        self._told: list[GatewayFellBack] = []

    @property
    def is_enrolled(self) -> bool:
        """Whether this home has a server, also where it cannot be reached for want of a file."""
        return self._enrolment.is_enrolled

    def secrets(self, config: HomeConfig) -> FileSecrets:
        """The home's secrets; those that are there and cannot be used are told of."""
        secrets = FileSecrets.from_environment(self._state, copies=True)
        for name in secrets_of(config):
            try:
                if secrets.has(name):
                    secrets.read(name)
            except SecretError as error:
                self._told.append(told(StartFile.KEY, StandIn.NOTHING, error.text))
        for text in secrets.stood_in.values():
            self._told.append(told(StartFile.KEY, StandIn.COPY, text))
        return secrets

    def enrolment(
        self, secrets: FileSecrets, config: HomeConfig, clock_sure: Callable[[], bool]
    ) -> Enrolment | None:
        """The home's enrolment; None: it has none, or it cannot be used."""
        return self._enrolment.open(secrets, config, clock_sure=clock_sure)

    def identity(self, secrets: FileSecrets, config: HomeConfig) -> PageIdentity | None:
        """By what the Pi's page is known; trouble with it costs the page, not the home."""
        web = config.web
        try:
            return open_identity(self._state, secrets, web.host, web.port)
        except (SecretError, OSError) as error:
            log.error("home page not served", extra={"why": str(error)})
            self._told.append(told(StartFile.PAGE, StandIn.NOTHING, str(error)))
            return None

    def all_told(self, *more: GatewayFellBack) -> Iterator[GatewayFellBack]:
        """What is wrong with the files, each once; also in the journal."""
        first = () if self.found is None or self.found.told is None else (self.found.told,)
        for one in dict.fromkeys((*first, *self._enrolment.told, *more, *self._told)):
            log.error(
                "%s [%s] %s",
                "a file of the home cannot be used as it is",
                one.stand_in.value,
                one.said,
            )
            yield one

    async def keep(self, secrets: FileSecrets, config: HomeConfig) -> None:
        """Keep copies of what was good."""
        await asyncio.to_thread(self._keep, secrets, config)

    def _keep(self, secrets: FileSecrets, config: HomeConfig) -> None:
        try:
            if self.found is not None and self.found.raw is not None:
                keep_copy(self._state, stand_ins.COPY, self.found.raw)
            self._enrolment.keep()
            secrets.keep((HOME_KEY, *secrets_of(config)))
        except OSError as error:
            log.warning("no copy of the home's files", extra={"why": str(error)})


def secrets_of(config: HomeConfig) -> Iterator[str]:
    """The names of the secrets that a home with this configuration uses, but its own key."""
    for device in config.devices.values():
        named = device.driver.secret_name
        name = None if named is None else named(device.settings, device.id)
        if name is not None:
            yield name
    if config.second_path.sip_username is not None:
        yield SIP_LOGIN
    if config.mqtt is not None and config.mqtt.user:
        yield mqtt.KEPT_IN
