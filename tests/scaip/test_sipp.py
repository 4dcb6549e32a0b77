"""The sender against sipp as an alarm centre: answers word for word, in the same call, after a
provisional response, and from a centre that repeats itself.

Needs Debian's `sip-tester`; skips without.  Not for: digest and TLS (`test_kamailio`).
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.scaip.sender import Centre, Verdict
from tests.ports import free_port
from tests.processes import tell_group
from tests.scaip.parts import CALM, LOCAL, SHORT, alarm, sender

PROGRAM = shutil.which("sipp")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="sipp is not installed (Debian: sip-tester)"),
]

RECEIVE = """<recv request="MESSAGE" crlf="true"><action>
  <ereg regexp="&lt;ref&gt;([^&lt;]*)" search_in="msg" assign_to="whole,ref"/>
</action></recv>
<Reference variables="whole,ref"/>"""

HEADERS = """[last_Via:]
[last_From:]
[last_To:];tag=[pid]SIPpTag[call_number]
[last_Call-ID:]
[last_CSeq:]
"""

OK = f"SIP/2.0 200 OK\n{HEADERS}Content-Length: 0\n"

IN_BODY = f"""SIP/2.0 200 Fine
{HEADERS}c: application/scaip+xml;charset=utf-8
l: [len]

<?xml version="1.0" encoding="utf-8"?>
<mrs xmlns="urn:x"><!-- seen --><ste>mottaget åäö</ste><snu>0</snu><ref>[$ref]</ref></mrs>"""

OWN = """MESSAGE sip:tryggve@kommun.example SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: "Larmcentral, natt" <sip:larm@[local_ip]:[local_port]>;tag=[pid]SIPpTag[call_number]
To: <sip:tryggve@kommun.example>
[last_Call-ID:]
CSeq: 2 MESSAGE
Max-Forwards: 70
Content-Type: application/scaip+xml
Content-Length: [len]

<mrs><ref>[$ref]</ref><snu>{snu}</snu></mrs>"""

TRYING = f"SIP/2.0 100 Trying\n{HEADERS}Content-Length: 0\n"


def said(text: str) -> str:
    return f"<send><![CDATA[\n{text}\n]]></send>"


ANSWERED = '<recv response="200" crlf="true"/>'


@contextmanager
def sipp(folder: Path, transport: str, *steps: str) -> Iterator[Centre]:
    """sipp with this scenario on a port of its own, as often as it is called."""
    scenario = folder / "scenario.xml"
    body = "\n".join([RECEIVE, *steps])
    scenario.write_text(f'<?xml version="1.0"?>\n<scenario name="centre">\n{body}\n</scenario>\n')
    port = free_port()
    assert PROGRAM is not None
    command = [PROGRAM, "-sf", str(scenario), "-i", LOCAL, "-p", str(port), "-nostdin"]
    command += ["-t", {"udp": "u1", "tcp": "t1"}[transport]]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder, start_new_session=True
        )
        try:
            _wait(process, port, transport, folder / "log")
            yield Centre(f"sip:larm@{LOCAL}:{port};transport={transport}")
        finally:
            tell_group(process.pid)
            process.wait(60)


def _wait(process: subprocess.Popen[bytes], port: int, transport: str, log: Path) -> None:
    """Until its port is taken.  The kernel is asked: a bind of ours could be in its way."""
    place = f"{int.from_bytes(socket.inet_aton(LOCAL), sys.byteorder):08X}:{port:04X}"
    for _ in range(600):
        assert process.poll() is None, log.read_text(errors="replace")[-2000:]
        rows = Path(f"/proc/net/{transport}").read_text("ascii").splitlines()[1:]
        if any(row.split()[1] == place for row in rows):
            return
        time.sleep(0.02)
    pytest.fail("sipp did not start")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize(
    "steps",
    [
        [said(IN_BODY)],
        [said(OK), said(OWN.format(snu=0)), ANSWERED],
        [said(OWN.format(snu="00000")), ANSWERED, said(OK)],
    ],
    ids=["in the body", "after the 200", "before the 200"],
)
async def test_an_answer(tmp_path: Path, transport: str, steps: list[str]) -> None:
    """With a name space, comments and short headers; in the call of the request; over
    TCP on the connection that we opened.  The second alarm goes the same way."""
    with sipp(tmp_path, transport, *steps) as place:
        async with sender(patience=CALM) as mine:
            for _ in range(2):
                sent = await mine.send(alarm(), [place])
                assert sent.received and len(sent.tries) == 1, sent


async def test_a_centre_that_takes_its_time(tmp_path: Path) -> None:
    """100 first: we repeat no more than each T2, and wait."""
    steps = [said(TRYING), '<pause milliseconds="300"/>', said(IN_BODY)]
    with sipp(tmp_path, "udp", *steps) as place:
        async with sender(patience=CALM) as mine:
            sent = await mine.send(alarm(), [place])
            assert sent.received and len(sent.tries) == 1


async def test_a_centre_that_repeats_its_answer(tmp_path: Path) -> None:
    """It lost our 200: it gets it again, and the alarm is received once."""
    again = said(OWN.format(snu=0))
    steps = [said(OK), again, ANSWERED, again, ANSWERED]
    with sipp(tmp_path, "udp", *steps) as place:
        async with sender(patience=CALM) as mine:
            assert (await mine.send(alarm(), [place])).received
            assert (await mine.send(alarm(), [place])).received


@pytest.mark.parametrize(
    ("step", "verdict"),
    [
        (f"SIP/2.0 486 Busy Here\n{HEADERS}Content-Length: 0\n", Verdict.BUSY),
        (f"SIP/2.0 503 Overload\n{HEADERS}Retry-After: 99\nContent-Length: 0\n", Verdict.BUSY),
        (f"SIP/2.0 302 Moved\n{HEADERS}Contact: <sip:x@127.0.0.9>\nl: 0\n", Verdict.REFUSED),
        (f"SIP/2.0 404 Not Found\n{HEADERS}Content-Length: 0\n", Verdict.REFUSED),
        (f"SIP/2.0 200 OK\n{HEADERS}Content-Length: 5\n\n<mrs>", Verdict.SILENT),
        (f"SIP/2.0 200 OK\n{HEADERS}Content-Length: 500\n\nless", Verdict.SILENT),
        ("SIP/2.0 200 OK\nTo: nobody\n\n", Verdict.SILENT),
    ],
    ids=["busy", "retry after", "moved", "not found", "no xml", "cut off", "no response"],
)
async def test_no_proof(tmp_path: Path, step: str, verdict: Verdict) -> None:
    """Refused, or answered with something that means nothing: nothing is claimed."""
    with sipp(tmp_path, "udp", said(step)) as place:
        async with sender(patience=SHORT) as mine:
            sent = await mine.send(alarm(), [place])
            assert not sent.received and sent.tries[0].verdict is verdict, sent
