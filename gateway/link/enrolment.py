"""Enrolment: a one-time code makes this gateway a home's own, and pins the server's keys.

The home makes its Ed25519 key itself and shows only the public half.  The code carries a
fingerprint of the server's signing key (`gateway.wire.split_code`): an answer without that key is
refused, whoever terminated the TLS.

    <state>/secrets/home_key   the home's key (PEM, mode 0600)
    <state>/secrets/install_code   what opens the Pi's page for who installs (a slow hash)
    <state>/origin             the origin of the home's log
    <state>/server.json        the server's address, the home's id, the keys it trusts

A key that was sent and not yet answered is kept as `home_key.new`, so that a second try after a
lost answer shows the same key.

Not for: choosing who may enroll (the server does).
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import urllib3
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError
from urllib3.exceptions import HTTPError

from gateway.config.addresses import server_url, usual
from gateway.config.home_file import HomeConfig
from gateway.config.secrets import HOME_KEY, FileSecrets, sync_folder, write_durably
from gateway.config.stand_ins import OTHER_HOME
from gateway.config.toml_file import read
from gateway.doors import install_code
from gateway.errors import ConfigError, LinkDown, LinkRefused, SecretError, UserError
from gateway.events import ServerKeyAdded
from gateway.link.answers import whole
from gateway.link.https import (
    ANSWER_TIMEOUT_S,
    API,
    CONNECT_TIMEOUT_S,
    Link,
    down,
    open_pool,
    refusal,
    require_common_protocol,
    tls_context,
)
from gateway.link.server_keys import ServerKeys
from gateway.origin import is_origin_of
from gateway.version import version
from gateway.wire import (
    HOME_HEADER,
    PROTOCOL_HEADER,
    PROTOCOLS,
    EnrollAnswer,
    EnrollRequest,
    ServerKey,
    fingerprint,
    protocols_text,
    split_code,
)

SERVER_FILE = "server.json"
ORIGIN_FILE = "origin"
NEW_KEY = f"{HOME_KEY}.new"


class PinnedServer(BaseModel):
    """What `server.json` holds: what this home knows of its server.  What a newer version kept
    there, before the home went back, is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    url: str
    home: str
    keys: list[ServerKey]
    ca_file: Path | None = None
    until: dict[str, AwareDatetime] = {}
    """Keys that a newer one has replaced, and until when they are good."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """An enrolled home: its id, the way to its server, the server's keys, and its own."""

    home: str
    link: Link
    keys: ServerKeys
    private_key: Ed25519PrivateKey


def load_enrolment(
    state_dir: Path,
    secrets: FileSecrets,
    config: HomeConfig | None = None,
    *,
    clock_sure: Callable[[], bool] = lambda: True,
) -> Enrolment | None:
    """What an earlier `enroll` left; None when this home is not enrolled.

    Raises `UserError`: a file that cannot be used, a missing key, or (with `config`) a
    configuration that is of another home or server.
    """
    path = state_dir / SERVER_FILE
    if not os.path.lexists(path):
        return None
    pinned = pinned_at(path)
    if config is not None:
        require_same(config, pinned)
    own = _private_key(secrets.read(HOME_KEY))
    return enrolment_of(path, pinned, own, config, clock_sure)


def pinned_at(path: Path) -> PinnedServer:
    """What the file at `path` says of the server.  Raises `UserError`."""
    try:
        pinned = PinnedServer.model_validate_json(read(path))
        _readable(pinned.keys)
    except (ConfigError, ValueError) as error:
        why = error.text if isinstance(error, ConfigError) else f"{path} cannot be used"
        raise UserError(
            f"{why.rstrip('.')}; enroll the home again: tryggve gateway enroll URL CODE"
        ) from error
    return pinned


def own_key(pem: str) -> Ed25519PrivateKey:
    """The home's own key in a PEM.  Raises `SecretError`."""
    return _private_key(pem)


def enrolment_of(
    path: Path,
    pinned: PinnedServer,
    own: Ed25519PrivateKey,
    config: HomeConfig | None,
    clock_sure: Callable[[], bool],
) -> Enrolment:
    """The enrolment that these say; a new key of the server's is added to the file at `path`."""
    given = config.staff.ca_file if config is not None and config.staff is not None else None
    url = usual(pinned.url)  # an earlier version kept what was typed
    link = Link(url, pinned.home, own, ca_file=given or pinned.ca_file, clock_sure=clock_sure)
    keys = _readable(pinned.keys)
    return Enrolment(pinned.home, link, _server_keys(path, pinned, keys, pinned.until), own)


def enroll(
    url: str,
    code: str,
    state_dir: Path,
    secrets: FileSecrets,
    *,
    ca_file: Path | None = None,
    home: str = "",
) -> Enrolment:
    """Enroll this gateway at the server; `home` is what its file says that it is (empty: it does
    not).  Raises `UserError` with one sentence, or `LinkDown`.

    Nothing of an earlier enrolment is touched before the server has said yes and proved to hold the
    key that the code names.
    """
    url = _address(url)
    try:
        secret, wanted = split_code(code)
    except ValueError as error:
        raise UserError(f"{error}, as XXXXX-XXXXX-XXXXXXXX; type it as it was given.") from error
    key = _new_key(secrets)
    asked = EnrollRequest(code=secret, public_key=_pem(key), version=version())
    try:
        answer = _ask(url, asked, ca_file, home)
    except LinkDown:  # no server to ask: who has the code installs the home at its own page
        install_code.keep(secrets, code, datetime.now(UTC))
        raise
    keys = _trusted(answer, wanted)
    if home and answer.home != home:  # an older server takes any
        raise _other_home(answer.home, home)
    pinned = PinnedServer(url=url, home=answer.home, keys=answer.keys, ca_file=ca_file)
    new = secrets.path(NEW_KEY)
    new.replace(secrets.path(HOME_KEY))
    sync_folder(new.parent)
    write_durably(state_dir / ORIGIN_FILE, f"{answer.origin}\n".encode(), 0o644)
    write_durably(state_dir / SERVER_FILE, pinned.model_dump_json(indent=1).encode(), 0o644)
    install_code.keep(secrets, code, datetime.now(UTC))
    link = Link(url, answer.home, key, ca_file=ca_file)
    return Enrolment(
        answer.home, link, _server_keys(state_dir / SERVER_FILE, pinned, keys, {}), key
    )


def _server_keys(
    path: Path,
    pinned: PinnedServer,
    keys: dict[str, Ed25519PublicKey],
    until: dict[str, datetime],
) -> ServerKeys:
    """The server's keys; a new one is added to the file at `path`.

    The file is read again for that: nothing else of it is lost."""

    def keep(added: ServerKeyAdded) -> None:
        now = _as_it_is(path, pinned)
        new = now.model_copy(
            update={
                "keys": [*now.keys, ServerKey(kid=added.kid, public_key=added.public_key)],
                "until": {added.signed_by: added.old_until, **now.until},
            }
        )
        write_durably(path, new.model_dump_json(indent=1).encode(), 0o644)

    return ServerKeys(pinned.home, keys, until, read=public_key, keep=keep)


def _as_it_is(path: Path, pinned: PinnedServer) -> PinnedServer:
    """What the file says now; where the card has spoilt it since the start, what it said then."""
    try:
        return pinned_at(path)
    except UserError:
        return pinned


def public_key(pem: str) -> Ed25519PublicKey:
    """The Ed25519 public key in a PEM.  Raises `ValueError` for anything else."""
    try:
        key = load_pem_public_key(pem.encode())
    except UnsupportedAlgorithm as error:
        raise ValueError("a key of a kind that is not known") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("a key that is not Ed25519")
    return key


def _readable(keys: Sequence[ServerKey]) -> dict[str, Ed25519PublicKey]:
    """Those of the server's keys that this version can use; one of a kind that only a newer knows
    is kept and signs nothing here.  Raises `ValueError` when none is left."""
    found: dict[str, Ed25519PublicKey] = {}
    for key in keys:
        with suppress(ValueError):
            found[key.kid] = public_key(key.public_key)
    if not found:
        raise ValueError("none of the server's keys can be read")
    return found


def _address(url: str) -> str:
    """As `server_url`; what it refuses, and what no line can be opened to, is one sentence."""
    try:
        found = server_url(url)
        open_pool(found, None).close()
    except (ValueError, HTTPError) as error:
        raise UserError(
            f"{url!r} is not the address of a staff server; it begins with https://."
        ) from error
    return found


def _other_home(theirs: str, ours: str) -> UserError:
    return UserError(
        f"the code is of {f'the home {theirs!r}' if theirs else 'another home'}, and this "
        f"gateway's file says {ours!r}; ask for a code of this home, or correct id under [home].",
        code="other_home",
    )


def _ask(url: str, asked: EnrollRequest, ca_file: Path | None, home: str) -> EnrollAnswer:
    """One POST; never sent twice by itself, for a code works once."""
    secure = url.startswith("https:")
    pool = open_pool(url, tls_context(ca_file) if secure else None)
    try:
        came = pool.urlopen(
            "POST",
            f"{urlsplit(url).path.rstrip('/')}{API}/enroll",
            body=asked.model_dump_json().encode(),
            headers={
                "Content-Type": "application/json",
                "User-Agent": f"tryggve/{version()}",
                PROTOCOL_HEADER: protocols_text(PROTOCOLS),
                **({HOME_HEADER: home} if home else {}),
            },
            redirect=False,
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=ANSWER_TIMEOUT_S),
            preload_content=False,
        )
        response = whole(came)
    except (HTTPError, OSError, ssl.SSLError) as error:
        raise down(error, f"{url} does not answer") from error
    finally:
        pool.close()
    try:
        require_common_protocol(came)
    except LinkRefused as error:
        raise UserError(f"{error.text} Nothing was enrolled here.") from error
    if response.status != 200:
        refused = refusal(response.status, response.data)
        if isinstance(refused, LinkRefused):
            if refused.code == "other_home":
                raise _other_home("", home)
            raise UserError(
                f"the server did not take the code ({refused.code}); ask for a new one and try "
                f"again within its time.",
                code=refused.code,
            )
        raise refused
    try:
        return EnrollAnswer.model_validate_json(response.data)
    except ValidationError as error:
        raise UserError(f"what answers at {url} is no staff server; check the address.") from error


def _trusted(answer: EnrollAnswer, wanted: str) -> dict[str, Ed25519PublicKey]:
    """The answer's keys, if the one that the code names is among them."""
    try:
        keys = _readable(answer.keys)
    except ValueError as error:
        raise UserError("the server's keys cannot be read; update this gateway.") from error
    raw = [key.public_bytes(Encoding.Raw, PublicFormat.Raw) for key in keys.values()]
    if wanted not in [fingerprint(one) for one in raw]:
        raise UserError(
            "the server that answered does not hold the key that the code names: the code was "
            "mistyped or somebody stands between; nothing was enrolled here. Ask for a new code."
        )
    if not is_origin_of(answer.origin, answer.home):
        raise UserError("the server gave an origin of another home; tell its administrator.")
    return keys


def require_same(config: HomeConfig, pinned: PinnedServer) -> None:
    """Raise `ConfigError` for a home's file that is of another home, or another server."""
    file = str(config.path)
    if config.home.id != pinned.home:
        raise ConfigError(
            file,
            "home.id",
            f"is {config.home.id!r}, and this gateway is enrolled as {pinned.home!r}",
            f"write id = {pinned.home!r}, or enroll again",
            fault=OTHER_HOME,
        )
    if config.staff is not None and config.staff.url != usual(pinned.url):
        raise ConfigError(
            file,
            "staff.url",
            f"is {config.staff.url}, and this gateway is enrolled at {pinned.url}",
            "correct it, or enroll again",
        )


def _new_key(secrets: FileSecrets) -> Ed25519PrivateKey:
    if secrets.path(NEW_KEY).is_file():
        return _private_key(secrets.read(NEW_KEY))
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    secrets.write(NEW_KEY, pem.decode())
    return key


def _private_key(pem: str) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SecretError(
            "the home's key is no PEM; enroll the home again: tryggve gateway enroll URL CODE"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SecretError(
            "the home's key is not Ed25519; enroll the home again: tryggve gateway enroll URL CODE"
        )
    return key


def _pem(key: Ed25519PrivateKey) -> str:
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return public.decode()
