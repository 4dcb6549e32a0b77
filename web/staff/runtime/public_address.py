"""Who asks, and under which address: from the configuration, never from what a request says of
itself.

A request's `Host` and every `X-Forwarded-…` can be written by anybody.  What is made of an address
(redirects of single sign-on, what a passkey is bound to, links) is made of `public_url`; a client's
address and HTTPS are taken from a proxy's headers only when the proxy is one that the configuration
names.  Not for: what is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from werkzeug.middleware.proxy_fix import ProxyFix

from web.staff.core.config import StaffConfig

WSGI = Callable[[dict[str, Any], Any], Iterable[bytes]]

BELIEVED = frozenset({"HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO"})
"""What is taken from a proxy: whom it speaks for, and whether that was HTTPS."""

PORTS = {"http": "80", "https": "443"}


class PublicAddress:
    """A WSGI application around another."""

    def __init__(self, inner: WSGI, config: StaffConfig) -> None:
        self.inner = inner
        self._proxies = config.listen.proxies
        self._public = None if config.public_url is None else urlsplit(config.public_url)
        n = config.listen.trusted_proxies
        self._behind = ProxyFix(self._addressed, x_for=n, x_proto=n, x_host=0) if n else None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer, with the address of the configuration."""
        if self._behind is None or not self._is_proxy(str(environ.get("REMOTE_ADDR", ""))):
            _strip(environ, frozenset())
            return self._addressed(environ, start_response)
        _strip(environ, BELIEVED)
        return self._behind(environ, start_response)

    def _is_proxy(self, peer: str) -> bool:
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._proxies)

    def _addressed(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if self._public is not None:
            scheme, host = self._public.scheme, self._public.netloc
            environ["wsgi.url_scheme"] = scheme
            environ["HTTP_HOST"] = host
            environ["SERVER_NAME"] = self._public.hostname or host
            environ["SERVER_PORT"] = str(self._public.port or PORTS[scheme])
        return self.inner(environ, start_response)


def _strip(environ: dict[str, Any], kept: frozenset[str]) -> None:
    """Take out what a proxy would say, but for `kept`."""
    for name in [
        name for name in environ if name.startswith(("HTTP_X_FORWARDED", "HTTP_FORWARDED"))
    ]:
        if name not in kept:
            del environ[name]
