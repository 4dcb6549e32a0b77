"""Who makes packages and releases, for the proof: two people's keys, their list, and builds that
trust them, one of which is broken.

Builds are those of `make deb`, under other numbers: the program is the same, so that only what is
said of an update differs.  Signing is `tools.release`'s.  Not for: building (`__main__`).
"""

from __future__ import annotations

import io
import json
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from gateway.updates import archive
from gateway.updates.target import of_folder
from tools.deb.locked import BuildError
from tools.deb.targets import GATEWAY
from tools.release.__main__ import main as release

PEOPLE = ("one", "other")

PRESET = 0
"""Of xz: some megabytes more, and minutes less."""


class Vendor:
    """Works in `folder`.  `repo` is the list that is carried to the server."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.repo = folder, folder / "releases"
        for name in PEOPLE:
            (folder / f"{name}.passphrase").write_text(secrets.token_urlsafe(16))
            self._tool("key", str(self._key(name)), by=name)
        self._tool("begin", str(self.repo), *(f"{self._key(name)}.pub" for name in PEOPLE))
        self._sign()

    def trusted(self, package: Path) -> Path:
        """The package, of a program that trusts these keys."""
        with self._opened(package) as tree:
            for site in tree.glob("opt/*/package/lib/python3*/site-packages"):
                self._trust(site)
            made = self._folder / package.name
            command = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(made)]
            _run(command)
        return made

    def first(self, package: Path) -> str:
        """The version of the program in the package, as a release says it."""
        said = _run(["dpkg-deb", "--field", str(package), "Version"]).strip()
        return re.sub(r"~(?=dev)", ".", said.partition("+")[0]).replace("~", "")

    def publish(self, package: Path, whole: Sequence[str], broken: str) -> None:
        """Releases of the package's program on the list, signed by both; the last one is broken:
        without its libraries it ends as soon as it is started."""
        with self._opened(package) as tree:
            folder = tree / GATEWAY.release
            [site] = folder.glob("lib/python3*/site-packages")
            self._trust(site)
            for version in (*whole, broken):
                if version == broken:
                    _only_ours(folder)
                _call(folder, site, version)
                fits = of_folder(folder)
                if fits is None:
                    raise BuildError(f"{package} does not say what it is for")
                packed = self._folder / fits.target(version)
                archive.pack(folder, packed, preset=PRESET)
                self._tool("add", str(self.repo), str(packed))
                packed.unlink()
        self._sign()
        self._tool("check", str(self.repo))

    def _trust(self, site: Path) -> None:
        shutil.copy(self.repo / "metadata/1.root.json", site / "gateway/updates/root.json")

    def _sign(self) -> None:
        for name in PEOPLE:
            self._tool("sign", str(self.repo), str(self._key(name)), by=name)

    def _key(self, name: str) -> Path:
        return self._folder / f"{name}.pem"

    def _tool(self, *words: str, by: str = "") -> None:
        given = ["--passphrase-file", str(self._folder / f"{by}.passphrase")] if by else []
        with redirect_stdout(io.StringIO()):
            status = release([*words, *given])
        if status:
            raise BuildError(f"tools.release {words[0]} did not end well")

    @contextmanager
    def _opened(self, package: Path) -> Iterator[Path]:
        tree = self._folder / "tree"
        _run(["dpkg-deb", "--raw-extract", str(package), str(tree)])
        yield tree
        shutil.rmtree(tree)


def _call(folder: Path, site: Path, version: str) -> None:
    """The release in `folder` is called `version` from here on."""
    [told] = site.glob("tryggve-*.dist-info")
    text = (told / "METADATA").read_text()
    (told / "METADATA").write_text(
        re.sub(r"^Version: .*$", f"Version: {version}", text, count=1, flags=re.MULTILINE)
    )
    told.rename(site / f"tryggve-{version}.dist-info")
    file = folder / "release.json"
    about = json.loads(file.read_text())
    file.write_text(json.dumps({**about, "release": version}, indent=1))


OURS = ("gateway", "drivers")
"""What a build that forgot its libraries still has."""


def _only_ours(folder: Path) -> None:
    """Take the libraries out of the release in `folder`."""
    for path in [*folder.glob("lib/python3*/site-packages/*")]:
        if path.name not in OURS and not path.match("tryggve-*.dist-info"):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _run(command: list[str]) -> str:
    environ = {**os.environ, "SOURCE_DATE_EPOCH": "0"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    if done.returncode:
        raise BuildError(f"{' '.join(command[:3])} failed:\n{done.stderr[-800:]}")
    return done.stdout
