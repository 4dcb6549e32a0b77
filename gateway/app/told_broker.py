"""Whether, and with what, a broker in the home is told of it (`[mqtt]` of the home's file).

Trouble with it costs the telling, never the home.  Not for: what is told
(`gateway.services.home_states`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway.config.home_file import HomeConfig
from gateway.config.mqtt import KEPT_IN
from gateway.config.secrets import FileSecrets
from gateway.errors import SecretError
from gateway.link.uplink import Uplink
from gateway.state.home_view import HomeView

if TYPE_CHECKING:
    from gateway.services.home_assistant import HomeAssistant

log = logging.getLogger(__name__)


def told_broker(
    config: HomeConfig,
    secrets: FileSecrets,
    view: Callable[[], HomeView],
    uplink: Callable[[], Uplink | None],
) -> HomeAssistant | None:
    """Who tells the home's broker; None: the file names none, or it cannot be told."""
    if config.mqtt is None:
        return None
    from gateway.services.home_assistant import HomeAssistant  # its library only where it is used

    def server() -> bool | None:
        link = uplink()
        return None if link is None else link.metrics().connected

    try:
        password = secrets.read(KEPT_IN) if config.mqtt.user else ""
        return HomeAssistant(
            config.mqtt,
            password,
            home=config.home.id,
            snapshot=lambda: view().snapshot(),
            server=server,
        )
    except (SecretError, OSError) as error:  # ssl.SSLError is one
        log.error("the home's broker is not told", extra={"why": str(error)})
        return None
