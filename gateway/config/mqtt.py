"""`[mqtt]` of a home's file: the broker in the home to which its states are told.

Not for: what is told (`gateway.services.home_assistant`), or the broker of an organisation, which
the staff server tells (docs/channels.md).
"""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from gateway.errors import ConfigError

KEPT_IN = "mqtt_password"
"""The secret that holds the broker's password."""

Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:-]{1,253}$")]
TopicWord = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
DeviceId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


class MqttSection(BaseModel):
    """A broker in the home, where Home Assistant finds alarms and states.  Without this table
    nobody is told; nothing is ever taken from there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: Host
    """The broker's name or address in the home's network."""
    port: int = Field(default=8883, ge=1, le=65535)
    """Its TCP port."""
    tls: bool = True
    """False: in the clear, only to a broker on this machine itself."""
    ca_file: Path | None = None
    """PEM file of who signed the broker's certificate, or the certificate. None: the system's."""
    user: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    """Its user; the password is the secret `mqtt_password`. None: the broker asks for none."""
    devices: Annotated[tuple[DeviceId, ...], Field(max_length=100)] = ()
    """Devices whose state is told, beside alarms and power: none but those named here."""
    prefix: TopicWord = "tryggve"
    """How its topics begin."""
    discovery: TopicWord = "homeassistant"
    """Where Home Assistant looks for what there is."""

    @model_validator(mode="after")
    def _safe(self) -> MqttSection:
        if not self.tls and self.host not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError("without TLS only a broker on this machine is told")
        return self


def check_devices(file: str, section: MqttSection | None, known: Container[str]) -> None:
    """Raise `ConfigError` for a device that is to be told of and does not exist.  Not at a start:
    a home runs without it, and devices may come later."""
    for device in () if section is None else section.devices:
        if device not in known:
            raise ConfigError(
                file,
                "mqtt.devices",
                f"names {device!r}, and there is no such device",
                f"add [devices.{device}], or take the name away",
            )
