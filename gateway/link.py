"""HTTPS to the staff server (skeleton: signatures are final, the body follows)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class Link:
    """One home's way to its server.  `clock_sure` tells whether the home knows the time: while it does
    not, the dates of the server's certificate are not judged (its name and signer always are)."""

    def __init__(
        self,
        url: str,
        home: str,
        key: Ed25519PrivateKey,
        *,
        ca_file: Path | None = None,
        clock_sure: Callable[[], bool] = lambda: True,
    ) -> None:
        raise NotImplementedError
