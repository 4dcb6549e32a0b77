"""The sender against kamailio as an alarm centre: its digest, its answers, its TLS.

Needs Debian's `kamailio` and, for TLS, `kamailio-tls-modules`; skips without.
"""

from __future__ import annotations

import datetime as dt
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.scaip.codes import Media
from gateway.scaip.sender import Centre, Verdict
from tests.ports import free_port
from tests.processes import tell_group
from tests.scaip.parts import CALM, CID, LOCAL, SHORT, alarm, sender
from tests.test_link import certificate

CONFIG = Path(__file__).with_name("kamailio.cfg")
MODULES = Path("/usr/lib")
PROGRAM = shutil.which("kamailio", path="/usr/sbin:/usr/bin")
KNOWN = "hemligt"
"""What the configuration asks for."""
NOW, DAY = dt.datetime.now(dt.UTC), dt.timedelta(days=1)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="kamailio is not installed (Debian: kamailio)"),
]


@dataclass(frozen=True)
class Kamailio:
    """A running one."""

    port: int
    tls_port: int | None
    ca: Path

    def centre(self, manner: str, transport: str = "udp", said: str = KNOWN) -> Centre:
        """The centre that answers so."""
        port = self.tls_port if transport == "tls" else self.port
        uri = f"sip:{manner}@{LOCAL}:{port};transport={transport}"
        return Centre(uri, "tryggve", said, self.ca)


def has_tls() -> bool:
    return any(MODULES.glob("*/kamailio/modules/tls.so"))


@contextmanager
def running(folder: Path, algorithm: str) -> Iterator[Kamailio]:
    """Kamailio on ports of its own, until the block ends."""
    cert, key = certificate(folder, NOW - DAY, NOW + DAY)
    port, tls_port = free_port(), free_port()
    text = CONFIG.read_text()
    for name, value in (
        ("PORT", port),
        ("TLS_PORT", tls_port),
        ("KEY", key),
        ("CERTIFICATE", cert),
        ("ALGORITHM", algorithm),
    ):
        text = text.replace(f"@{name}@", str(value))
    written = folder / "kamailio.cfg"
    written.write_text(text)
    assert PROGRAM is not None
    command = [PROGRAM, "-DD", "-E", "-m", "16", "-M", "4", "-f", str(written), "-Y", str(folder)]
    command += ["-A", "WITH_TLS"] if has_tls() else []
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder, start_new_session=True
        )
        try:
            _wait(process, port, folder / "log")
            yield Kamailio(port, tls_port if has_tls() else None, cert)
        finally:
            tell_group(process.pid)  # told to end, it takes ten seconds
            process.wait(60)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    ends = time.monotonic() + 60
    while time.monotonic() < ends and process.poll() is None:
        try:
            socket.create_connection((LOCAL, port), timeout=60).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"kamailio did not start: {log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def md5(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kamailio]:
    with running(tmp_path_factory.mktemp("md5"), "MD5") as one:
        yield one


@pytest.fixture(scope="module")
def sha256(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kamailio]:
    with running(tmp_path_factory.mktemp("sha256"), "SHA-256") as one:
        yield one


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
@pytest.mark.parametrize("manner", ["own", "body"])
async def test_an_alarm_is_received(md5: Kamailio, manner: str, transport: str) -> None:
    """It asks for a password, and answers in a MESSAGE of its own or in the 200; both are a proof,
    and say whom to call.  The second alarm needs no second question where its nonce may be used."""
    if transport == "tls" and not has_tls():
        pytest.skip("kamailio has no TLS (Debian: kamailio-tls-modules)")
    async with sender(patience=CALM) as mine:
        for _ in range(2):
            sent = await mine.send(alarm(), [md5.centre(manner, transport)])
            assert sent.received and len(sent.tries) == 1, sent
            voice = None if sent.answer is None else sent.answer.voice
            assert voice is not None
            assert (voice.media, voice.number) == (Media.DUPLEX, "sip:svar@centre.example")


async def test_sha_256(sha256: Kamailio) -> None:
    """RFC 8760, as kamailio has it."""
    async with sender(patience=CALM) as mine:
        assert (await mine.send(alarm(), [sha256.centre("own")])).received
        wrong = sha256.centre("own", said="fel")
        assert (await mine.send(alarm(), [wrong])).last.verdict is Verdict.FORBIDDEN


async def test_a_heartbeat(md5: Kamailio) -> None:
    """Without a password where none is asked for."""
    async with sender(patience=CALM) as mine:
        assert (await mine.beat(CID, md5.centre("open"))).verdict is Verdict.RECEIVED


@pytest.mark.parametrize(
    ("manner", "verdicts"),
    [
        ("busy", [Verdict.BUSY, Verdict.BUSY]),
        ("away", [Verdict.BUSY]),
        ("deaf", [Verdict.SILENT, Verdict.SILENT]),
        ("mute", [Verdict.SILENT, Verdict.SILENT]),
        ("garbage", [Verdict.SILENT, Verdict.SILENT]),
    ],
)
async def test_what_is_no_proof(md5: Kamailio, manner: str, verdicts: list[Verdict]) -> None:
    """Busy, away for an hour, deaf, mute or saying nonsense: then the next centre is told."""
    async with sender(patience=SHORT) as mine:
        sent = await mine.send(alarm(), [md5.centre(manner), md5.centre("body")])
        assert [one.verdict for one in sent.tries] == [*verdicts, Verdict.RECEIVED]


async def test_a_wrong_password(md5: Kamailio) -> None:
    """Said once."""
    async with sender(patience=CALM) as mine:
        sent = await mine.send(alarm(), [md5.centre("own", said="fel")])
        assert [(one.verdict, one.code) for one in sent.tries] == [(Verdict.FORBIDDEN, 401)]


@pytest.mark.skipif(not has_tls(), reason="kamailio has no TLS (Debian: kamailio-tls-modules)")
async def test_a_certificate_that_nobody_we_trust_vouches_for(md5: Kamailio) -> None:
    """Nothing is said."""
    async with sender(patience=CALM) as mine:
        place = Centre(md5.centre("own", "tls").uri, "tryggve", KNOWN)
        assert (await mine.send(alarm(), [place])).last.verdict is Verdict.UNREACHABLE
