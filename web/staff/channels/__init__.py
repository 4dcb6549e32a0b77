"""Ways to tell somebody who has no page open: one file a channel, found by its name.

    contract     what a channel is

    sms          text messages by a provider's HTTP
    live_page    a page that is open anyway
    push         notifications on phones and computers
    email        mail by the organisation's server
    webhook      another program of the organisation
    mqtt         states and alarms for a house's own automation
    points       where each member of staff is reached

`open_all` makes every channel that the configuration sets up; the application keeps them, one of
each a process (`here`).  Not for: who is told and when (`web.staff.ladders`).
"""

from __future__ import annotations

import hashlib
import hmac
import importlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType

from flask import current_app
from pydantic import ValidationError

from gateway.errors import ConfigError
from web.staff.channels.contract import Channel, Tended
from web.staff.core.context import Staff
from web.staff.core.secret_files import SecretFiles

EXTENSION = "tryggve.channels"
"""Where the application keeps its channels."""

NOT_CHANNELS = frozenset({"contract", "points"})
"""Modules of this room that are no channel."""


def names() -> tuple[str, ...]:
    """Every channel's name, sorted."""
    found = {info.name for info in pkgutil.iter_modules(__path__) if not info.ispkg}
    return tuple(sorted(name for name in found - NOT_CHANNELS if not name.startswith("_")))


def open_all(staff: Staff, secrets: SecretFiles) -> dict[str, Channel]:
    """Every channel that is set up, by name.  Raises `ConfigError` for one that does not exist or
    whose settings are wrong, `SecretError` for one whose secret is missing."""
    wanted = staff.config.channels
    for name in wanted:
        if name not in names():
            known = ", ".join(names()) or "none"
            raise ConfigError(
                "staff.toml", f"channels.{name}", "there is no such channel", f"known: {known}"
            )
    opened = {}
    for name in names():
        module = importlib.import_module(f"{__name__}.{name}")
        if name in wanted or getattr(module, "ALWAYS", False):
            opened[name] = _open(module, name, staff, secrets)
    return opened


def here() -> dict[str, Channel]:
    """The channels of the running application (needs an application context)."""
    opened: dict[str, Channel] = current_app.extensions[EXTENSION]
    return opened


def tend(staff: Staff, ways: Mapping[str, Channel]) -> None:
    """Let channels that publish states (`Tended`) tell what changed; never waits for anybody."""
    for way in ways.values():
        if isinstance(way, Tended):
            way.tend(staff)


def door(staff: Staff, name: str) -> str:
    """The secret in the address at which a channel's provider reaches us: who does not know it is
    not heard.  The same at every worker, and for as long as `code_key` is."""
    said = f"channel:{name}".encode()
    return hmac.new(staff.keys.code_key, said, hashlib.sha256).hexdigest()[:32]


def door_url(staff: Staff, name: str) -> str | None:
    """That address; None where the server does not know its own (a try on plain HTTP)."""
    base = staff.config.public_url
    return None if base is None else f"{base}/kanal/{name}/{door(staff, name)}"


def _open(module: ModuleType, name: str, staff: Staff, secrets: SecretFiles) -> Channel:
    try:
        config = module.Config.model_validate(staff.config.channels.get(name, {}))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in ("channels", name, *first["loc"]))
        raise ConfigError("staff.toml", key, first["msg"].lower(), "correct the value") from error
    channel: Channel = module.open_channel(config, staff, secrets)
    return channel
