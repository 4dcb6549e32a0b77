"""docs/law.md, SECURITY.md and docs/advisories.md: each provision has its row, what is said to be
held names its test, and what else these pages say of a home is so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import tomllib
from datetime import date
from pathlib import Path

import pytest

import drivers
from gateway.config.home_file import CentreCallsSection, SecondPathSection, WebSection
from tests._tree import ROOT, tracked
from tests.processes import open_files
from tests.test_promises import blocks
from tools.image import recipe
from tools.image.card import page as card_page
from web.staff.core.config import load_config

LAW = (ROOT / "docs/law.md").read_text("utf-8")
POLICY = (ROOT / "SECURITY.md").read_text("utf-8")

SECTIONS = (*(f"5.{n}" for n in range(14)), "6")
COUNTS = (1, *(5, 3, 16, 4, 8, 9, 2, 3, 3, 1, 4, 3, 1), 8)
EN_303_645 = dict(zip(SECTIONS, COUNTS, strict=True))
"""How many provisions each section of V3.1.3 has, by its table B.1."""

HALVES = ("5.3-4", "5.3-6", "5.3-15", "5.6-4", "5.13-1", "6-3")
"""Provisions that are an A and a B in it."""

ADDED = ("5.1-2A",)

TITLES = (
    "5.0 Reporting implementation",
    "5.1 No universal default passwords",
    "5.2 Implement a means to manage reports of vulnerabilities",
    "5.3 Keep software updated",
    "5.4 Securely store sensitive security parameters",
    "5.5 Communicate securely",
    "5.6 Minimize exposed attack surfaces",
    "5.7 Ensure software integrity",
    "5.8 Ensure that personal data is secure",
    "5.9 Make systems resilient to outages",
    "5.10 Examine system telemetry data",
    "5.11 Make it easy for users to delete user data",
    "5.12 Make installation and maintenance of devices easy",
    "5.13 Validate input data",
    "6 Data protection provisions for consumer IoT",
)
"""Its clauses, by which a reader finds the place."""

EN_18031 = (
    *(f"ACM-{n}" for n in range(1, 7)),
    *("AUM-1-1", "AUM-1-2", "AUM-2", "AUM-3", "AUM-4", "AUM-5-1", "AUM-5-2", "AUM-6"),
    *("SUM-1", "SUM-2", "SUM-3", "SSM-1", "SSM-2", "SSM-3", "SCM-1", "SCM-2", "SCM-3", "SCM-4"),
    *("RLM-1", "NMM-1", "TCM-1", "LGM-1", "LGM-2", "LGM-3", "LGM-4", "DLM-1", "UNM-1", "UNM-2"),
    *("CCK-1", "CCK-2", "CCK-3", *(f"GEC-{n}" for n in range(1, 8)), "CRY-1"),
)

STATES = {"held", "partly", "seller", "not held", "none"}

REASON_MIN = 20
"""Characters of a reason: fewer say nothing."""

ADDRESSES = {
    "api.46elks.com": "sends text messages, where the server's file names that provider",
    "46elks.com": "where that provider says how its answers look",
    "terminology.hl7.org": "the name of a list of words, in a file that is exported",
    "www.w3.org": "the name of a format",
    "id.sambi.se": "the name of a level of assurance, as an example",
    "trygg.kommun.example": "an example",
    "system.kommun.se": "an example",
    "127.0.0.1": "this machine",
    "localhost": "this machine",
}
"""Addresses that stand in the code, each with its reason: nobody else is ever told anything but who
the configuration names."""


def rows(first: str) -> list[list[str]]:
    """The rows of the tables whose first column is called so."""
    tables = re.findall(
        rf"^\| {first} \| in short \| state \|[^\n]*\n\|[ -|]+\n((?:\|.*\n)+)", LAW, re.MULTILINE
    )
    return [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for table in tables
        for line in table.splitlines()
    ]


def test_every_provision_has_its_row() -> None:
    """All of EN 303 645, once each and in order; so that none is left out in silence."""
    plain = [f"{section}-{n}" for section, count in EN_303_645.items() for n in range(1, count + 1)]
    wanted = [one for one in plain if one not in HALVES]
    wanted += [f"{one}{half}" for one in HALVES for half in "AB"]
    found = [row[0] for row in rows("provision")]
    assert sorted(found) == sorted([*wanted, *ADDED])
    assert re.findall(r"^### ((?:5\.\d+|6) .+)$", LAW, re.MULTILINE) == list(TITLES)


def test_every_mechanism_has_its_row() -> None:
    """All of EN 18031-1 and -2, once each."""
    found: list[str] = []
    for cell, *_ in rows("mechanism"):
        first, to, last = cell.partition(" to ")
        if to:
            word, begin = first.rsplit("-", 1)
            end = int(last.rsplit("-", 1)[1])
            found += [f"{word}-{n}" for n in range(int(begin), end + 1)]
        else:
            found += cell.split(", ")
    assert found == list(EN_18031)


@pytest.mark.parametrize("first", ["provision", "mechanism"])
def test_what_is_held_names_its_test_and_what_is_not_its_reason(first: str) -> None:
    """`held` without a test would be a wish, `partly` without what is missing a half-truth."""
    wrong = []
    for number, _, state, shown in rows(first):
        words = re.sub(r"`tests/[^`]*`", "", shown)
        elsewhere = bool(re.search(r"\b5\.\d", words))  # its row says it
        reason = elsewhere or len(re.sub(r"[^\w]", "", words)) >= REASON_MIN
        tested = "::test_" in shown
        fits = {"held": tested, "partly": tested and reason, "none": reason, "not held": reason}
        if state not in STATES or not fits.get(state, reason):
            wrong.append(number)
    assert wrong == []


def test_the_policy_says_what_it_must() -> None:
    """How to report, the times, the versions and until when, who does what within which hours; this
    very version stands in the table."""
    for part in (
        *("five working days", "fifteen working days", "90 days", "at least five years"),
        *("24 hours", "72 hours", "14 days", "ENISA", "CERT-SE", "make sbom", "advisories.md"),
    ):
        assert part in POLICY, part
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    major_minor = ".".join(version.split(".")[:2])
    assert re.search(rf"^\| {re.escape(major_minor)} \| .+ \| .+ \|$", POLICY, re.MULTILINE)


def test_the_example_of_a_security_txt_is_accepted(tmp_path: Path) -> None:
    """SECURITY.md's lines are read by the server as they stand there."""
    (lines,) = blocks("SECURITY.md", "toml")
    file = tmp_path / "staff.toml"
    file.write_text(f'database = "sqlite:///x.db"\nsecrets_dir = "s"\n{lines}')
    told = load_config(file).security_txt
    assert told is not None and told.expires == date(2027, 6, 1)


def test_every_advisory_is_whole() -> None:
    """A row of an advisory says which, when, what has it and what has not."""
    text = (ROOT / "docs/advisories.md").read_text("utf-8")
    table = re.search(r"^\| number \|[^\n]*\n\|[ -|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert table is not None
    for line in table.group(1).splitlines():
        number, told, versions, mended, grave, short = (
            cell.strip() for cell in line.strip("|").split("|")
        )
        if number == "none yet":
            continue
        assert re.fullmatch(r"(GHSA-[\w-]+|CVE-\d{4}-\d+)(, (GHSA-[\w-]+|CVE-\d{4}-\d+))*", number)
        assert date.fromisoformat(told)
        assert versions and mended and grave and short


def test_taking_a_home_down_is_described() -> None:
    """The command, the lock's key, the card, and that the server keeps its own."""
    text = (ROOT / "docs/operations.md").read_text("utf-8")
    section = text.split("\n## A home is taken down\n", 1)[1].split("\n## ")[0]
    for part in ("tryggve gateway wipe", "lock", "card", "server", "home-assistant.md"):
        assert part in section, part


def test_everything_that_senses_is_listed() -> None:
    """Every driver that there is stands in the list of what a home senses, and nothing else."""
    section = LAW.split("\n## What a home senses\n", 1)[1].split("\n## ")[0]
    listed = {
        name
        for line in section.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    assert listed == set(drivers.names())


def test_what_a_home_opens_is_listed() -> None:
    """The ports of the page are those of the home's file and of a card; nothing that opens one is
    left out."""
    section = LAW.split("\n## What a home opens\n", 1)[1]
    ports = (
        WebSection().port,
        SecondPathSection().sip_port,
        CentreCallsSection.model_fields["port"].default,
        CentreCallsSection.model_fields["tls_port"].default,
    )
    for port in (*ports, card_page.PORT):
        assert str(port) in section, port
    for opens in ("access-point", "image.md#ssh-for-an-hour", "TCP 22", "mDNS"):
        assert opens in section, opens
    assert "avahi-daemon" in recipe.PACKAGES


HOME = """
[home]
id = "h9"
[gpio]
factory = "mock"
[web]
port = 0
[devices.bed]
driver = "mat_gpio"
pin = 17
"""

START_S = 60

LISTENS = "0A"
"""What the kernel calls it when a socket listens (proc(5), /proc/net/tcp)."""


def sockets_of(pid: int) -> set[tuple[str, str, str]]:
    """Protocol, address and state of a process's sockets of the internet's kinds."""
    links = open_files(pid)
    own = {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}
    found = set()
    for kind in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{pid}/net/{kind}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in own:
                address = bytes.fromhex(fields[1].partition(":")[0])[::-1]
                found.add((kind, ".".join(map(str, address)), fields[3]))
    return found


def test_a_home_listens_to_its_own_machine_alone(tmp_path: Path) -> None:
    """A home whose file asks for no more opens its page to the machine itself, and nothing else:
    no port to the network, TCP or UDP."""
    file, log = tmp_path / "home.toml", tmp_path / "log"
    file.write_text(HOME)
    with log.open("wb") as out:
        home = subprocess.Popen(
            [
                *(sys.executable, "-m", "gateway.cli", "gateway", "run"),
                *("--config", file, "--state", tmp_path / "state"),
            ],
            stderr=out,
            stdout=out,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        try:
            until_s = time.monotonic() + START_S
            while b"home started" not in log.read_bytes():
                assert home.poll() is None, log.read_text()
                assert time.monotonic() < until_s, log.read_text()
                time.sleep(0.05)
            found = sockets_of(home.pid)
        finally:
            home.terminate()
            home.wait(60)
    assert found == {("tcp", "127.0.0.1", LISTENS)}


def test_nobody_is_told_but_who_is_configured() -> None:
    """No address of a maker or of anybody else stands in the code, without its reason: nothing is
    counted, reported or asked for outside."""
    found = set()
    for path in tracked("*.py", "*.html", "*.js", "*.css", "*.service"):
        if path.relative_to(ROOT).parts[0] in ("gateway", "drivers", "web", "systemd"):
            hosts = re.findall(
                r"https?://([a-z0-9][a-z0-9.-]*\.[a-z0-9]+)", path.read_text("utf-8")
            )
            found |= set(hosts)
    assert found - set(ADDRESSES) == set()
    assert "api.46elks.com" in found, "are addresses still found?"
