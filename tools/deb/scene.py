"""`make deb-scene`: a server and a home of their packages alone, as README.md says it.

Two Debians are booted (`booted`), with a wire between them.  The packages are installed by the
lines of README.md, which are read from there; what an administrator does goes by the server's own
pages (`browser`), over HTTPS through nginx as the package's example has it.  The home enrols with
its code, takes a configuration, takes a release that two people signed (`vendor`), goes back by
itself from one that is broken, goes back to an older one by decision, and comes up after a power
cut.  Each is asserted of what the page and the home's own log say, and printed with its time.

What stands in for what is not here: a private authority for a certificate, the pins (`mock` where
a Pi has `lgpio`), and apt's "yes".  As root, with mmdebstrap.  Not for: how packages are upgraded,
removed and purged (`proof`).
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from gateway.errors import TryggveError
from tools.deb.__main__ import OUT
from tools.deb.booted import TOOLS
from tools.deb.browser import Browser
from tools.deb.locked import BuildError
from tools.deb.proof import run
from tools.deb.targets import DEBIANS, GATEWAY, STAFF, Debian
from tools.deb.unit import ADDRESSES, NAME, Ground, Machine, Steps, ground, readme_lines, until
from tools.deb.vendor import Vendor

HOME = "hem-12"

NEXT, BAD = "0.2.1", "0.2.2"
"""Releases: one that holds, and one that was built without its libraries."""

UPDATE_S = 2400.0
"""Seconds of a release: fetched, unpacked, compiled, a quiet minute, and its test alarm."""

ADMIN = "ansvarig@kommun.example"
PASSWORD = "en mening som ingen gissar"  # noqa: S105 - of an account of this scene
RELEASES = "/administration/versioner"
EQUIPMENT = f"/hem/{HOME}/utrustning"


class Scene:
    """Plays on a ground, with the machines that run on it."""

    def __init__(self, made: Ground, server: Machine, steps: Steps) -> None:
        self._ground, self.server, self._steps = made, server, steps
        self.home = server
        self._browser = Browser(NAME, ADDRESSES[0], made.authority, server.booted.network, PASSWORD)

    def at_home(self, home: Machine) -> None:
        """The home's machine runs, and the wire is there."""
        self.home = home
        self._ground.connect(self.server, home)
        self._steps.say("the home's machine has booted")

    # --- README's lines

    def install(self) -> None:
        """The server, its first administrator, the home, and the home at the server."""
        on_server, at_home = readme_lines()
        said = self._typed(self.server, "server", on_server)
        code = re.search(r"give the code (\S+)", said)
        if code is None:
            raise BuildError(f"the journal gave no code:\n{said}")
        with self._steps.step("page Första start: the first administrator, by the journal's code"):
            self._browser.get("/")
            person = {"organisation": "Hemtjänsten", "name": "Prov Ansvarig", "email": ADMIN}
            self._browser.send(
                "/forsta-start", code=code[1], **person, password=PASSWORD, again=PASSWORD
            )
            self._browser.send("/login", email=ADMIN, password=PASSWORD)
        with self._steps.step(f"page Hem och arbetslag: the home {HOME}, and a code for it"):
            self._browser.send("/administration/hem", label="Lgh 12", home=HOME)
            page = self._browser.send(f"/administration/hem/{HOME}", do="code")
            shown = re.search(r'data-test="enrol-code">([^<]+)<', page)
            if shown is None:
                raise BuildError("the page shows no code")
        self._typed(self.home, "home", [line.replace("CODE", shown[1]) for line in at_home])

    def _typed(self, machine: Machine, where: str, lines: list[str]) -> str:
        said = ""
        for line in lines:
            with self._steps.step(f"{where}: {line}"):
                said = machine.run(line)
            if where == "home" and " enroll " in line:  # pins that are no pins
                machine.run('sed -i \'s/"lgpio"/"mock"/\' /etc/tryggve/home.toml')
        return said

    # --- what is seen

    def told(self, kind: str) -> list[dict[str, Any]]:
        """What the home's own log has of a kind."""
        lines = self.home.run("tryggve-gateway log tail -n 100000 --json").splitlines()
        events = [json.loads(line) for line in lines if line.startswith("{")]
        return [event["data"] for event in events if event["kind"] == kind]

    def _page_of_home(self) -> str:
        page = self._browser.get(RELEASES)
        found = re.search(rf'data-home="{HOME}">.*?</article>', page, re.DOTALL)
        return found[0] if found else ""

    def runs(self, version: str) -> None:
        """The page says that the home runs this version, and so does the home's folder."""
        until(lambda: f"<p>Version {version}<" in self._page_of_home(), f"the page: {version}")
        said = json.loads(self.home.run("cat /opt/tryggve-gateway/releases/current/release.json"))
        if said["release"] != version:
            raise BuildError(f"the home's release in force is {said['release']}")
        self._steps.say(f"page Versioner: the home runs {version}")

    # --- a configuration

    def configure(self) -> None:
        """A mat more, by the page; the home has it, and its own command says so."""
        until(lambda: "data-follows" in self._browser.get(EQUIPMENT), "the page of equipment")
        until(lambda: 'data-follows="never"' not in self._browser.get(EQUIPMENT), "its file")
        mat = {"device": "bed", "driver": "mat_gpio", "role": "bed", "room": "bedroom"}
        more = {"lines": "pin = 17", "why": "new_device", "after": "0", "new": "1"}
        with self._steps.step("page Utrustning: a mat in the bed, on pin 17; the home has it"):
            self._browser.send(EQUIPMENT, do="device", **mat, **more)
            until(
                lambda: "Version 1 gäller i hemmet." in self._browser.get(EQUIPMENT),
                "what was configured",
            )
        if [one["number"] for one in self.told("config.held")][-1:] != [1]:
            raise BuildError(f"the home's log says {self.told('config.held')}")
        said = self.home.run("tryggve-gateway check")
        if not re.search(r"\bbed\b.*mat_gpio", said):
            raise BuildError(f"the home has no mat:\n{said}")
        self._steps.say("the home's log: config.held 1; `tryggve-gateway check` names the mat")

    # --- releases

    def carry(self, repo: Path) -> None:
        """The signed list comes to the server."""
        to = self._ground.server / "srv/releases"
        shutil.copytree(repo, to, dirs_exist_ok=True)
        with self._steps.step("server: tryggve-staff release add releases"):
            self.server.run("tryggve-staff release add releases")

    def decide(self, version: str) -> None:
        """The administrator has the homes run it, the one home first."""
        if 'data-test="call-off"' in self._browser.get(RELEASES):
            self._browser.send(RELEASES, do="call_off")
        self._browser.send(RELEASES, do="ring", home=HOME, ring="1")
        self._browser.send(RELEASES, do="start", version=version, limit_pct="5", wait_h="0")
        self._steps.say(f"page Versioner: the homes are to run {version}, {HOME} first")

    def outcome(self, version: str, wanted: str) -> None:
        """What the page says of it, as it changes, until it is what is wanted."""
        seen: list[str] = []

        def look() -> bool:
            found = re.search(rf"<br>({re.escape(version)} [^<]+)", self._page_of_home())
            if found and found[1] not in seen:
                seen.append(found[1])
                self._steps.say(f"  page: {found[1]}")
            return bool(seen) and wanted in seen[-1]

        until(look, f"{version} {wanted}", UPDATE_S)

    def settled(self) -> None:
        """The decision is carried out in all rings."""
        until(lambda: 'data-test="call-off"' not in self._browser.get(RELEASES), "the plan's end")

    # --- the end

    def is_up_again(self, version: str, starts: int) -> None:
        """After so many starts the home has started by itself, in this version, with what it was
        given."""
        with self._steps.step("home: its gateway has started by itself, with its mat"):
            until(lambda: len(self.told("gateway.started")) > starts, "its start")
            until(lambda: "mat_gpio" in self.home.run("tryggve-gateway check"), "its mat")
        self.runs(version)

    def whole(self) -> None:
        """Both have all that happened, and systemd finds nothing failed."""
        said = self.home.run("tryggve-gateway log verify").strip().splitlines()[-1]
        self._steps.say(f"home: tryggve-gateway log verify: {said}")
        held = rf"^home:{HOME}\b.*holds.*$"
        found = until(
            lambda: re.search(held, self.server.run("tryggve-staff check"), re.MULTILINE),
            "the home's chain at the server",
        )
        self._steps.say(f"server: tryggve-staff check: {found[0]}")
        anew = "systemctl show tryggve-staff --property NRestarts --value"
        self._steps.say(f"server: started anew by systemd {self.server.run(anew).strip()} times")
        for machine in (self.server, self.home):
            failed = machine.run("systemctl list-units --failed --plain --no-legend 'tryggve*'")
            if failed.strip():
                raise BuildError(f"systemd says that it failed: {failed}")


def play(debian: Debian, staff: Path, gateway: Path, work: Path) -> None:
    """All of it.  Raises `BuildError` at the first thing that is not as it should be."""
    steps = Steps()
    with steps.step("two people make a key each, and a list of releases that both sign"):
        vendor = Vendor(work)
    with steps.step("both packages are made of programs that trust these keys"):
        staff, gateway = vendor.trusted(staff), vendor.trusted(gateway)
    with steps.step(f"releases: {vendor.first(gateway)}, {NEXT}, {BAD} (broken); both sign"):
        vendor.publish(gateway, (vendor.first(gateway), NEXT), BAD)
    with ExitStack() as stack:
        with steps.step(f"two clean Debian {debian.number}; what the packages need lies beside"):
            made = stack.enter_context(ground(debian, staff, gateway))
        with steps.step("the server's machine boots"):
            server = stack.enter_context(made.running(made.server))
        scene = Scene(made, server, steps)
        try:
            with made.running(made.home) as home:
                scene.at_home(home)
                scene.install()
                scene.runs(vendor.first(gateway))
                scene.configure()
                _update(scene, vendor, vendor.first(gateway))
                scene.whole()
                starts = len(scene.told("gateway.started"))
            steps.say("the power of the home's machine is cut")
            with made.running(made.home) as home:
                scene.at_home(home)
                scene.is_up_again(vendor.first(gateway), starts)
                scene.whole()
        except BuildError as error:
            raise BuildError(f"{error}\nthe server said:\n{server.journal()}") from error
    steps.say("every step went")


def _update(scene: Scene, vendor: Vendor, first: str) -> None:
    scene.carry(vendor.repo)
    scene.decide(NEXT)
    scene.outcome(NEXT, "fungerar")
    scene.runs(NEXT)
    scene.settled()
    scene.decide(BAD)
    scene.outcome(BAD, "gick tillbaka till den förra: den stannade gång på gång")
    scene.runs(NEXT)
    [back] = scene.told("update.returned")
    if (back["version"], back["why"]) != (BAD, "stopped"):
        raise BuildError(f"the home's log says {back}")
    scene.decide(first)
    scene.outcome(first, "fungerar")
    scene.runs(first)
    scene.settled()


def main(argv: list[str] | None = None) -> int:
    """The scene, with the packages of build/deb."""
    parser = argparse.ArgumentParser(prog="make deb-scene", description=__doc__.splitlines()[0])
    numbers = [one.number for one in DEBIANS]
    parser.add_argument("--debian", type=int, choices=numbers, default=numbers[-1])
    parser.add_argument("--packages", type=Path, default=OUT, metavar="FOLDER")
    given = parser.parse_args(argv)
    try:
        missing = [one for one in (*TOOLS, "mmdebstrap", "dpkg-deb") if shutil.which(one) is None]
        if missing:
            raise BuildError(f"without {', '.join(missing)} nothing is shown")
        ending = f"+deb{given.debian}_{run(['dpkg', '--print-architecture']).strip()}.deb"
        found = [sorted(given.packages.glob(f"{p.name}_*{ending}")) for p in (STAFF, GATEWAY)]
        if [len(files) for files in found] != [1, 1]:
            raise BuildError(f"in {given.packages} there is not one of each …{ending}: make deb")
        [debian] = [one for one in DEBIANS if one.number == given.debian]
        with tempfile.TemporaryDirectory(prefix="tryggve-scene-") as work:
            play(debian, found[0][0], found[1][0], Path(work))
    except TryggveError as error:
        print(f"make deb-scene: {error.text}", file=sys.stderr)
        return 1
    except (BuildError, OSError, subprocess.SubprocessError) as error:
        print(f"make deb-scene: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
