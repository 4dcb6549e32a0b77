"""What pairing gave for a lock, kept as one secret; a missing one says how to pair.

Not for: what a make's credentials hold (its protocol).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from typing import Protocol, Self, TypeVar

from drivers.locks.config import LockConfig
from gateway.errors import DeviceRefused, DeviceUnavailable, SecretError
from gateway.ports import DriverContext


class Credentials(Protocol):
    """What a make keeps of a lock that is paired."""

    @property
    def address(self) -> str | None:
        """The lock's Bluetooth address in upper case; None where it changes."""

    def to_json(self) -> str:
        """As it is kept in the secret."""

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises `SecretError` when it is not what `to_json` made."""


C = TypeVar("C", bound=Credentials)


@contextlib.contextmanager
def readable() -> Iterator[None]:
    """Raise `SecretError` for what goes wrong while kept credentials are taken apart."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SecretError("the lock's credentials are not readable") from error


def read(config: LockConfig, context: DriverContext, kind: type[C]) -> C:
    """The lock's credentials.  Raises `SecretError`, which says how to pair."""
    try:
        return kind.from_json(context.secrets.read(config.secret_name(context.device)))
    except SecretError as error:
        raise SecretError(
            f"{error.text.rstrip('.')}; pair the lock with `tryggve gateway pair {context.device}`."
        ) from error


def typed(kind: type[C], **fields: str) -> C:
    """What a technician typed.  Raises `DeviceRefused` when it cannot be a lock's credentials."""
    try:
        return kind.from_json(json.dumps(fields))
    except SecretError as error:
        raise DeviceRefused(f"that is no key: {error.text}", why="not_paired") from error


def write(config: LockConfig, context: DriverContext, credentials: Credentials) -> None:
    """Keep the lock's credentials, replacing older ones."""
    context.secrets.write(config.secret_name(context.device), credentials.to_json())


@contextlib.asynccontextmanager
async def pairing() -> AsyncIterator[None]:
    """While the lock is talked to: its silence is `DeviceUnavailable`, with what to do."""
    try:
        yield
    except TimeoutError as error:
        raise DeviceUnavailable("the lock did not answer while pairing; try again") from error
