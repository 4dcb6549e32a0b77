"""Root's half answers each request once, whatever cuts it or ends it."""

from __future__ import annotations

import json
import lzma
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from gateway.errors import ReleaseRefused
from gateway.updates import archive, install, target
from gateway.updates.exchange import Inbox, Request
from gateway.updates.slots import PACKAGE, TRIAL_S, Slots
from tests.updates.test_install import ASKED, Machine


class Cut(BaseException):
    """The power is gone."""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def cut_before_the_request_goes(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The release is in force, on trial; what asked for it lies there still."""

    def drop(_inbox: Inbox) -> None:
        raise Cut

    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "drop_request", drop)
        with pytest.raises(Cut):
            install.take(machine.slots, machine.inbox, machine.signed.root)
    assert machine.inbox.request() == ASKED
    assert machine.slots.current() == "a"


def take(machine: Machine) -> None:
    install.take(machine.slots, machine.inbox, machine.signed.root)
    assert not machine.inbox.request_file.exists()


def test_what_was_gone_back_from_is_not_taken_in_by_the_same_request(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The power went before the request did, and the release did not start afterwards.  Taken in
    once more it would be on a trial that counts as decided: in force, without a way back."""
    cut_before_the_request_goes(machine, monkeypatch)
    (machine.slots.folder("a") / "bin" / "python3").unlink()
    machine.slots.boot("m2", 1.0)
    assert (machine.slots.last() or {})["outcome"] == "returned"
    take(machine)
    assert machine.slots.linked() == PACKAGE
    assert machine.slots.trial() is None
    assert (machine.slots.last() or {})["outcome"] == "returned"


def test_what_was_held_is_not_taken_in_by_the_same_request(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs, and has proved itself, before root's half looks again."""
    cut_before_the_request_goes(machine, monkeypatch)
    machine.slots.boot("m2", 1.0)
    machine.slots._proved.write_text(json.dumps({"id": ASKED.id}))
    assert machine.slots.look("m2", 2.0) == "held"
    take(machine)
    assert machine.slots.linked() == "a"
    assert machine.slots.trial() is None
    assert not machine.slots.folder("b").exists()


def test_a_trial_has_its_way_back_after_each_cut(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same request, while its release is on trial: nothing is begun anew."""
    cut_before_the_request_goes(machine, monkeypatch)
    machine.slots.boot("m2", 1.0)
    left = (machine.slots.trial() or {})["left"]
    take(machine)
    assert (machine.slots.trial() or {})["left"] == left
    assert machine.slots.look("m2", 2 + TRIAL_S) == "returned"
    assert machine.slots.current() == PACKAGE


def test_whatever_ends_it_is_told_and_not_begun_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody thought of: the request would begin root's half again at once, until
    systemd gives it up for good."""

    def strange(*_: object) -> None:
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr(archive, "unpack", strange)
    take(machine)
    assert (machine.slots.last() or {})["why"] == "failed"
    assert machine.slots.linked() == PACKAGE
    assert {one.name for one in machine.slots.root.iterdir()} == {"last.json", "metadata"}
    monkeypatch.undo()
    machine.inbox.ask(Request("00000000000000bb", "0.3.0", 8))
    take(machine)
    assert machine.slots.linked() == "a"


def test_a_request_that_cannot_be_taken_away_is_no_success(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """systemd begins the unit again for as long as it lies there: after a pause, for what begins at
    once again it gives up.  Once it can be taken away, all is well."""
    monkeypatch.setattr(target, "here", lambda: machine.slots.folder("a"))
    state = [str(machine.inbox.folder.parent)]
    machine.inbox.request_file.unlink()
    machine.inbox.request_file.mkdir()
    assert install.main(state) == 1
    machine.inbox.request_file.rmdir()
    assert install.main(state) == 0


@pytest.mark.parametrize("link", ["a\0b", "x" * 5000])
def test_a_link_that_can_be_none_is_refused(link: str, tmp_path: Path) -> None:
    """Its name has what no name has, or is longer than any."""
    packed = BytesIO()
    with (
        lzma.open(packed, "wb") as file,
        tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        entry = tarfile.TarInfo("link")
        entry.type = tarfile.SYMTYPE
        entry.pax_headers = {"linkpath": link}
        tar.addfile(entry)
    packed.seek(0)
    (tmp_path / "out").mkdir()
    with pytest.raises(ReleaseRefused) as refused:
        archive.unpack(packed, tmp_path / "out")
    assert refused.value.why == "unreadable"


def test_the_answer_of_another_machine_s_request_is_no_answer(tmp_path: Path) -> None:
    """A card that was copied: what was decided under another number holds nothing up."""
    machine = Machine(tmp_path)
    machine.slots.tell({"id": "00000000000000ff", "outcome": "held", "plan": 6, "version": "0.2.0"})
    assert Slots(machine.slots.root).last() is not None
    take(machine)
    assert machine.slots.linked() == "a"
