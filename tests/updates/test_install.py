"""Root's half: what the gateway's folder holds is a stranger's, and only what is signed gets in."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.updates import archive, install, trust
from gateway.updates.exchange import Inbox, Request
from gateway.updates.slots import PACKAGE, TAKEN, Slots
from tests.updates.signed import HERE, KEYS, Signed, about, small

ASKED = Request("00000000000000aa", "0.3.0", 7)


class Machine:
    """A machine with the package 0.2.0, and a gateway that downloaded 0.3.0."""

    def __init__(self, folder: Path) -> None:
        small(folder / PACKAGE, "0.2.0")
        (folder / "releases").mkdir()
        self.slots = Slots(folder / "releases", folder / "proved.json")
        self.signed = Signed(folder)
        self.artefact = self.signed.add("0.3.0")
        (folder / "state").mkdir()
        self.inbox = Inbox(folder / "state")
        self.fetch()

    def fetch(self, version: str = "0.3.0", request: Request = ASKED) -> None:
        """As the gateway leaves it."""
        self.inbox.make()
        name = HERE.target(version)
        found = trust.genuine(name, self.signed.read, self.inbox.metadata, self.signed.root)
        shutil.copy(self.signed.repo.targets / found.path, self.inbox.artefact)
        self.inbox.ask(request)

    def take(self) -> str:
        """What comes of it: `trial`, or the word of the refusal."""
        install.take(self.slots, self.inbox, self.signed.root)
        assert not self.inbox.request_file.exists()
        trial = self.slots.trial()
        if trial is not None:
            return "trial"
        last = self.slots.last() or {}
        assert last.get("outcome", "refused") == "refused"
        return str(last.get("why", "nothing"))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_signed_release_is_put_on_trial(machine: Machine) -> None:
    """Unpacked whole beside what runs, compiled, in force at the next start; what runs is not
    touched."""
    before = sorted(machine.slots.folder(PACKAGE).rglob("*"))
    assert machine.take() == "trial"
    assert machine.slots.current() == "a"
    place = machine.slots.folder("a")
    assert json.loads((place / "release.json").read_text())["release"] == "0.3.0"
    assert list(place.glob("lib/__pycache__/*.pyc"))
    assert sorted(machine.slots.folder(PACKAGE).rglob("*")) == before
    assert (machine.slots.trial() or {})["plan"] == 7
    assert sorted(one.name for one in machine.slots.root.iterdir()) == [
        *(".lock", "a", "current", "metadata", "trial.json"),
    ]


def altered(machine: Machine) -> None:
    data = bytearray(machine.inbox.artefact.read_bytes())
    data[-5] ^= 1
    machine.inbox.artefact.write_bytes(data)


def half(machine: Machine) -> None:
    data = machine.inbox.artefact.read_bytes()
    machine.inbox.artefact.write_bytes(data[: len(data) // 2])


def longer(machine: Machine) -> None:
    with machine.inbox.artefact.open("ab") as file:
        file.write(bytes(5_000_000))


def a_link(machine: Machine) -> None:
    """To a file that only root may read: it is not followed."""
    machine.inbox.artefact.unlink()
    machine.inbox.artefact.symlink_to(machine.artefact)


def a_pipe(machine: Machine) -> None:
    """Nobody writes to it: it is not waited for."""
    machine.inbox.artefact.unlink()
    os.mkfifo(machine.inbox.artefact)


def other_version(machine: Machine) -> None:
    machine.inbox.ask(replace(ASKED, version="0.9.9"))


def strange_version(machine: Machine) -> None:
    machine.inbox.ask(replace(ASKED, version="../../etc"))


def of_strangers(machine: Machine) -> None:
    other = Signed(machine.signed.folder / "other", KEYS[1:])
    file = other.add("0.3.0")
    shutil.rmtree(machine.inbox.metadata)
    trust.genuine(HERE.target("0.3.0"), other.read, machine.inbox.metadata, other.root)
    shutil.copy(file, machine.inbox.artefact)


def expired(machine: Machine) -> None:
    machine.signed.expire("timestamp")
    shutil.copy(machine.signed.repo.file("timestamp"), machine.inbox.metadata)


def for_another(machine: Machine) -> None:
    """Signed, and of this name; inside it is for another Debian."""
    made = small(machine.signed.folder / "made", "0.3.0")
    (made / "release.json").write_text(json.dumps(about("0.3.0") | {"python": "3.99"}))
    machine.signed.repo.drop("0.3.0")
    machine.signed.repo.add = _without_a_look(machine)  # type: ignore[method-assign]
    machine.signed.add("0.3.0", made)
    machine.fetch()


def _without_a_look(machine: Machine) -> Callable[..., None]:
    """What people would sign if the tool did not look: told as one for here."""
    from tools.release import artefact

    real, add = artefact.read, type(machine.signed.repo).add

    def blind(artefacts: list[Path]) -> None:
        artefact.read = lambda file: (file.read_bytes(), about("0.3.0"))  # type: ignore[assignment]
        try:
            add(machine.signed.repo, artefacts)
        finally:
            artefact.read = real

    return blind


def no_request(machine: Machine) -> None:
    machine.inbox.request_file.write_text("no JSON")


WRONG: dict[str, tuple[Callable[[Machine], None], str]] = {
    "one byte is another": (altered, "altered"),
    "half of it": (half, "altered"),
    "more than it": (longer, "altered"),
    "a link": (a_link, "failed"),
    "a pipe": (a_pipe, "failed"),
    "a version that is not on the list": (other_version, "missing"),
    "a version that is a path": (strange_version, "not_installed"),
    "signed by strangers": (of_strangers, "wrongly_signed"),
    "out of date": (expired, "expired"),
    "for another Python": (for_another, "unfit"),
    "a request that is none": (no_request, "nothing"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_not_right_changes_nothing(case: str, machine: Machine) -> None:
    """It is told with its word, no place has anything new, and the right one is taken later."""
    spoil, why = WRONG[case]
    spoil(machine)
    assert machine.take() == why
    assert machine.slots.current() == PACKAGE
    left = {one.name for one in machine.slots.root.iterdir()}
    assert left <= {"last.json", "metadata"}
    assert not left & {"a", "b", "current", TAKEN}


def test_while_a_release_is_on_trial_no_other_is_taken(machine: Machine) -> None:
    """The way back lies in the free place."""
    machine.take()
    machine.signed.add("0.3.1")
    machine.fetch("0.3.1", Request("00000000000000bb", "0.3.1", 8))
    install.take(machine.slots, machine.inbox, machine.signed.root)
    assert machine.slots.current() == "a"
    assert (machine.slots.trial() or {})["version"] == "0.3.0"
    assert (machine.slots.last() or {})["why"] == "failed"


def test_an_older_list_is_refused_by_root_too(machine: Machine, tmp_path: Path) -> None:
    """A gateway's user that was taken over cannot bring an older list back: root has its own
    memory of lists."""
    shutil.copytree(machine.inbox.folder, tmp_path / "old")
    machine.signed.add("0.3.1")
    machine.fetch("0.3.1", Request("00000000000000bb", "0.3.1", 8))
    machine.take()
    (machine.slots.root / "trial.json").unlink()
    machine.slots.link.unlink()
    shutil.rmtree(machine.inbox.folder)
    shutil.copytree(tmp_path / "old", machine.inbox.folder)
    assert machine.take() == "rolled_back"


def test_a_full_disk_is_told(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of what was written stays."""

    def full(*_: object) -> None:
        (machine.slots.root / TAKEN / "part").write_text("x")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive, "unpack", full)
    assert machine.take() == "no_room"
    assert not (machine.slots.root / TAKEN).exists()


def test_a_newer_frame_needs_a_newer_package(machine: Machine) -> None:
    """A release that counts on another unit or Debian package than this machine has is not
    taken."""
    made = small(machine.signed.folder / "made", "0.3.1")
    (made / "release.json").write_text(json.dumps(about("0.3.1") | {"frame": 2}))
    machine.signed.add("0.3.1", made)
    machine.fetch("0.3.1", Request("00000000000000bb", "0.3.1", 8))
    assert machine.take() == "frame"


@pytest.mark.parametrize(
    "more", ['"plan": 1e999', '"plan": -1', f'"plan": {10**1800}', f'"version": "{"0" * 1800}"']
)
def test_a_request_that_is_none_is_passed_over(more: str, machine: Machine) -> None:
    """Numbers without end, and what would not fit in root's answer: it goes, or it would be begun
    with again and again."""
    machine.inbox.request_file.write_text(
        f'{{"id": "{ASKED.id}", "version": "0.3.0", "plan": 7, {more}}}'
    )
    assert machine.take() == "nothing"
