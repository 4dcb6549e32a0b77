"""Who we are to an alarm centre, where we listen, and how long SIP waits.

Not for: whom we tell (`gateway.scaip.sender.Centre`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Timers:
    """RFC 3261 section 17.1.1.1 and table 4, seconds; tests have shorter ones."""

    t1_s: float = 0.5
    """Until the first repeat over UDP; doubled for each further one."""
    t2_s: float = 4.0
    """… up to this."""
    connect_s: float = 5.0
    """To open a connection, TLS and the name's address included; ours."""

    @property
    def give_up_s(self) -> float:
        """64 T1: without a final response until then a request is lost (timer F), and its answer is
        kept so long (timer J)."""
        return 64 * self.t1_s


@dataclass(frozen=True)
class Here:
    """Who we are, and where we listen."""

    domain: str
    """Our host as others reach it, a name or an address: answers come to `sip:user@domain:port`."""
    user: str = "tryggve"
    host: str = "0.0.0.0"  # noqa: S104 - a centre is somewhere else
    """The address to listen at."""
    port: int = 0
    """UDP and TCP; 0: any that is free."""
    tls_port: int = 0
    """Where TLS is listened for, when there is a `certificate`."""
    certificate: Path | None = None
    """PEM, with its `key`, for centres that connect to us with TLS; None: they answer on the
    connection that we opened."""
    key: Path | None = None
