"""The network of a Pi for who installs a home without internet: off until it is asked for, or the
server could not be reached; never in a home that was enrolled since; gone with its code.

The package's script runs as it is, over the program of this checkout; NetworkManager is a stand-in
that notes what it is told, for a network of the air needs a radio."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.config.secrets import FileSecrets
from gateway.doors import install_code
from gateway.wire import make_code
from tests._tree import ROOT
from tests.packages.test_releases import HERE, Machine
from tests.processes import tell_group
from tests.test_enroll import CODE
from tests.test_systemd import needs_analyze, run, values
from tools.deb.targets import GATEWAY

pytestmark = pytest.mark.skipif(HERE is None, reason="no Debian's Python is here")

OTHER = make_code(bytes(range(1, 8)), bytes(32))

UNIT = "tryggve-access-point.service"

NMCLI = """\
echo "$*" >>{root}/told
case "$*" in
*" up "*) [ ! -e {root}/no_radio ] || exit 4; : >{root}/up ;;
*" down "*) rm -f {root}/up ;;
*" delete "*) rm -f {file} ;;
*show*) [ ! -e {root}/up ] || echo activated ;;
esac
"""

SYSTEMCTL = """\
unit={root}/usr/lib/tryggve-gateway/access-point
case "$*" in
"restart {unit}") sh $unit wanted && nmcli --wait 60 connection up tryggve-install || true ;;
"stop {unit}") sh $unit close ;;
"--quiet is-active {unit}") [ -e {root}/up ] ;;
*) exit 1 ;;
esac
"""

NO_ROUTE = "Iface\tDestination\tGateway\nwlan0\t00002A0A\t00000000\n"
ROUTE = f"{NO_ROUTE}eth0\t00000000\t0102A8C0\n"
NOUGHT = "0" * 32
V6_REFUSED = f"{NOUGHT} 00 {NOUGHT} 00 {NOUGHT} ffffffff 00000001 00000000 00200200       lo\n"
V6_NEAR = f"fe80{'0' * 28} 40 {NOUGHT} 00 {NOUGHT} 00000100 00000001 00000000 00000001    wlan0\n"
V6_ROUTE = f"{NOUGHT} 00 {NOUGHT} 00 fe80{'0' * 27}1 00000400 00000001 00000000 00450003     eth0\n"


class Pi(Machine):
    """A Pi with the gateway's package, NetworkManager, and no network."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.unpack("1.0")
        self.state = root / "var/lib/tryggve"
        self.state.mkdir(parents=True)
        self.file = root / "etc/NetworkManager/system-connections" / "tryggve-install.nmconnection"
        self.file.parent.mkdir(parents=True)
        (root / "proc/net").mkdir(parents=True)
        (root / "run").mkdir()
        self.routes()
        program = root / self.target.package.release / "bin/tryggve"
        program.write_text(
            f"#!/bin/sh\nPYTHONPATH={ROOT} STATE_DIRECTORY={self.state}"
            f' exec {sys.executable} -m gateway.cli "$@"\n'
        )
        program.chmod(0o755)
        for name, text in (
            ("id", "echo 0"),
            ("runuser", f'echo "$2" >>{root}/became; shift 3; exec "$@"'),
            ("sleep", f"echo >>{root}/slept"),
            ("nmcli", NMCLI.format(root=root, file=self.file)),
            ("systemctl", SYSTEMCTL.format(root=root, unit=UNIT)),
        ):
            stub = root / "usr/bin" / name
            stub.write_text(f"#!/bin/sh\n{text}\n")
            stub.chmod(0o755)

    def routes(self, v4: str = NO_ROUTE, v6: str = V6_REFUSED + V6_NEAR) -> None:
        """What the kernel says that leads from here."""
        (self.root / "proc/net/route").write_text(v4)
        (self.root / "proc/net/ipv6_route").write_text(v6)

    def has_code(self, code: str = CODE, age_s: float = 0) -> None:
        """As `enroll` keeps it."""
        made = datetime.fromtimestamp(time.time() - age_s, UTC)
        install_code.keep(FileSecrets(self.state), code, made)

    def asked(self, code: str = CODE) -> int:
        """`sudo tryggve-gateway access-point CODE`."""
        return self("command", "access-point", code)

    def opens(self) -> bool:
        """Whether a start of the machine opens it, as the unit does."""
        conditions = values(UNIT, "ConditionPathExists")
        if not all((self.root / path.lstrip("/")).exists() for path in conditions):
            return False
        return self("access-point", "wanted") == 0

    @property
    def told(self) -> list[str]:
        """What NetworkManager was told."""
        file = self.root / "told"
        return file.read_text().splitlines() if file.exists() else []

    @property
    def slept(self) -> int:
        file = self.root / "slept"
        return len(file.read_text().splitlines()) if file.exists() else 0


@pytest.fixture
def pi(tmp_path: Path) -> Pi:
    return Pi(tmp_path)


# --- when it opens --------------------------------------------------------------------------------


def test_it_is_off_until_somebody_asks(pi: Pi) -> None:
    """Also with a code, and without any network; asked for, with the home's code, it opens at the
    next start without one: its password is the code, and nobody but root reads it."""
    pi.has_code()
    assert not pi.opens()
    assert pi.asked(OTHER) == 2 and "is not the code" in pi.said
    assert not pi.file.exists() and not pi.opens()
    assert pi.asked(CODE.lower()) == 0, pi.said
    assert (pi.root / "became").read_text().split() == ["tryggve", "tryggve"]
    assert f"psk={CODE}\n" in pi.file.read_text()
    assert pi.file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in pi.file.parent.iterdir()] == [pi.file.name]
    assert pi.told == [], "nothing is opened yet"
    assert pi.opens(), pi.said


def test_without_a_code_of_the_home_there_is_no_network(pi: Pi) -> None:
    """One sentence, and nothing is written; so for what is no code."""
    assert pi.asked() == 1
    assert "first: tryggve-gateway enroll" in pi.said.splitlines()[-1]
    assert pi.asked("12345") == 2 and "Traceback" not in pi.said
    assert list(pi.file.parent.iterdir()) == []


def test_where_networkmanager_is_not_that_is_a_sentence(pi: Pi) -> None:
    """By hand, and in the journal; an enrolment says nothing of it."""
    (pi.root / "usr/bin/nmcli").unlink()
    pi.has_code()
    for words in (("command", "access-point", CODE), ("access-point", "wanted")):
        assert pi(*words) == 1
        assert pi.said.count("\n") == 1 and "apt install network-manager" in pi.said
    assert pi("command", "enroll", "https://127.0.0.1:1", CODE) == 1
    assert pi.said.count("\n") == 1 and not pi.file.exists()


def test_a_server_that_cannot_be_reached_is_asking(pi: Pi) -> None:
    """Whoever enrols a home without internet has the network by the same line, and the status of
    an enrolment that failed; in a home that is enrolled already it is not asking."""
    assert pi("command", "enroll", "--ca-file", "/x", "https://127.0.0.1:1", CODE) != 0
    pi.file.unlink(missing_ok=True)
    assert pi("command", "enroll", "https://127.0.0.1:1", CODE) == 1
    assert "does not answer" in pi.said and "opens by itself" in pi.said
    assert f"psk={CODE}\n" in pi.file.read_text()
    assert pi.opens()
    pi.file.unlink()
    (pi.state / "server.json").write_text("{}")
    assert pi("command", "enroll", "https://127.0.0.1:1", CODE) == 1
    assert not pi.file.exists()


def test_a_home_that_was_enrolled_since_opens_none_unless_it_is_asked_anew(pi: Pi) -> None:
    """What was asked before is over with the enrolment."""
    pi.has_code()
    pi.asked()
    (pi.state / "server.json").write_text("{}")
    os.utime(pi.file, (1, 1))
    assert not pi.opens()
    assert "enrolled since" in pi.said and not pi.file.exists()
    os.utime(pi.state / "server.json", (1, 1))
    pi.asked()
    assert pi.opens()


@pytest.mark.parametrize("there", [(ROUTE, V6_REFUSED), (NO_ROUTE, V6_NEAR + V6_ROUTE)])
def test_it_opens_where_no_other_network_comes(pi: Pi, there: tuple[str, str]) -> None:
    """A minute and a half is waited for one, over either protocol; with one none is opened, and
    what was asked stays asked."""
    pi.has_code()
    pi.asked()
    assert pi.opens() and pi.slept == 30
    pi.routes(*there)
    assert not pi.opens() and "there is a network" in pi.said
    assert pi.file.exists()
    assert pi.slept == 30


def test_by_hand_it_opens_at_once_and_no_more(pi: Pi) -> None:
    """Although there is a network, once; `off` closes it and takes the file away."""
    pi.has_code()
    pi.routes(ROUTE)
    assert pi("command", "access-point", "now") == 1
    assert "first say with which code" in pi.said
    pi.asked()
    assert pi("command", "access-point", "now") == 0, pi.said
    assert "https://10.42.0.1:8080" in pi.said and (pi.root / "up").exists()
    assert not pi.opens(), "at once was once"
    assert pi("command", "access-point", "off") == 0
    assert not (pi.root / "up").exists() and not pi.file.exists()


# --- how long -------------------------------------------------------------------------------------


def test_it_closes_after_two_hours(pi: Pi) -> None:
    """By itself, and may open again at another start of the same day; closed it is told as such."""
    pi.has_code()
    pi.asked()
    assert pi("access-point", "open") == 0, pi.said
    assert pi.told == [f"connection load {pi.file}", "--wait 60 connection up tryggve-install"]
    assert pi.slept * 30 == 2 * 3600
    assert pi("access-point", "close") == 0
    assert pi.told[-1] == "--wait 20 connection down tryggve-install"
    assert pi.file.exists() and pi.opens()


@pytest.mark.parametrize("how", ["accepted", "day", "broken", "far", "folder"])
def test_it_is_gone_with_its_code(pi: Pi, how: str) -> None:
    """Used up (the gateway keeps it no longer), a day old, or none that can be read: it closes
    within half a minute, does not open again, and its file goes."""
    pi.has_code()
    pi.asked()
    kept = pi.state / "secrets/install_code"
    if how == "day":
        pi.has_code(age_s=86401)
    else:
        kept.unlink()
        if how == "folder":
            kept.mkdir()
        elif how != "accepted":
            kept.write_text("x:y:z" if how == "broken" else f"{'9' * 30}:y:z")
    assert pi("access-point", "open") == 0
    assert pi.slept == 1 and not pi.file.exists()
    pi.file.write_text("[connection]\n")
    assert (not pi.opens() and not pi.file.exists()) or how == "accepted"
    assert not pi.opens()


def test_a_radio_that_is_not_there_is_a_sentence(pi: Pi) -> None:
    """With what to look for; the unit tries some times more."""
    pi.has_code()
    pi.asked()
    (pi.root / "no_radio").touch()
    assert pi("access-point", "open") == 1
    assert pi.said.count("\n") == 1 and "nmcli device" in pi.said
    assert pi("command", "access-point", "now") == 1
    assert "journalctl -u tryggve-access-point.service" in pi.said
    assert values(UNIT, "Restart") == ["on-failure"] and values(UNIT, "StartLimitBurst") == ["5"]


def test_it_ends_when_systemd_says_so(pi: Pi) -> None:
    """As when the machine goes down, or the package is removed: at once, and well."""
    pi.has_code()
    pi.asked()
    (pi.root / "usr/bin/sleep").write_text('#!/bin/sh\nexec /bin/sleep "$1"\n')
    (pi.root / "open.sh").write_text((pi.root / "usr/lib/tryggve-gateway/access-point").read_text())
    with subprocess.Popen(
        ["sh", str(pi.root / "open.sh"), "open"],
        env=pi.environ,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as running:
        assert running.stderr is not None
        assert b"open for two hours" in running.stderr.readline()
        running.terminate()
        assert running.wait(60) == 0
        tell_group(running.pid)


# --- the unit -------------------------------------------------------------------------------------


@needs_analyze
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    """And rates what a broken-into script could still do as low."""
    program = tmp_path / "access-point"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    text = (ROOT / "systemd" / UNIT).read_text()
    (tmp_path / UNIT).write_text(
        text.replace("/usr/lib/tryggve-gateway/access-point", str(program))
    )
    assert run("verify", "--man=no", str(tmp_path / UNIT)).strip() == ""
    told = run("security", "--offline=yes", "--no-pager", str(ROOT / "systemd" / UNIT))
    [level] = [line.split(":")[1].split()[0] for line in told.splitlines() if "Overall" in line]
    assert float(level) <= 3.0


def test_the_unit_reaches_networkmanager_and_little_else() -> None:
    """One capability, to read what the gateway's user keeps; written is only where networks are
    kept; it outlasts the two hours, and what hangs is ended."""
    assert values(UNIT, "CapabilityBoundingSet") == ["CAP_DAC_READ_SEARCH"]
    assert values(UNIT, "ReadWritePaths") == ["-/etc/NetworkManager/system-connections"]
    assert values(UNIT, "RestrictAddressFamilies") == ["AF_UNIX AF_NETLINK"]
    assert values(UNIT, "RuntimeMaxSec") == ["150min"] and values(UNIT, "TimeoutStartSec") == [
        "3min"
    ]
    assert UNIT in GATEWAY.units
    paths = values(UNIT, "ConditionPathExists")
    assert paths[1] == str(FileSecrets(Path("/var/lib/tryggve")).path(install_code.KEPT_AS))
