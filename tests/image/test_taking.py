"""From a new card to a home that runs: each step is done once, whatever was cut, and nothing that a
person wrote is lost before it was taken.  The partition is a folder; `enroll` and systemd are small
programs that say how they were called."""

from __future__ import annotations

import json
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from gateway.config.home_file import load
from tools.image.card.box import Box, Home, home_toml, network
from tools.image.card.given import Wifi
from tools.image.card.page import Page
from tools.image.card.taking import (
    FIRST_S,
    JOINED,
    KEPT,
    LONGEST_S,
    NOTHING,
    SILENT,
    Said,
    Step,
    Taking,
)

SERVER, CODE = "https://trygg.kommun.example", "7K3QM-2XWPA-9GHT4VBC"
PLAIN = f"server = {SERVER}\r\nkod = {CODE}\r\n"

ENROLL = """\
#!/bin/sh
echo "$@" >>{log}
status=$(cat {log}.status)
echo "tryggve: what the server said" >&2
[ "$status" != 0 ] || printf '{{"home": "hem-12", "url": "%s"}}' "$1" >{state}/server.json
exit "$status"
"""


class Bench:
    """A card on a bench."""

    def __init__(self, folder: Path) -> None:
        self.log, state = folder / "enroll.log", folder / "state"
        self.boot, self.told = folder / "boot", list[Said]()
        for path in (self.boot, state, folder / "etc"):
            path.mkdir()
        program, systemctl = folder / "enroll", folder / "systemctl"
        program.write_text(ENROLL.format(log=self.log, state=state))
        systemctl.write_text(f'#!/bin/sh\necho "$@" >>{folder}/systemctl.log\n')
        self.systemctl_log = folder / "systemctl.log"
        for path in (program, systemctl):
            path.chmod(0o755)
        self.box = Box(
            configured=folder / "etc",
            state=state,
            place=self.boot,
            partition=None,
            user="",
            program=(str(program),),
            systemctl=str(systemctl),
        )
        self.file = self.boot / "tryggve.txt"
        self.seen: list[str | None] = []
        self.server(0)

    def server(self, status: int) -> None:
        """How it answers from now on, as `tryggve gateway enroll` ends."""
        Path(f"{self.log}.status").write_text(str(status))

    def taking(self) -> Taking:
        """As after a start."""
        return Taking(self.box, self.told.append, lambda _s: self.seen.pop() if self.seen else None)

    @property
    def asked(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_file_makes_a_home_and_is_wiped(bench: Bench) -> None:
    """Enrolled with what was written, a home's file that the gateway takes, no code left behind."""
    bench.file.write_bytes(PLAIN.encode("utf-16"))
    assert bench.taking().round() is Step.DONE
    assert bench.asked == [f"{SERVER} {CODE}"]
    config = load(bench.box.configured / "home.toml")
    assert (config.home.id, config.staff and config.staff.url) == ("hem-12", SERVER)
    assert config.web.host == "0.0.0.0" and config.gpio is not None  # noqa: S104 - the page
    left = bench.file.read_bytes()
    assert b"hem-12" in left and CODE.encode() not in left
    assert CODE.encode("utf-16-le") not in left
    assert bench.told == [JOINED]
    bench.box.start()
    assert "start --no-block tryggve-gateway.service" in bench.systemctl_log.read_text()


@pytest.mark.parametrize("name", ["TRYGGVE.TXT", "tryggve.txt.txt", "Tryggve"])
def test_windows_may_have_named_it(bench: Bench, name: str) -> None:
    """It hides endings, and adds another; the new card's own file beside it says nothing."""
    bench.file.write_text("server =\nkod =\n")
    (bench.boot / name).write_text(PLAIN)
    assert bench.taking().round() is Step.DONE
    assert all(CODE not in path.read_text() for path in bench.boot.iterdir())


def test_two_files_that_say_something_are_one_too_many(bench: Bench) -> None:
    for name in ("tryggve.txt", "tryggve.txt.txt"):
        (bench.boot / name).write_text(PLAIN)
    assert bench.taking().round() is Step.STUCK
    assert "tryggve.txt och tryggve.txt.txt" in bench.told[0].sv
    assert bench.asked == []


def test_no_file_waits(bench: Bench) -> None:
    """Also where there is no partition that can be read."""
    assert bench.taking().round() is Step.STUCK
    bench.boot.rmdir()
    assert bench.taking().round() is Step.STUCK
    assert [said.sv for said in bench.told] == [NOTHING.sv, NOTHING.sv]


def test_what_is_wrong_is_told_and_left_as_it_is(bench: Bench) -> None:
    text = PLAIN.replace("kod", "kdo")
    bench.file.write_text(text)
    assert bench.taking().round() is Step.STUCK
    assert bench.told[0].sv.startswith("Rad 2")
    assert bench.file.read_text() == text.replace("\r\n", "\n") or bench.file.read_text() == text


def test_a_refused_code_is_asked_once_and_nothing_is_lost(bench: Bench) -> None:
    """The page says what to do; another code is taken."""
    bench.server(2)
    bench.file.write_text(PLAIN)
    taking = bench.taking()
    assert [taking.round(), taking.round(), taking.round()] == [Step.STUCK] * 3
    assert len(bench.asked) == 1 and CODE in bench.file.read_text()
    assert [said.detail for said in bench.told] == ["what the server said"]
    bench.server(0)
    bench.file.write_text(PLAIN.replace(CODE, CODE[::-1]))
    assert taking.round() is Step.DONE


def test_a_server_that_does_not_answer_is_asked_again(bench: Bench) -> None:
    """In growing pauses, and told once."""
    bench.server(1)
    bench.file.write_text(PLAIN)
    pauses: list[float] = []

    def wait(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 6:
            bench.server(0)

    bench.taking().run(wait)
    assert pauses == [FIRST_S, 2 * FIRST_S, 4 * FIRST_S, 8 * FIRST_S, LONGEST_S, LONGEST_S]
    assert [said.sv for said in bench.told] == [SILENT.sv, JOINED.sv]


def test_a_code_before_the_camera_does_the_same(bench: Bench) -> None:
    """Also after a wrong one in the file, which is taken away then."""
    bench.server(2)
    bench.file.write_text(PLAIN)
    bench.seen = [f"TRYGGVE:{SERVER}#{CODE[::-1]}", "https://example.org", None]
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        bench.server(0)

    bench.taking().run(wait)
    assert bench.asked == [f"{SERVER} {CODE}", f"{SERVER} {CODE[::-1]}"]
    assert any("ingen kod från Tryggve" in said.sv for said in bench.told)
    assert CODE not in bench.file.read_text()


@pytest.mark.parametrize("step", ["settle", "wipe", "start"])
def test_what_a_power_cut_cut_is_made_whole(
    bench: Bench, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Enrolled once, whatever came after it was cut."""
    bench.file.write_text(PLAIN)

    class Cut(BaseException):
        pass

    def cut(*_: object) -> None:
        raise Cut

    with monkeypatch.context() as cutting, pytest.raises(Cut):
        cutting.setattr(Box, step, cut)
        bench.taking().round()
        bench.box.start()
    assert bench.taking().round() is Step.DONE
    assert len(bench.asked) == 1
    assert tomllib.loads((bench.box.configured / "home.toml").read_text())["home"]["id"] == "hem-12"
    assert CODE not in bench.file.read_text()


def test_a_card_that_cannot_be_wiped_is_a_home_all_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code is used up; it is said, and tried again at the next start."""
    bench.file.write_text(PLAIN)

    real = Path.open

    def opened(path: Path, mode: str = "r", **words: object) -> object:
        if mode == "r+b":
            raise OSError(30, "Read-only file system")
        return real(path, mode, **words)  # type: ignore[call-overload]

    with monkeypatch.context() as refusing:
        refusing.setattr(Path, "open", opened)
        assert bench.taking().round() is Step.DONE
    assert bench.told[-1].sv == KEPT.sv
    assert bench.taking().round() is Step.DONE
    assert CODE not in bench.file.read_text() and len(bench.asked) == 1


def test_a_home_takes_a_new_wi_fi_from_its_card(bench: Bench) -> None:
    """And no new home: that is a new card.  A word that is wrong stops nothing."""
    (bench.box.state / "server.json").write_text(json.dumps({"home": "hem-12", "url": SERVER}))
    bench.file.write_text(f"{PLAIN}wifi = Ny\r\nlösenord = hemligt99\r\n")
    assert bench.taking().round() is Step.DONE
    assert bench.asked == [] and "hemligt" not in bench.file.read_text()
    wifi = bench.box.configured / "wifi.conf"
    assert wifi.stat().st_mode & 0o777 == 0o600
    assert f"ssid={b'Ny'.hex()}" in wifi.read_text() and "hemligt" not in wifi.read_text()
    assert "restart --no-block wpa_supplicant@wlan0.service" in bench.systemctl_log.read_text()
    bench.file.write_text("wfii = Ny\n")
    assert bench.taking().round() is Step.DONE
    assert bench.told[-1].sv.startswith("Rad 1")


def test_the_server_s_own_authority_is_taken_along(bench: Bench) -> None:
    bench.file.write_text(PLAIN)
    (bench.boot / "tryggve-ca.pem").write_text("a certificate")
    assert bench.taking().round() is Step.DONE
    kept = bench.box.configured / "tryggve-ca.pem"
    assert kept.read_text() == "a certificate"
    assert bench.asked == [f"{SERVER} {CODE} --ca-file {kept}"]


@pytest.mark.parametrize("said", ["", "[]", "{}", '{"home": "a\\nb", "url": "x"}', "\udcff"])
def test_what_the_home_s_user_wrote_is_a_stranger_s(bench: Bench, said: str) -> None:
    """root reads it, and writes nothing of it that is not a name and an address."""
    (bench.box.state / "server.json").write_bytes(said.encode(errors="surrogateescape"))
    assert bench.box.home() is None
    assert tomllib.loads(home_toml(Home("a", 'x"\n[y]')))["staff"]["url"] == 'x"\n[y]'


def test_a_network_is_written_so_that_nothing_else_can_stand_in_it() -> None:
    """The name in hexadecimal; an open network has no key."""
    odd = Wifi('a"\n}\nnetwork={', "0" * 64, "SE")
    assert network(odd).count("network={") == 1 and "psk=" + "0" * 64 in network(odd)
    assert "key_mgmt=NONE" in network(Wifi("open", None))


def test_the_page_says_what_a_person_should_do() -> None:
    """One sentence in both languages, nothing of it taken as a tag, and nothing else is there."""
    page = Page(0, "127.0.0.1")
    at = f"http://127.0.0.1:{page.open()}/"
    try:
        page.said = Said("Skriv <koden>.", "Write it.", "a & b")
        with urllib.request.urlopen(at, timeout=60) as answer:
            text = answer.read().decode()
        assert "Skriv &lt;koden&gt;." in text and "Write it." in text and "a &amp; b" in text
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{at}server.json", timeout=60)  # noqa: S310 - our own
    finally:
        page.close()
