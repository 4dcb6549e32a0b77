"""The staff server's configuration file (TOML): what may be set, and one sentence for what is
wrong.

Not for: secrets, which are files of their own (`web.staff.core.secret_files`).
"""

from __future__ import annotations

import re
import tomllib
from contextlib import suppress
from datetime import date
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from gateway.access.permits import LIMIT_MAX_S, LIMIT_S
from gateway.errors import ConfigError
from gateway.wire import SILENT_AFTER_S
from web.staff.core.rights import Role
from web.staff.realtime.broker import FOR_REQUESTS

DEFAULT_PATH = Path("/etc/tryggve/staff.toml")


OPEN_BEFORE_MIN = 30
"""Minutes before a planned visit's beginning from which its door may be opened: rounds run early
when somebody was not at home."""

OPEN_AFTER_MIN = 60
"""Minutes after its planned end until which the door may be opened: one fall earlier in the round
makes the rest an hour late."""

ACCESS_LOG_YEARS_MIN = 5
"""HSLF-FS 2016:40 ch. 4 §9: the access log is kept for at least five years."""


_ADDRESS = re.compile(r"https?://[a-z0-9.:\[\]-]+")

LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
"""This machine: where docs/install.md puts the proxy."""


class PlanConfig(BaseModel):
    """How far from its planned time a visit's door may be opened."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    open_before_min: Annotated[float, Field(ge=0, le=720)] = OPEN_BEFORE_MIN
    open_after_min: Annotated[float, Field(ge=0, le=720)] = OPEN_AFTER_MIN


class VisitsConfig(BaseModel):
    """How visits are followed up."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tolerance_min: Annotated[float, Field(ge=0, le=240)] = 15.0
    """Minutes by which a stamp may differ from the plan without being a deviation."""
    lock_after_days: Annotated[int, Field(ge=1, le=3660)] | None = None
    """Days after which a visit can no longer be changed; None: only `tryggve staff visits lock`
    locks."""


class AccessLogConfig(BaseModel):
    """The access log and its samples."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keep_years: Annotated[int, Field(ge=ACCESS_LOG_YEARS_MIN, le=100)] = ACCESS_LOG_YEARS_MIN
    """How long the log is shown and exported, and before which nothing of it may be erased."""
    sample_rows: Annotated[int, Field(ge=1, le=1000)] = 20
    """Rows drawn each month to be checked."""


class MassAlarmConfig(BaseModel):
    """When alarms of many homes ring as one: those that one cause raises everywhere (a home that is
    not heard, a power cut)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    homes: Annotated[int, Field(ge=2, le=10_000)] = 5
    """So many homes of one organisation make it one alarm.  Four can still be rung for one by one;
    that five homes fail by chance within minutes of each other does not happen in years."""
    within_min: Annotated[float, Field(gt=0, le=60)] = 5.0
    """Minutes within which they are raised, and within which another one joins: the homes of one
    fault are found silent within 15 s of each other (they speak every 15 s), batteries and
    networks give up over minutes."""
    alone_after_min: Annotated[float, Field(ge=1, le=240)] = 15.0
    """Minutes after most of its homes are heard again until those that are not ring anew, for
    themselves: a router starts within five, and a dead home must not hide behind a mended fault."""


class MapConfig(BaseModel):
    """The map on which zones and positions are shown; nothing of it is loaded from outside."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Path | None = None
    """A PMTiles file of raster tiles (PNG, JPEG or WebP); None: a plain drawing."""
    source: Annotated[str, Field(max_length=120)] = ""
    """Whose map it is, as its licence asks to be told: "© Lantmäteriet"."""


class ListenConfig(BaseModel):
    """Where the server listens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    certfile: Path | None = None
    """PEM for HTTPS; None: plain HTTP, behind a proxy that speaks HTTPS."""
    keyfile: Path | None = None
    homes: Annotated[int, Field(ge=1, le=3000)] = 100
    """Homes that listen at one worker: each holds a thread, and none is taken by a screen."""
    screens: Annotated[int, Field(ge=1, le=3000)] = 100
    """Screens that are open at one worker: each holds a thread."""
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """More than one needs PostgreSQL."""
    graceful_stop_s: Annotated[int, Field(ge=1, le=300)] = 10
    trusted_proxies: Annotated[int, Field(ge=0, le=5)] = 0
    """How many proxies stand before the server, each adding whom it speaks for
    (`X-Forwarded-For`, `-Proto`); 0: what such headers say is not believed."""
    proxies: tuple[IPv4Network | IPv6Network, ...] = LOOPBACK
    """Where the nearest of them is: from any other address those headers count for nothing."""

    @property
    def threads(self) -> int:
        """Threads of one worker: one for each home and each screen, and some for requests."""
        return self.homes + self.screens + FOR_REQUESTS


GROUPS_CLAIM = "groups"
"""The claim in which providers usually say the groups."""


class SingleSignOn(BaseModel):
    """One provider of OpenID Connect, and whom it may sign in.  Its client secret is the secret
    file `oidc_<name>`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: Annotated[str, Field(min_length=1, max_length=60)]
    """On the button: "Logga in med …"."""
    issuer: Annotated[str, Field(pattern=r"^https?://")]
    """Its address; `/.well-known/openid-configuration` is read below it."""
    client_id: Annotated[str, Field(min_length=1)]
    organisations: Annotated[frozenset[str], Field(min_length=1)]
    """The organisations whose accounts it may sign in: nobody else's, whatever it says."""
    acr_values: Annotated[tuple[str, ...], Field(min_length=1)]
    """Levels of assurance that are enough (`acr`), e.g. `http://id.sambi.se/loa/loa3`."""
    claim: str = "sub"
    """The claim that names the person; an account's single sign-on id is compared with it."""
    scope: str = "openid"
    groups_claim: Annotated[str, Field(min_length=1, max_length=200)] = GROUPS_CLAIM
    """The claim with the groups that a person is in there, a list of texts (`roles`, say).  Which
    of them give what is set in the pages (*Grupper som ger behörighet*)."""

    def bare_issuer(self) -> str:
        """The issuer as accounts are bound to it."""
        return self.issuer.rstrip("/")


class SignInConfig(BaseModel):
    """How people prove who they are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    second_factor_roles: frozenset[Role] = frozenset(Role)
    """Who has one of these roles needs a second factor beside a password, from the end of the
    organisation's grace period (`organisation.factor_grace_h`) on; a passkey or single sign-on is
    enough by itself."""
    oidc: dict[Annotated[str, Field(pattern=r"^[a-z0-9_]{1,20}$")], SingleSignOn] = {}
    """Single sign-on; none: off."""
    private_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks of one's own in which a provider that an organisation sets in its pages may stand;
    none: only on the open internet."""


TurnUrl = Annotated[
    str, Field(pattern=r"^turns?:[A-Za-z0-9.:\[\]-]{1,200}(\?transport=(udp|tcp))?$")
]


ContactUri = Annotated[str, Field(pattern=r"^(mailto:|https://|tel:)[!-~]{3,300}$")]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]


class VoiceConfig(BaseModel):
    """Speaking with a home because of an alarm."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit_s: Annotated[int, Field(ge=30, le=LIMIT_MAX_S)] = LIMIT_S
    """Seconds of a call; whoever speaks may have as long again, once."""
    turn_urls: Annotated[tuple[TurnUrl, ...], Field(max_length=4)] = ()
    """Relays (`turn:host:3478`, `turns:host:5349?transport=tcp`) for where page and home find no
    way to each other; the secret that they share with this server is the file `turn_secret`."""


class SecurityTxt(BaseModel):
    """Where whoever finds a hole in this server tells of it (`/.well-known/security.txt`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    contact: Annotated[tuple[ContactUri, ...], Field(min_length=1, max_length=5)]
    """Addresses, the one to use first first: `mailto:…`, `https://…` or `tel:…`."""
    expires: date
    """The first day on which the file is stale: within a year, when somebody looks at it again."""
    languages: Annotated[tuple[Language, ...], Field(max_length=5)] = ("sv", "en")
    """In which reports are read."""
    policy: Annotated[str, Field(pattern=r"^https://[!-~]{1,300}$")] | None = None
    """How reports are dealt with."""


def _own_address(url: str) -> str:
    """Small letters, a host and perhaps a port, no path.  Raises `ValueError`."""
    with suppress(ValueError):
        parts = urlsplit(url)
        if _ADDRESS.fullmatch(url) and parts.hostname and parts.port != 0:
            return url
    raise ValueError("it is no address in small letters as https://trygg.kommun.example")


class StaffConfig(BaseModel):
    """The whole file.  Paths are relative to the file's folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    database: str
    """`sqlite:///PATH` or `postgresql://USER:PASSWORD@HOST/NAME`."""
    secrets_dir: Path
    """Folder of the secret files (mode 0600); `$CREDENTIALS_DIRECTORY` goes before it."""
    public_url: Annotated[str, AfterValidator(_own_address)] | None = None
    """The address that people and homes use, without a path: `https://trygg.kommun.example`.
    Addresses that are sent out, and what passkeys are bound to, are made of it and never of what a
    request says.  None: a try on plain HTTP, where the address of the request is used."""
    listen: ListenConfig = ListenConfig()
    sign_in: SignInConfig = SignInConfig()
    clock: Path | None = None
    """The demo's clock file; None: the machine's clock."""
    secure_cookies: bool = True
    """False only for a try on plain HTTP at home: the browser then sends its session in the
    clear."""
    session_hours: Annotated[int, Field(ge=1, le=24)] = 12
    """A shift: after it a person signs in again."""
    plan: PlanConfig = PlanConfig()
    visits: VisitsConfig = VisitsConfig()
    access_log: AccessLogConfig = AccessLogConfig()
    mass_alarm: MassAlarmConfig = MassAlarmConfig()
    voice: VoiceConfig = VoiceConfig()
    map: MapConfig = MapConfig()
    security_txt: SecurityTxt | None = None
    channels: dict[Annotated[str, Field(pattern=r"^[a-z_]{1,20}$")], dict[str, Any]] = {}
    """What each way to tell somebody outside the pages needs (`web.staff.channels`)."""
    releases: Path = Path("/var/lib/tryggve-staff/releases")
    """Where releases for homes lie (`tryggve staff release add`)."""
    silent_after_s: Annotated[float, Field(gt=0, le=3600)] = SILENT_AFTER_S
    """Real seconds without a request until a home is called silent."""
    watch_every_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    """Real seconds between looks for silent homes and unreported checks."""


def load_config(path: Path) -> StaffConfig:
    """Read the file.  Raises `ConfigError` naming file, key and mend."""
    file = str(path)
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError as error:
        raise ConfigError(
            file, "", "there is no such file", "make one with `tryggve staff init`"
        ) from error
    except OSError as error:
        raise ConfigError(
            file, "", f"it cannot be read ({error.strerror})", "give this user the right to read it"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(file, "", f"it is no TOML: {error}", "mend that line") from error
    return parse_config(text, path)


def parse_config(text: str, path: Path) -> StaffConfig:
    """What `load_config` makes of a file at `path` that says `text`."""
    file = str(path)
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(file, "", f"it is no TOML: {error}", "mend that line") from error
    try:
        config = StaffConfig.model_validate(raw)
    except ValidationError as error:
        raise _sentence(file, error) from error
    return _checked(file, _anchored(config, path.resolve().parent))


def require_public_url(config: StaffConfig, file: str = "staff.toml") -> None:
    """Raise `ConfigError` when a server for real use does not know its own address."""
    if config.secure_cookies and config.public_url is None:
        raise ConfigError(
            file,
            "public_url",
            "the address that people and homes use is missing",
            'add it, as in public_url = "https://trygg.kommun.example"',
        )


def _sentence(file: str, error: ValidationError) -> ConfigError:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return ConfigError(file, key, "this key is not known", "remove it, or correct its spelling")
    if first["type"] == "missing":
        return ConfigError(file, key, "this key is missing", "add it")
    if first["type"] == "value_error":
        return ConfigError(file, key, str(first["ctx"]["error"]), "correct the value")
    return ConfigError(file, key, first["msg"].lower(), "correct the value")


def _anchored(config: StaffConfig, folder: Path) -> StaffConfig:
    listen = config.listen.model_copy(
        update={
            name: None if value is None else folder / value
            for name, value in (
                ("certfile", config.listen.certfile),
                ("keyfile", config.listen.keyfile),
            )
        }
    )
    database = config.database
    prefix = "sqlite:///"
    if database.startswith(prefix) and not database.startswith("sqlite:////"):
        database = f"{prefix}{folder / database[len(prefix) :]}"
    return config.model_copy(
        update={
            "listen": listen,
            "database": database,
            "secrets_dir": folder / config.secrets_dir,
            "releases": folder / config.releases,
            "clock": None if config.clock is None else folder / config.clock,
            "map": config.map.model_copy(
                update={"file": None if config.map.file is None else folder / config.map.file}
            ),
        }
    )


def _is_here(address: str) -> bool:
    """Whether it can only mean this machine: `127.0.0.1.example` is any other."""
    with suppress(ValueError):
        return urlsplit(address).hostname in ("127.0.0.1", "localhost")
    return False


def _checked(file: str, config: StaffConfig) -> StaffConfig:
    listen = config.listen
    if (listen.certfile is None) != (listen.keyfile is None):
        missing = "keyfile" if listen.keyfile is None else "certfile"
        raise ConfigError(
            file, f"listen.{missing}", "a certificate and its key go together", "set both or none"
        )
    if config.secure_cookies and (config.public_url or "").startswith("http:"):
        raise ConfigError(
            file, "public_url", "browsers keep secure cookies on HTTPS only", "write https://"
        )
    for name, provider in config.sign_in.oidc.items():
        plain = provider.issuer.startswith("http://")
        if plain and not _is_here(provider.issuer):
            raise ConfigError(
                file,
                f"sign_in.oidc.{name}.issuer",
                "who somebody is must not travel in the clear",
                "use its https:// address",
            )
    if config.sign_in.oidc and config.public_url is None:
        raise ConfigError(
            file,
            "public_url",
            "single sign-on sends people back to this server, and its address is missing",
            'add it, as in public_url = "https://trygg.kommun.example"',
        )
    if listen.workers > 1 and config.database.startswith("sqlite"):
        raise ConfigError(
            file, "listen.workers", "SQLite has one worker", "set workers = 1, or use PostgreSQL"
        )
    return config
