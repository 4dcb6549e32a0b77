"""A power cut takes with it whatever was never synced, and one whole release is in force all the
same: at a home, and what homes ask its server for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.updates import install, trust
from gateway.updates.exchange import Inbox, Request
from gateway.updates.slots import PACKAGE, TRIAL_S, Slots, sync
from tests.updates.lossy import Cut, LossyDisk, cut_at_sync
from tests.updates.signed import HERE, Signed, small
from tests.updates.test_install import Machine
from tests.updates.test_slots import bring, made, prove, running
from web.staff.homelink.mirror import Mirror


def cuts(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path], object],
    live: Callable[[Path], None],
) -> Iterator[tuple[int, Path]]:
    """What is left of the folder after a cut before each sync of `live`, and after its end."""
    number, cut = 0, True
    while cut:
        top, cut = folder / f"{number}", False
        top.mkdir()
        make(top)
        with monkeypatch.context() as patch:
            disk = LossyDisk(top, patch)
            cut_at_sync(patch, number)
            try:
                live(top)
            except Cut:
                cut = True
        yield number, disk.after_a_cut(folder / f"{number}.left")
        disk.close()
        number += 1


def slots_of(top: Path) -> Slots:
    return Slots(top / "releases", top / "proved.json")


def hold(top: Path) -> None:
    """One release is held, a second comes after it."""
    for version, trial in (("0.3.0", "t1"), ("0.4.0", "t2")):
        slots = slots_of(top)
        bring_synced(slots, version, trial)
        slots.boot("m1", 1.0)
        prove(slots, trial)
        slots.look("m1", 2.0)


def give_back(top: Path) -> None:
    slots = slots_of(top)
    bring_synced(slots, "0.3.0", "t1")
    slots.boot("m1", 1.0)
    slots.look("m1", 2 + TRIAL_S)


def bring_synced(slots: Slots, version: str, trial: str) -> None:
    """As root's half brings it: what is in it is on the disk before it gets a place."""
    new = small(slots.clear(), version)
    for path in (*(one for one in new.rglob("*") if not one.is_symlink()), new):
        sync(path)
    slots.begin(slots.settle(), trial, version=version, plan=1)


@pytest.mark.parametrize("live", [hold, give_back])
def test_what_was_never_synced_is_not_needed(
    live: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the card forgets, what starts is one whole release, and from there another one
    holds."""
    moments = 0
    for moments, left in cuts(tmp_path, monkeypatch, made, live):  # noqa: B007 - counted
        after = slots_of(left)
        after.boot("m2", 1.0)
        assert after.runs(after.linked())
        place = after.folder(after.current())
        version = json.loads((place / "release.json").read_text())["release"]
        assert (place / "lib" / "one.py").read_text() == f'VERSION = "{version}"\n'
        after.look("m2", 2 + TRIAL_S)
        bring(after, "0.9.0", "t9")
        after.boot("m2", 1.0)
        prove(after, "t9")
        assert after.look("m2", 2.0) == "held"
        assert running(after) == "0.9.0"
    assert moments > 15


def test_what_root_took_in_is_on_the_card_before_it_is_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole of root's half, from the request: after a cut what is in force is whole, with what
    was compiled of it, and the same request ends with the release on trial."""
    roots: dict[str, bytes] = {}

    def live(top: Path) -> None:
        install.take(Slots(top / "releases"), Inbox(top / "state"), roots[top.name])

    def make(top: Path) -> None:
        roots[top.name] = Machine(top).signed.root

    number = 0
    for number, left in cuts(tmp_path, monkeypatch, make, live):
        slots, inbox = Slots(left / "releases", left / "proved.json"), Inbox(left / "state")
        assert slots.runs(slots.linked())
        place = slots.folder(slots.current())
        version = json.loads((place / "release.json").read_text())["release"]
        assert (place / "lib" / "one.py").read_text() == f'VERSION = "{version}"\n'
        for compiled in place.rglob("*.pyc"):
            assert compiled.read_bytes()
        if slots.trial() is None:
            install.take(slots, inbox, roots[str(number)])
        slots.boot("m2", 1.0)
        if slots.trial() is None:  # it was refused: the card forgot what the gateway had fetched
            inbox.ask(Request("00000000000000bb", "0.3.0", 7))
            install.take(slots, inbox, roots[str(number)])
        assert (slots.trial() or {})["version"] == "0.3.0"
        assert slots.current() != PACKAGE
    assert number > 15


def test_a_server_s_list_is_never_newer_than_what_it_rests_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The power goes while a release is added: homes find the list of before or the new one, with
    all that is on it."""
    signed = Signed(tmp_path / "signed")
    signed.add("0.3.0")
    old = {"0.3.0"}

    def make(top: Path) -> None:
        Mirror(top / "releases").add(old_repo, signed.root)

    old_repo = tmp_path / "old"
    shutil.copytree(signed.repo.folder, old_repo)
    signed.add("0.4.0")

    def live(top: Path) -> None:
        Mirror(top / "releases").add(signed.repo.folder, signed.root)

    found = set()
    for number, left in cuts(tmp_path, monkeypatch, make, live):
        metadata, targets = left / "releases/metadata", left / "releases/targets"

        def read(name: str, metadata: Path = metadata) -> Iterator[bytes]:
            try:
                yield (metadata / name).read_bytes()
            except OSError as error:
                raise KeyError(name) from error

        newest = trust.newest(read, tmp_path / f"kept{number}", signed.root)
        listed = frozenset(
            version
            for version in (*old, "0.4.0")
            if newest.get_targetinfo(HERE.target(version)) is not None
        )
        for version in listed:
            one = trust.genuine(HERE.target(version), read, tmp_path / f"kept{number}", signed.root)
            one.check(targets / one.path)
        found.add(listed)
    assert found == {frozenset({"0.3.0"}), frozenset({"0.3.0", "0.4.0"})}
