"""The home's configuration: one TOML file, read once at start.

    [home]            what this home is          [devices.<id>]  one device each, by its driver
    [staff]           the staff server           [rules.<name>]  a rule's settings
    [log] [gpio]      the log, the pins          [checks.<plan>] one night plan each
    [web]             the page the Pi serves       [mqtt]   who is told in the home
    [second_path]     the way past the server     [chain]         the test alarm
    [centre_calls]    where an alarm centre calls

Unknown keys are refused.  What is wrong becomes one `ConfigError`: file, key, mend.  Secrets are
never here (`gateway.config.secrets`).  `docs/configuration.md` is generated from these models.

Not for: opening devices, or checking that they answer (`tryggve gateway check` does).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

import drivers
from drivers import Loaded
from gateway.config.addresses import server_url
from gateway.config.mqtt import MqttSection
from gateway.config.problems import from_validation, suggestion
from gateway.config.toml_file import read, tables
from gateway.errors import ConfigError, UnknownDriver
from gateway.rules import DeviceFacts, HomeFacts, RuleSettings, settings_class
from gateway.rules import names as rule_names
from gateway.schedule import Plan

_M = TypeVar("_M", bound=BaseModel)

DEFAULT_FILE = Path("/etc/tryggve/home.toml")
"""The file that is read when the command line names none."""


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise ValueError("is no time zone that this machine knows") from error
    return name


def _local_time(value: time) -> time:
    if value.tzinfo is not None or value.second or value.microsecond:
        raise ValueError("is a time of day as HH:MM, in the home's own time")
    return value


Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
SipDomain = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:\[\]-]{1,200}$")]
SipUser = Annotated[str, StringConstraints(pattern=r"^[^\s:]{1,60}$")]
LocalTime = Annotated[time, AfterValidator(_local_time)]
ServerUrl = Annotated[str, AfterValidator(server_url)]
ZoneName = Annotated[str, AfterValidator(_zone)]


class Section(BaseModel):
    """A table of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class HomeSection(Section):
    """What this home is."""

    id: Id
    """The home's id at the staff server: a-z, 0-9, `-` and `_`, never a name or an address."""
    timezone: ZoneName = "Europe/Stockholm"
    """IANA name of the local time that night plans are written in."""
    resident: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None
    """The person id of the one who lives here; never a name. None: not said."""


class StaffSection(Section):
    """The staff server.  Without this table the home works by itself and sends nothing."""

    url: ServerUrl
    """Its address, `https://…`; `http://` only to this machine itself."""
    ca_file: Path | None = None
    """PEM file of the authority that signed the server's certificate. None: the system's."""


class LogSection(Section):
    """The event log."""

    retain_days: int = Field(default=90, ge=7, le=3660)
    """Days that events already forwarded are kept in the home."""


class GpioSection(Section):
    """The pins.  Needed only when a device has one; there is never a fall back."""

    factory: Literal["lgpio", "mock"]
    """`lgpio` on a Pi, `mock` in the demo and in tests (pins that are no pins)."""


class WebSection(Section):
    """The page that the Pi itself serves, over HTTPS."""

    enabled: bool = True
    """False: no page."""
    host: str = "127.0.0.1"
    """Address to listen on: only the Pi itself by default, `0.0.0.0` for the home's network."""
    port: int = Field(default=8080, ge=0, le=65535)
    """TCP port; 0 lets the system choose one."""


class SecondPathSection(Section):
    """The way past the server, when it has not got an alarm.  Whom to tell the server says."""

    modem: bool = False
    """Whether the Pi has a modem that sends text messages (ModemManager)."""
    sip_domain: SipDomain | None = None
    """The Pi's own address as an alarm centre reaches it. None: none is told from here."""
    sip_port: int = Field(default=5060, ge=0, le=65535)
    """UDP and TCP port that its answers come to; 0 lets the system choose one."""
    sip_username: SipUser | None = None
    """Where the centre asks who we are; the password is the secret `second_path_sip`. None: it does
    not ask."""
    after_s: float = Field(default=20.0, ge=5, le=45)
    """Seconds that the server has to take an alarm before the gateway tells receivers itself."""


class ChainSection(Section):
    """The test alarm, which goes the way of an alarm and rings nowhere."""

    test_at: LocalTime = time(6)
    """Local time of day at which it is sent, beside each start."""
    answer_s: float = Field(default=240.0, ge=1, le=280)
    """Seconds until one that has not come back is told: a broken hop is known in five minutes."""


class CentreCallsSection(Section):
    """Where an alarm centre calls the home, when its answer asks for it (baresip, docs/voice.md).
    Without this table none may."""

    domain: SipDomain
    """The Pi's own address as the centre reaches it, by its network or through its firewall."""
    port: int = Field(default=5070, ge=0, le=65535)
    """UDP and TCP port for calls; 0 lets the system choose one."""
    host: str = "0.0.0.0"  # noqa: S104 - a centre is somewhere else
    """Address to listen on, IPv4."""
    sound_ports: tuple[int, int] = (20000, 20019)
    """First and last UDP port for the sound."""
    tls_port: int = Field(default=5071, ge=0, le=65535)
    """Port for TLS, where there is a certificate."""
    certificate: Path | None = None
    """PEM file with the Pi's certificate. None: no TLS."""
    key: Path | None = None
    """PEM file with its key."""

    @model_validator(mode="after")
    def _whole(self) -> CentreCallsSection:
        first, last = self.sound_ports
        if not 1024 <= first < last <= 65535 or last - first < SOUND_PORTS_MIN:
            raise ValueError(
                f"sound_ports are a first and a last port above 1023, {SOUND_PORTS_MIN} apart"
            )
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a certificate and its key go together")
        return self


SOUND_PORTS_MIN = 5
"""Ports between the first and the last one: a call takes two, and the one before may linger."""


class DeviceSection(Section):
    """The keys that every device has; its driver adds its own."""

    driver: str
    """The driver's name, see below."""
    role: Word | None = None
    """What the device is for: `bed`, `front_door`, … Rules look for roles."""
    room: Word | None = None
    """Where it is: `bedroom`, `hall`, …"""


class Root(Section):
    """The tables that are the same in every home."""

    home: HomeSection
    staff: StaffSection | None = None
    log: LogSection = LogSection()
    gpio: GpioSection | None = None
    web: WebSection = WebSection()
    mqtt: MqttSection | None = None
    second_path: SecondPathSection = SecondPathSection()
    chain: ChainSection = ChainSection()
    centre_calls: CentreCallsSection | None = None


OPEN_TABLES = ("devices", "rules", "checks")
"""Tables of tables: their keys are names that the home chose, or that rules have."""


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """One configured device; `settings` is an instance of its driver's `Config`."""

    id: str
    driver: Loaded
    settings: BaseModel
    role: str | None
    room: str | None

    @property
    def pins(self) -> tuple[int, ...]:
        """The BCM numbers that it takes."""
        return self.driver.pins(self.settings)

    @property
    def needs_pins(self) -> bool:
        """Whether it uses the home's pins: its driver always does, or as it is configured."""
        return self.driver.needs_pins or bool(self.pins)


@dataclass(frozen=True, slots=True)
class HomeConfig:
    """A home's whole configuration, valid as far as the file alone can say."""

    path: Path
    sha256: str
    home: HomeSection
    staff: StaffSection | None
    log: LogSection
    gpio: GpioSection | None
    web: WebSection
    devices: Mapping[str, DeviceConfig]
    rules: Mapping[str, RuleSettings]
    plans: Mapping[str, Plan]
    second_path: SecondPathSection = field(default_factory=SecondPathSection)
    chain: ChainSection = field(default_factory=ChainSection)
    centre_calls: CentreCallsSection | None = None
    mqtt: MqttSection | None = None
    tables: Mapping[str, Any] = field(default_factory=dict)
    """As they are written."""

    def facts(self) -> HomeFacts:
        """What rules may know of the home."""
        return HomeFacts(
            id=self.home.id,
            timezone=self.home.timezone,
            resident=self.home.resident,
            devices={
                device.id: DeviceFacts(
                    id=device.id,
                    driver=device.driver.name,
                    type=device.driver.kind,
                    role=device.role,
                    room=device.room,
                )
                for device in self.devices.values()
            },
        )

    def rule_settings(self) -> dict[str, RuleSettings]:
        """The settings of the rules that the file names, for `gateway.rules.bind`."""
        return dict(self.rules)

    def report_by(self, slot: datetime) -> datetime:
        """When a check's slot counts as nobody's look (`check.planned`), by the settings of the
        rule `night_check`."""
        from gateway.rules import night_check

        given = self.rules.get(night_check.NAME)
        settings = given if isinstance(given, night_check.Settings) else night_check.Settings()
        return night_check.report_by(slot, settings)

    def needs_radio(self) -> bool:
        """Whether some device needs Bluetooth."""
        return any(device.driver.needs_radio for device in self.devices.values())

    def needs_pins(self) -> bool:
        """Whether some device needs pins."""
        return any(device.needs_pins for device in self.devices.values())


def load(path: Path) -> HomeConfig:
    """Read a home's file.  Raises `ConfigError` for the first thing that is wrong with it."""
    return parse(read(path), path)


def parse(raw: bytes, path: Path) -> HomeConfig:
    """The configuration in the bytes of a file; `path` is used in sentences.  Errors: `load`."""
    return of_tables(tables(raw, path), path, hashlib.sha256(raw).hexdigest())


def of_tables(table: Mapping[str, Any], path: Path, sha256: str) -> HomeConfig:
    """The configuration in the tables of a file.  Errors: `load`."""
    file = str(path)
    opened = {name: _open_table(file, table, name) for name in OPEN_TABLES}
    rest = {key: value for key, value in table.items() if key not in OPEN_TABLES}
    root = _valid(file, "", Root, rest, extra=OPEN_TABLES)
    devices = {id_: _device(file, id_, keys) for id_, keys in opened["devices"].items()}
    _check_pins(file, root, devices)
    return HomeConfig(
        path=path,
        sha256=sha256,
        tables=table,
        home=root.home,
        staff=root.staff,
        log=root.log,
        gpio=root.gpio,
        web=root.web,
        devices=devices,
        rules={name: _rule(file, name, keys) for name, keys in opened["rules"].items()},
        plans={name: _plan(file, name, keys) for name, keys in opened["checks"].items()},
        second_path=root.second_path,
        chain=root.chain,
        centre_calls=root.centre_calls,
        mqtt=root.mqtt,
    )


def _open_table(file: str, table: Mapping[str, Any], name: str) -> dict[str, dict[str, Any]]:
    inner = table.get(name, {})
    for key, value in inner.items() if isinstance(inner, dict) else [("", inner)]:
        where = f"{name}.{key}" if key else name
        if not isinstance(value, dict):
            raise ConfigError(file, where, "must be a table", f"write [{name}.<name>] above it")
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", key):
            mend = "use a-z, 0-9, '-' and '_', at most 64 of them"
            raise ConfigError(file, where, "is no proper name", mend, fault="name")
    return dict(inner)


def _valid(
    file: str, prefix: str, model: type[_M], keys: dict[str, Any], extra: Iterable[str] = ()
) -> _M:
    try:
        return model.model_validate(keys)
    except ValidationError as error:
        raise from_validation(file, prefix, model, error, extra) from error


def _device(file: str, id_: str, keys: dict[str, Any]) -> DeviceConfig:
    where = f"devices.{id_}"
    common = {key: keys[key] for key in DeviceSection.model_fields if key in keys}
    section = _valid(file, where, DeviceSection, common)
    try:
        driver = drivers.load(section.driver)
    except UnknownDriver as error:
        raise ConfigError(
            file,
            f"{where}.driver",
            f"there is no driver {section.driver!r}",
            suggestion(section.driver, error.known),
            fault="driver",
        ) from error
    except (ImportError, OSError) as error:  # its libraries are not here, or are damaged
        raise ConfigError(
            file,
            f"{where}.driver",
            f"the driver {section.driver!r} cannot be loaded ({type(error).__name__}: {error})",
            "install the gateway anew",
            fault="driver",
        ) from error
    own = {key: value for key, value in keys.items() if key not in common}
    settings = _valid(file, where, driver.Config, own, extra=DeviceSection.model_fields)
    return DeviceConfig(id_, driver, settings, section.role, section.room)


def _check_pins(file: str, root: Root, devices: Mapping[str, DeviceConfig]) -> None:
    owners: dict[int, str] = {}
    for device in devices.values():
        for pin in device.pins:
            other = owners.setdefault(pin, device.id)
            if other != device.id:
                raise ConfigError(
                    file,
                    f"devices.{device.id}",
                    f"takes pin {pin} (BCM), which devices.{other} has already",
                    "connect one of them to another pin",
                    fault="pin",
                )
        if device.needs_pins and root.gpio is None:
            raise ConfigError(
                file,
                "gpio",
                f"is missing, and devices.{device.id} has a pin",
                'add [gpio] with factory = "lgpio" on a Pi',
                fault="pins",
            )


def _rule(file: str, name: str, keys: dict[str, Any]) -> RuleSettings:
    if name not in rule_names():
        known = suggestion(name, rule_names())
        raise ConfigError(file, f"rules.{name}", "there is no such rule", known, fault="rule")
    if "home" in keys:
        unknown = "is no key that Tryggve knows"
        raise ConfigError(file, f"rules.{name}.home", unknown, "remove it", fault="key")
    return _valid(file, f"rules.{name}", settings_class(name), keys)


def _plan(file: str, name: str, keys: dict[str, Any]) -> Plan:
    if "name" in keys:
        raise ConfigError(
            *(file, f"checks.{name}.name", "is no key that Tryggve knows"),
            f"remove it: [checks.{name}] names the plan",
        )
    return _valid(file, f"checks.{name}", Plan, {**keys, "name": name})
