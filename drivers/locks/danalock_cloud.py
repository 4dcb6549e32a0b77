"""A Danalock's login token from the vendor's cloud, over `pydanalock-cloud`.

The only thing of this driver that needs the internet: for pairing, and for the next token while the
last one still opens.

Not for: turning a lock; that never goes through a cloud.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from drivers.radio.connection import need_library, within
from gateway.errors import DeviceRefused, DeviceUnavailable, ProtocolError

if TYPE_CHECKING:
    from pydanalock.cloud import AsyncDanalockCloud, TokenData, TokenStorage

FETCH_S = 60.0
"""Seconds for the cloud to give a token: two requests, each with the library's 30 s."""


class Fetched(NamedTuple):
    """What the cloud gave.  `valid_to` None: the token has no end; `refresh_token` None: the next
    one needs the account's password again."""

    login_token: bytes
    broadcast_key: bytes
    valid_to: datetime | None
    refresh_token: str | None


def library() -> Any:
    """`pydanalock.cloud`.  Raises `DeviceUnavailable` where it is not installed."""
    return need_library("pydanalock.cloud", extra="danalock")


def client(storage: TokenStorage) -> AsyncDanalockCloud:
    """A client of the vendor's cloud that keeps its own tokens in `storage`."""
    made: AsyncDanalockCloud = library().AsyncDanalockCloud(storage=storage)
    return made


class _Storage:
    """What the library knows an account by, in memory; `on_refreshed` hears of each that is new."""

    def __init__(self, token: TokenData | None, on_refreshed: Callable[[str], None]) -> None:
        self._token, self._on_refreshed = token, on_refreshed

    def load(self) -> TokenData | None:
        return self._token

    def save(self, token: TokenData) -> None:
        self._token = token
        if token.refresh_token:
            self._on_refreshed(token.refresh_token)

    def clear(self) -> None:
        self._token = None


async def fetch(
    serial: bytes,
    *,
    account: tuple[str, str] | str,
    on_refreshed: Callable[[str], None] = lambda _token: None,
) -> Fetched:
    """A fresh token for the lock `serial`.  `account` is a user name and password, or the refresh
    token of an earlier time; `on_refreshed` hears at once of the one that takes its place, for the
    earlier one may be worth nothing from then on, whatever becomes of the rest.

    Raises `DeviceRefused` (the account, or the lock in it, is not known), `DeviceUnavailable` (no
    answer) or `ProtocolError`.
    """
    with ours():
        return await within(FETCH_S, _fetch(serial, account, on_refreshed))


async def _fetch(
    serial: bytes, account: tuple[str, str] | str, on_refreshed: Callable[[str], None]
) -> Fetched:
    known = library().TokenData("", account, 0.0) if isinstance(account, str) else None
    storage = _Storage(known, on_refreshed)
    cloud = client(storage)
    try:
        if isinstance(account, tuple):
            await cloud.login_password(*account)
        else:
            await cloud.refresh()
        key = await cloud.get_key(serial.hex(), force=True)
        kept = storage.load()
    finally:
        await cloud.aclose()
    refresh = kept.refresh_token if kept is not None else ""
    return Fetched(key.login_blob, key.broadcast_key, key.valid_to, refresh or None)


@contextlib.contextmanager
def ours() -> Iterator[None]:
    """Raise our errors for those of the library and of its HTTP client."""
    cloud = library()
    httpx = need_library("httpx", extra="danalock")
    try:
        yield
    except cloud.AuthError as error:
        raise DeviceRefused(
            f"the vendor's cloud does not accept the account: {error}", why="not_paired"
        ) from error
    except cloud.DeviceNotFoundError as error:
        raise DeviceRefused(
            "the vendor's cloud knows no such lock in this account", why="not_paired"
        ) from error
    except cloud.ApiError as error:
        raise ProtocolError(f"the vendor's cloud answered unexpectedly: {error}") from error
    except cloud.DanalockCloudError as error:
        raise ProtocolError(f"the vendor's cloud: {error}") from error
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
        raise DeviceUnavailable(
            f"the vendor's cloud does not answer ({type(error).__name__})"
        ) from error
