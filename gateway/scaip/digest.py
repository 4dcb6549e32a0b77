"""Digest authentication (RFC 3261 section 22, RFC 7616, 8760): a password, without sending it.

MD5 where the other side asks for nothing better, SHA-256 where it can.  The library's own reading
of a challenge cuts a list such as `qop="auth,auth-int"` in two, so it is read here.  Not for:
`auth-int`, sessions (`-sess`), or passwords in the clear (Basic), which are never answered.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

_HASHES: dict[str, Callable[[bytes], str]] = {
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
}
"""What can be computed, the better first."""

_PARAMETER = re.compile(r'\s*([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)')


@dataclass
class Challenge:
    """What a server asks for, and how often it was answered."""

    realm: str
    nonce: str
    algorithm: str | None
    """As it stood there; None: MD5, and not said again."""
    qop: str | None
    """`auth`, or None: a server of before RFC 2617."""
    opaque: str | None
    stale: bool
    proxy: bool
    """Asked with 407 by a proxy, not with 401 by the centre."""
    used: int = field(default=0)

    @property
    def header(self) -> str:
        """Where the answer to it stands."""
        return "Proxy-Authorization" if self.proxy else "Authorization"


def challenge_of(values: Iterable[str], *, proxy: bool) -> Challenge | None:
    """The best challenge that can be answered; None: there is none."""
    found = [one for value in values if (one := _read(value, proxy=proxy))]
    order = list(_HASHES)
    return min(found, key=lambda one: order.index((one.algorithm or "MD5").upper()), default=None)


def _read(value: str, *, proxy: bool) -> Challenge | None:
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() != "digest":
        return None
    said: dict[str, str] = {}
    at = 0
    while at < len(rest):
        match = _PARAMETER.match(rest, at)
        if match is None:
            return None
        quoted = match[2]
        text = match[3] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        said.setdefault(match[1].lower(), text)
        at = match.end()
    offered = {one.strip().lower() for one in said.get("qop", "auth").split(",")}
    unknown = said.get("algorithm", "MD5").upper() not in _HASHES
    if unknown or "auth" not in offered or not said.get("nonce") or "realm" not in said:
        return None
    return Challenge(
        realm=said["realm"],
        nonce=said["nonce"],
        algorithm=said.get("algorithm"),
        qop="auth" if "qop" in said else None,
        opaque=said.get("opaque"),
        stale=said.get("stale", "").lower() == "true",
        proxy=proxy,
    )


def credentials(
    challenge: Challenge,
    username: str,
    password: str,
    method: str,
    uri: str,
    *,
    cnonce: str | None = None,
) -> str:
    """The header's value that answers a challenge, once more than before."""
    challenge.used += 1
    hashed = _HASHES[(challenge.algorithm or "MD5").upper()]
    mine, count = cnonce or secrets.token_hex(8), f"{challenge.used:08x}"
    ha1 = hashed(f"{username}:{challenge.realm}:{password}".encode())
    ha2 = hashed(f"{method}:{uri}".encode())
    between = f"{count}:{mine}:{challenge.qop}:" if challenge.qop else ""
    response = hashed(f"{ha1}:{challenge.nonce}:{between}{ha2}".encode())
    said = [("username", username), ("realm", challenge.realm), ("nonce", challenge.nonce)]
    said += [("uri", uri), ("response", response)]
    text = [f"{name}={_quoted(value)}" for name, value in said]
    if challenge.algorithm:
        text.append(f"algorithm={challenge.algorithm}")
    if challenge.qop:
        text += [f"qop={challenge.qop}", f"nc={count}", f"cnonce={_quoted(mine)}"]
    if challenge.opaque is not None:
        text.append(f"opaque={_quoted(challenge.opaque)}")
    return "Digest " + ", ".join(text)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
