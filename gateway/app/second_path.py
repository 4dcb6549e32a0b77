"""The way past the server, put together: what the home shows it, and what it asks of the home.

Not for: how it works (`gateway.second_path`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.app.centre_parts import call_back
from gateway.clock import Clock
from gateway.config.home_file import HomeConfig
from gateway.config.secrets import FileSecrets
from gateway.engine.engine import Engine
from gateway.envelope import Event
from gateway.errors import SecretError
from gateway.events import Data, PathChannel, TestWhy
from gateway.link.uplink import Uplink
from gateway.ports import Modem
from gateway.scaip.here import Here
from gateway.scaip.sender import ScaipSender
from gateway.second_path.chain_test import ChainTest
from gateway.second_path.path_state import Confirmed
from gateway.second_path.receivers_file import ReceiversFile
from gateway.second_path.senders import HURRY, CentreSender, SmsSender, WantsToCall
from gateway.second_path.teller import LinkView, Teller
from gateway.services.key_offers import in_a_thread
from gateway.version import version

log = logging.getLogger(__name__)

SIP_LOGIN = "second_path_sip"
"""The secret's name: what an alarm centre asks this home for."""

START_S = 20.0
"""Seconds that a sender may take to begin, until alarms are told without it; it goes on with that
by itself.  A modem is asked for what it has stored, message by message."""


class PathParts:
    """What a home with a server has beside its link.  `modem` None: it has none.

    `uplink` and `engine` are asked for at each use, for they are made after this."""

    def __init__(
        self,
        config: HomeConfig,
        *,
        boot: str,
        secrets: FileSecrets,
        keys: Callable[[], Mapping[str, Ed25519PublicKey]],
        engine: Engine,
        uplink: Callable[[], Uplink | None],
        modem: Modem | None,
        record: Callable[[Data], None],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[Any]],
        clock: Clock,
        sure: Callable[[], bool],
        wants_to_call: WantsToCall,
    ) -> None:
        self._engine, self._uplink, self._spawn = engine, uplink, spawn
        self._confirmed = Confirmed()
        home = config.home.id
        self.receivers = ReceiversFile(home, secrets, keys, in_a_thread("second-path"))
        senders: dict[PathChannel, SmsSender | CentreSender] = {}
        if modem is not None:
            senders[PathChannel.SMS] = SmsSender(modem, self._text_came)
        if config.second_path.sip_domain is not None:
            senders[PathChannel.SCAIP] = self._centres(config, secrets, wants_to_call)
        self._senders = senders
        self._rooms: dict[str, str | None] = {}
        self.know(config)
        link = LinkView(has=self._has, is_own=self._is_own, up=self._is_up)
        self.teller = Teller(
            home=home,
            boot=boot,
            after_s=config.second_path.after_s,
            receivers=self.receivers,
            senders=senders,
            link=link,
            record=record,
            spawn=spawn,
            clock=clock,
            rooms=self._rooms,
        )
        self.chain_test = ChainTest(
            home=home,
            at=config.chain.test_at,
            timezone=config.home.timezone,
            answer_s=config.chain.answer_s,
            version=version(),
            receivers=self.receivers,
            senders=senders,
            teller=self.teller,
            link=link,
            is_confirmed=lambda origin, seq: (origin, seq) in self._confirmed,
            record=record,
            clock=clock,
            sure=sure,
        )

    def know(self, config: HomeConfig) -> None:
        """From now on the home consists of this."""
        self._rooms.clear()
        self._rooms.update((device.id, device.room) for device in config.devices.values())

    def _centres(
        self, config: HomeConfig, secrets: FileSecrets, wants_to_call: WantsToCall
    ) -> CentreSender:
        """Alarm centres; the password is a secret of its own where one is asked for."""
        section = config.second_path
        username = section.sip_username
        password = None if username is None else _password(secrets)
        here = Here(section.sip_domain or "", port=section.sip_port)
        return CentreSender(
            ScaipSender(here, patience=HURRY),
            lambda: self.receivers.cid,
            username=None if password is None else username,
            password=password,
            call_back=call_back(config.centre_calls),
            wants_to_call=wants_to_call,
        )

    # --- what happens -----------------------------------------------------------------------------

    def forget(self) -> None:
        """The events are about to be told anew."""
        self.teller.forget()

    def apply(self, event: Event) -> None:
        """Fold one event."""
        self.teller.apply(event)
        self.chain_test.apply(event)

    def see_live(self, event: Event) -> None:
        """One that happened just now, after `apply`."""
        self.chain_test.see_live(event)

    def confirmed(self, events: Sequence[tuple[str, int]]) -> None:
        """The server took these urgent events."""
        self._confirmed.add(events)
        self.teller.confirmed(events)

    # --- running ----------------------------------------------------------------------------------

    async def run(self, why: TestWhy) -> None:
        """Listen, tell and test until cancelled; `why` is of the test at this start."""
        try:
            for channel, sender in self._senders.items():
                try:
                    async with asyncio.timeout(START_S):
                        await sender.start()
                except Exception as error:  # an address that cannot be had, or whatever else
                    log.error("no way to %s", channel, extra={"why": repr(error)})
            self.teller.start()
            await self.chain_test.run(why)
        finally:
            for sender in self._senders.values():
                with suppress(asyncio.CancelledError, Exception):
                    await sender.stop()

    def _text_came(self, number: str, text: str) -> None:
        self.teller.text_came(number, text)

    # --- the link ---------------------------------------------------------------------------------

    def _has(self, origin: str, seq: int) -> bool:
        log = self._engine.log
        return log.origin == origin and seq <= log.forwarded()

    def _is_own(self, origin: str) -> bool:
        return self._engine.log.origin == origin

    def _is_up(self) -> bool:
        uplink = self._uplink()
        return uplink is not None and uplink.metrics().connected


def _password(secrets: FileSecrets) -> str | None:
    """What a centre asks the home for; None: it cannot be read, and a centre that asks says no."""
    try:
        return secrets.read(SIP_LOGIN)
    except SecretError as error:
        log.error("no password for alarm centres", extra={"why": error.text})
        return None
