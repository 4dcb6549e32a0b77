"""An alarm centre's calls, put together: who may call, by the server's word and by the home's own.

Not for: what a call is (`gateway.media.sip_call`), or telling the centre (`gateway.second_path`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.access import centre_calls
from gateway.access.centre_calls import LIFE_S, CentreCall
from gateway.access.tokens import BadToken
from gateway.config.home_file import CentreCallsSection
from gateway.engine.memory_logs import memory_folder
from gateway.events import Ref
from gateway.media import baresip
from gateway.media.sip_call import CentreCalls, CentrePorts
from gateway.media.sip_ports import FrontHere
from gateway.scaip import sip
from gateway.scaip.message import Voice

log = logging.getLogger(__name__)


def ports_of(section: CentreCallsSection) -> CentrePorts:
    """As the configuration has it."""
    here = FrontHere(
        *(baresip.USER, section.domain, section.host, section.port, section.tls_port),
        certificate=section.certificate,
        key=section.key,
    )
    return CentrePorts(here, section.sound_ports, memory_folder())


def call_back(section: CentreCallsSection | None) -> str | None:
    """Where a centre that this home tells itself may call; None: nowhere."""
    if section is None:
        return None
    domain = sip.written_host(section.domain)
    if section.certificate is not None:
        return f"sip:{baresip.USER}@{domain}:{section.tls_port};transport=tls"
    return f"sip:{baresip.USER}@{domain}:{section.port}"


class Invitations:
    """Who may call `home`.  `keys` are the server's that are good now; `now` None: the home does
    not know the time."""

    def __init__(
        self,
        home: str,
        calls: CentreCalls,
        keys: Callable[[], Mapping[str, Ed25519PublicKey]],
        now: Callable[[], datetime | None],
    ) -> None:
        self._home, self._calls, self._keys, self._now = home, calls, keys, now

    def offered(self, token: str) -> None:
        """The server says that a centre may call."""
        try:
            call = centre_calls.read(token, self._home, self._keys())
        except BadToken as error:
            log.warning("who may call is not believed: %s", error)
            return
        self._calls.expect(call)

    def answered(self, alarm: Ref, uri: str, voice: Voice) -> None:
        """A centre at `uri` that this home told by itself wants to call."""
        now = self._now()
        if now is None:
            return
        places = centre_calls.places_of([uri], voice.number)
        media = voice.media.name.lower()
        until = now + timedelta(seconds=LIFE_S)
        self._calls.expect(CentreCall(self._home, alarm, places, voice.number, media, now, until))
