"""Addresses as somebody typed them: of a staff server, and of this machine itself.

Not for: whether anybody is there (`gateway.link`).
"""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from urllib.parse import urlsplit


def server_url(url: str) -> str:
    """The address of a staff server, as `usual` writes it.  Raises `ValueError`."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port  # a port that is none raises only here
    except ValueError as error:
        raise ValueError("is no address of a server") from error
    odd = any(one.isspace() or not one.isprintable() for one in url)
    if odd or not host or port == 0 or parts.query or parts.fragment or parts.username:
        raise ValueError("is no address of a server")
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)):
        return usual(url)
    raise ValueError("must begin with https:// (http:// only to this machine itself)")


def usual(url: str) -> str:
    """An address without a slash at its end, and with small letters before its colon: whoever asks
    whether it is `https:` must not take `HTTPS:` for a line that is not secured."""
    scheme, colon, rest = url.partition(":")
    return (scheme.lower() + colon + rest).rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host's name or address can only mean this machine."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
