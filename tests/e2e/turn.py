"""A relay (coturn) of a test's own, and what somebody sees who looks on at it.

`relay` starts coturn as docs/voice.md tells to set it up; `looking_on` keeps every datagram that
comes to it or leaves it, and `Seen` says what those are (RFC 7983: the first byte tells STUN, DTLS
and SRTP apart; RFC 8656: what is relayed is wrapped in a STUN indication or in a channel's
message).  Not for: what the ends make of it.
"""

from __future__ import annotations

import math
import os
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.ports import free_port

PORTS = 40
"""Ports from which coturn relays: an allocation takes one, and each end makes a few."""

START_S = 60.0
ALL_KINDS = 0x0003
"""ETH_P_ALL."""
COOKIE = b"\x21\x12\xa4\x42"
"""Of every STUN message (RFC 8489, section 5)."""
DATA = 0x0013
"""The attribute with what an indication carries (RFC 8656, section 18.6)."""


@dataclass(frozen=True, slots=True)
class Relay:
    """A running coturn: its address in the form of `turn_urls`, and its UDP ports."""

    url: str
    host: str
    ports: frozenset[int]
    process: subprocess.Popen[bytes]


def own_address() -> str:
    """An address of this machine beside the loopback's, which no end of a call may point to."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no network address for two ends to meet at")
        return str(probe.getsockname()[0])


@contextmanager
def relay(folder: Path, secret: str) -> Iterator[Relay]:
    """Coturn with `use-auth-secret`, over UDP; skips where it is not installed."""
    program = shutil.which("turnserver")
    if program is None:
        pytest.skip("coturn is not installed (Debian: coturn)")
    host, port = own_address(), free_port()
    first = 50_000 + os.getpid() % 100 * PORTS
    log = (folder / "coturn.log").open("w")
    process = subprocess.Popen(
        [
            *(program, "-n", "--use-auth-secret", f"--static-auth-secret={secret}"),
            *("--realm=kommun.example", f"--listening-ip={host}", f"--relay-ip={host}"),
            *(f"--listening-port={port}", f"--min-port={first}", f"--max-port={first + PORTS}"),
            *("--no-tls", "--no-dtls", "--no-tcp", "--no-cli", "--no-multicast-peers"),
            *("--log-file=stdout", "--simple-log", f"--pidfile={folder / 'coturn.pid'}"),
            f"--userdb={folder / 'coturn.db'}",
        ],
        stdout=log,
        stderr=log,
        cwd=folder,
    )
    log.close()
    try:
        _await(host, port)
        ports = frozenset((port, *range(first, first + PORTS + 1)))
        yield Relay(f"turn:{host}:{port}", host, ports, process)
    finally:
        process.kill()
        process.wait(60)


def _await(host: str, port: int) -> None:
    """Until it answers to a binding request."""
    end_s = time.monotonic() + START_S
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        probe.settimeout(0.1)
        while time.monotonic() < end_s:
            try:
                probe.sendto(struct.pack("!HH", 1, 0) + COOKIE + b"t" * 12, (host, port))
                if probe.recv(100)[4:8] == COOKIE:
                    return
            except OSError:  # it does not listen yet
                time.sleep(0.02)
    pytest.fail("coturn did not start")


@dataclass(slots=True)
class Seen:
    """Datagrams at the relay."""

    datagrams: list[bytes] = field(default_factory=list)

    def kinds(self) -> Counter[str]:
        """How many are what, once unwrapped: `stun`, `dtls`, `srtp`; `other` is none of them."""
        return Counter(kind for kind, _ in self.told())

    def told(self) -> list[tuple[str, bytes]]:
        """Each with what it is; what is relayed is unwrapped."""
        return [kind_of(one) for one in self.datagrams]

    def media(self) -> bytes:
        """All that SRTP carries, without its headers."""
        return b"".join(_without_header(data) for kind, data in self.told() if kind == "srtp")


def kind_of(data: bytes) -> tuple[str, bytes]:
    """What a datagram is, and its innermost part."""
    first = data[0] if data else 255
    if 0x40 <= first <= 0x4F and len(data) >= 4:  # a channel's message
        [length] = struct.unpack("!H", data[2:4])
        return kind_of(data[4 : 4 + length]) if length <= len(data) - 4 else ("other", data)
    if first < 4:
        if data[4:8] != COOKIE:
            return "other", data
        inner = _carried(data)
        return kind_of(inner) if inner else ("stun", data)
    if 20 <= first <= 63:
        return "dtls", data
    return ("srtp" if 128 <= first <= 191 else "other"), data


def _carried(data: bytes) -> bytes:
    """What a STUN message carries for somebody else; empty: nothing."""
    at = 20
    while at + 4 <= len(data):
        kind, length = struct.unpack("!HH", data[at : at + 4])
        if kind == DATA:
            return data[at + 4 : at + 4 + length]
        at += 4 + length + -length % 4
    return b""


def _without_header(data: bytes) -> bytes:
    """An SRTP packet's own part: without its header, extension and the seal's ten bytes."""
    if 192 <= data[1] <= 223:
        return b""  # RTCP
    at = 12 + 4 * (data[0] & 15)
    if data[0] & 0x10:
        at += 4 + 4 * struct.unpack("!H", data[at + 2 : at + 4])[0]
    return data[at:-10]


def evenness(data: bytes) -> float:
    """Bits of each byte that nobody can foretell (Shannon): of what is sealed, 8."""
    counts = Counter(data)
    return -sum(n / len(data) * math.log2(n / len(data)) for n in counts.values())


@contextmanager
def looking_on(ports: frozenset[int]) -> Iterator[Seen]:
    """Everything over UDP from or to these ports on this machine; skips without the right to."""
    try:
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.ntohs(ALL_KINDS))
    except PermissionError:
        pytest.skip("this user may not look on at the network (CAP_NET_RAW)")
    with closing(tap):
        tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        tap.bind(("lo", ALL_KINDS))
        tap.settimeout(0.2)
        seen, stopping = Seen(), threading.Event()
        thread = threading.Thread(target=_keep, args=(tap, ports, seen, stopping), daemon=True)
        thread.start()
        try:
            yield seen
        finally:
            stopping.set()
            thread.join(60)


def _keep(tap: socket.socket, ports: frozenset[int], seen: Seen, stopping: threading.Event) -> None:
    while not stopping.is_set():
        try:
            packet, told = tap.recvfrom(1 << 16)
        except TimeoutError:
            continue
        if told[2] != socket.PACKET_OUTGOING:  # on the loopback each comes twice
            _keep_one(packet, ports, seen)


def _keep_one(packet: bytes, ports: frozenset[int], seen: Seen) -> None:
    if packet[0] >> 4 != 4 or packet[9] != socket.IPPROTO_UDP:
        return
    at = 4 * (packet[0] & 15)
    from_to: Sequence[int] = struct.unpack("!HH", packet[at : at + 4])
    if ports.intersection(from_to):
        seen.datagrams.append(packet[at + 8 :])
