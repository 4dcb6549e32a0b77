"""What who carries releases, a power cut, a full disk or a wrong clock could do to an update, tried
on the gateway's half and root's as they are (what is not rightly signed: `test_trust`)."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.errors import LinkDown, ReleaseRefused
from gateway.events import Severity, UpdateCalledOff, UpdateFetched, UpdateRefused, UpdateWhy
from gateway.state.home_view import Snapshot
from gateway.updates import archive, fetch, install, quiet, trust
from gateway.updates.exchange import Inbox, Request
from gateway.updates.slots import PACKAGE, TAKEN, Slots
from tests.updates.signed import KEYS, Signed, public, small
from tests.updates.test_install import Machine
from tests.updates.test_keeper import NOW, VISIT, Home, alarm, check, snapshot
from tests.updates.test_slots import Cut, cut_at
from tests.updates.test_trust import NAME, why
from tools.release import listed


@pytest.fixture
def signed(tmp_path: Path) -> Signed:
    made = Signed(tmp_path)
    made.add("0.3.0")
    return made


@pytest.fixture
def home(signed: Signed, tmp_path: Path) -> Iterator[Home]:
    (tmp_path / "root.json").write_bytes(signed.root)
    small(tmp_path / PACKAGE, "0.2.0")
    (tmp_path / "releases").mkdir()
    (tmp_path / "state").mkdir()
    yield Home(tmp_path)


def refused(home: Home) -> UpdateWhy:
    """Why it was refused, once, with a sentence and nothing left of it."""
    [told] = [one for one in home.written if isinstance(one, UpdateRefused)]
    assert told.text.endswith(".")
    assert not home.inbox.artefact.exists()
    assert home.inbox.request() is None
    return told.why


def packed_bytes(home: Home) -> int:
    [artefact] = (home.folder / "repo" / "targets").iterdir()
    return artefact.stat().st_size


def targets_asked(home: Home) -> list[str]:
    return [part for path, part in home.lane.asked if "targets/" in path]


# --- lists ----------------------------------------------------------------------------------------


def test_a_new_card_takes_no_older_list_than_its_program_was_built_with(
    signed: Signed, tmp_path: Path
) -> None:
    """It has seen none; the program brings the date of the newest list when it was built."""
    shutil.copytree(signed.repo.folder, tmp_path / "old")
    signed.add("0.3.1")
    seen = signed.repo.file("timestamp").read_bytes()
    shutil.rmtree(signed.repo.folder)
    shutil.copytree(tmp_path / "old", signed.repo.folder)
    with pytest.raises(ReleaseRefused) as old:
        trust.genuine(NAME, signed.read, tmp_path / "new card", signed.root, seen)
    assert old.value.why == "rolled_back"
    assert why(signed.read, tmp_path / "none built in", signed.root) == "taken"


def test_a_new_card_in_root_s_half_neither(tmp_path: Path) -> None:
    """Root has its own memory, which begins with the program's too."""
    machine = Machine(tmp_path)
    shutil.copytree(machine.signed.repo.folder, tmp_path / "old")
    machine.signed.add("0.3.1")
    seen = machine.signed.repo.file("timestamp").read_bytes()
    install.take(machine.slots, machine.inbox, machine.signed.root, seen)
    assert (machine.slots.last() or {})["why"] == "rolled_back"


def test_a_package_that_came_since_knows_of_newer_lists_than_the_home_saw(
    signed: Signed, tmp_path: Path
) -> None:
    """A home that was silent, and whose program somebody upgraded by hand."""
    kept, old = tmp_path / "kept", tmp_path / "old"
    assert why(signed.read, kept, signed.root) == "taken"
    shutil.copytree(signed.repo.folder, old)
    signed.add("0.3.1")
    seen = signed.repo.file("timestamp").read_bytes()
    shutil.rmtree(signed.repo.folder)
    shutil.copytree(old, signed.repo.folder)
    with pytest.raises(ReleaseRefused) as refused:
        trust.genuine(NAME, signed.read, kept, signed.root, seen)
    assert refused.value.why == "rolled_back"


def test_a_card_that_spoiled_what_was_seen_begins_with_the_program_s(
    signed: Signed, tmp_path: Path
) -> None:
    """A power cut may leave an empty file, or one without its name: neither stays, neither is
    believed."""
    kept, seen = tmp_path / "kept", signed.repo.file("timestamp").read_bytes()
    kept.mkdir()
    (kept / "timestamp.json").write_bytes(b"")
    (kept / "tmpx1y2").write_bytes(b"half a li")
    assert trust.genuine(NAME, signed.read, kept, signed.root, seen).name == NAME
    assert not list(kept.glob("tmp*"))
    assert (kept / "timestamp.json").read_bytes() == seen


def test_what_was_seen_goes_before_what_the_program_brought(signed: Signed, tmp_path: Path) -> None:
    """A home that has seen a newer list keeps to that."""
    seen = signed.repo.file("timestamp").read_bytes()
    shutil.copytree(signed.repo.folder, tmp_path / "old")
    signed.add("0.3.1")
    assert why(signed.read, tmp_path / "kept", signed.root) == "taken"
    shutil.rmtree(signed.repo.folder)
    shutil.copytree(tmp_path / "old", signed.repo.folder)
    with pytest.raises(ReleaseRefused) as old:
        trust.genuine(NAME, signed.read, tmp_path / "kept", signed.root, seen)
    assert old.value.why == "rolled_back"


def rotated(signed: Signed, *sign: int) -> None:
    """Anna goes, Cilla comes; so many of Anna, Bo and Cilla sign."""
    signed.repo.rotate([public(KEYS[1]), public(KEYS[2])])
    signed.sign(*(KEYS[one] for one in sign))


def test_other_keys_are_followed_when_the_old_ones_say_so(signed: Signed, tmp_path: Path) -> None:
    """A home that trusts the first keys follows to the second, and takes what only those sign; one
    that was off meanwhile too; the replaced key signs nothing any more."""
    first, kept = signed.root, tmp_path / "kept"
    assert why(signed.read, kept, first) == "taken"
    rotated(signed, 0, 1, 2)
    assert why(signed.read, kept, first) == "taken"
    signed.repo.refresh()
    signed.sign(KEYS[1], KEYS[2])
    assert why(signed.read, kept, first) == "taken"
    assert why(signed.read, tmp_path / "was off", first) == "taken"
    signed.repo.refresh()
    assert signed.repo.sign(KEYS[0]) == []
    signed.sign(KEYS[1])
    assert why(signed.read, tmp_path / "one", first) == "wrongly_signed"


def test_root_s_half_follows_the_keys_too(tmp_path: Path) -> None:
    """By what the gateway left it, and by nothing else."""
    machine = Machine(tmp_path)
    first = machine.signed.root
    rotated(machine.signed, 0, 1, 2)
    machine.signed.repo.refresh()
    machine.signed.sign(KEYS[1], KEYS[2])
    machine.fetch()
    install.take(machine.slots, machine.inbox, first)
    assert (machine.slots.trial() or {})["version"] == "0.3.0"


@pytest.mark.parametrize("who", [(1, 2), (0, 1), (0,), (2,)])
def test_keys_that_too_few_put_in_place_are_not_followed(
    who: tuple[int, ...], signed: Signed, tmp_path: Path
) -> None:
    """Neither without two of the old ones, nor without two of the new ones."""
    first = signed.root
    rotated(signed, *who)
    assert why(signed.read, tmp_path / "kept", first) == "wrongly_signed"


def test_keys_that_end_soon_are_renewed_with_the_next_change(
    signed: Signed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to think of it: with whatever is changed next their list is made anew, and signed
    as everything else; a home that trusts the first one follows."""
    first = signed.root
    signed.repo.refresh()
    assert signed.repo.load("root").signed.version == 1
    monkeypatch.setattr("tools.release.listed.RENEW", 2 * listed.LIST_LIVES)
    signed.repo.refresh()
    signed.repo.refresh()  # nobody signed in between: no second one
    signed.sign()
    assert signed.repo.load("root").signed.version == 2
    assert why(signed.read, tmp_path / "kept", first) == "taken"


# --- clocks ---------------------------------------------------------------------------------------


def test_a_home_that_does_not_know_the_time_takes_nothing(home: Home) -> None:
    """A Pi has no clock of its own: at its start it may be years back, where no list is ever over.
    It waits until it knows, and then takes what it was told."""
    home.sure = False
    home.want()
    for _ in range(3):
        home.pass_s(3600)
    assert home.lane.asked == []
    assert home.written == []
    home.sure = True
    home.pass_s(20)
    assert home.last == UpdateFetched(plan=7, version="0.3.0")


# --- what comes over the line ---------------------------------------------------------------------


def test_a_server_that_sends_more_than_was_signed_fills_no_disk(home: Home) -> None:
    """So much is read as was signed for, and no byte more; what was signed is taken."""
    home.lane.spoil = lambda what, data: data + bytes(300_000) if what == "targets" else data
    home.want()
    home.pass_s(1)
    assert home.last == UpdateFetched(plan=7, version="0.3.0")
    assert home.inbox.artefact.stat().st_size == packed_bytes(home)


def test_a_release_that_is_larger_than_a_home_takes_is_not_begun(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though it was signed so."""
    monkeypatch.setattr(fetch, "PACKED_MAX_BYTES", packed_bytes(home) - 1)
    home.want()
    home.pass_s(1)
    assert refused(home) is UpdateWhy.TOO_LARGE
    assert targets_asked(home) == []


def test_a_file_that_the_server_does_not_have_is_refused(home: Home) -> None:
    """It is on the list; waiting for it would be for ever."""
    shutil.rmtree(home.folder / "repo" / "targets")
    home.want()
    home.pass_s(1)
    assert refused(home) is UpdateWhy.MISSING


def test_a_server_without_releases_is_told_so_once(home: Home) -> None:
    """As an older server that the home was moved to, or one whose disk was set up anew."""
    shutil.rmtree(home.folder / "repo")
    home.want()
    for _ in range(3):
        home.pass_s(1000)
    assert refused(home) is UpdateWhy.MISSING


# --- disks ----------------------------------------------------------------------------------------


def leaves(folder: Path, spare: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the disk has so many bytes beside its reserve."""
    free = shutil.disk_usage(folder).free
    monkeypatch.setattr(archive, "RESERVE_BYTES", free - spare)


MB = 1_000_000


def test_a_disk_without_room_for_it_is_not_begun_with(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is free now the log needs later."""
    leaves(home.folder, -500 * MB, monkeypatch)
    home.want()
    home.pass_s(1)
    assert refused(home) is UpdateWhy.NO_ROOM
    assert targets_asked(home) == []


def test_a_disk_that_gets_full_while_it_downloads_is_left_alone(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else needs what was free: it ends before the reserve, and nothing of it stays."""
    monkeypatch.setattr(fetch, "UPDATE_PIECE_BYTES", 100)

    def meanwhile(what: str, data: bytes) -> bytes:
        if what == "targets" and len(targets_asked(home)) == 3:
            leaves(home.folder, -500 * MB, monkeypatch)
        return data

    home.lane.spoil = meanwhile
    home.want()
    home.pass_s(1)
    assert refused(home) is UpdateWhy.NO_ROOM
    assert len(targets_asked(home)) == 3


def test_a_disk_that_refuses_while_it_downloads_is_told_and_not_tried_for_ever(home: Home) -> None:
    """Not each twenty seconds anew."""

    def full(what: str, data: bytes) -> bytes:
        if what == "targets":
            raise OSError(errno.ENOSPC, "No space left on device")
        return data

    home.lane.spoil = full
    home.want()
    for _ in range(3):
        home.pass_s(1000)
    assert refused(home) is UpdateWhy.NO_ROOM
    assert len(targets_asked(home)) == 1


def test_unpacking_leaves_the_disk_its_reserve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root's half asks before it copies, and before each file that it writes."""
    machine = Machine(tmp_path)
    leaves(tmp_path, -500 * MB, monkeypatch)
    assert machine.take() == "no_room"
    assert not (machine.slots.root / "taken.tar.xz").exists()
    packed, out = tmp_path / "p", tmp_path / "out"
    archive.pack(small(tmp_path / "one", "0.3.0"), packed)
    out.mkdir()
    with packed.open("rb") as given, pytest.raises(ReleaseRefused) as no_room:
        archive.unpack(given, out)
    assert no_room.value.why == "no_room"


def test_what_a_cut_left_half_made_needs_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes before anybody asks what is free: the second try has what the first had."""
    machine = Machine(tmp_path)
    half = machine.slots.root / TAKEN / "lib.so"
    half.parent.mkdir()
    half.write_bytes(bytes(2 * MB))
    packed = machine.slots.root / "taken.tar.xz"
    packed.write_bytes(b"half")
    real = shutil.disk_usage

    def usage(folder: Path) -> object:
        left = half.exists() or (packed.exists() and packed.read_bytes() == b"half")
        return real(folder)._replace(free=archive.RESERVE_BYTES + (0 if left else MB))

    monkeypatch.setattr(shutil, "disk_usage", usage)
    assert machine.take() == "trial"


def test_root_s_half_answers_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Why it refuses cannot be written: the request goes all the same, or it would be begun with
    again and again."""
    machine = Machine(tmp_path)
    leaves(tmp_path, -500 * MB, monkeypatch)

    def write_text(_path: Path, _text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", write_text)
    install.take(machine.slots, machine.inbox, machine.signed.root)
    assert not machine.inbox.request_file.exists()
    assert machine.slots.linked() == PACKAGE


def moved(machine: Machine, folder: Path) -> Machine:
    """The same machine, of which `folder` is a copy; a new process looks at it."""
    made = Machine.__new__(Machine)
    made.slots = Slots(folder / "releases", folder / "proved.json")
    made.inbox, made.signed = Inbox(folder / "state"), machine.signed
    return made


def test_a_cut_at_any_moment_while_root_takes_it_in_ends_with_it_on_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a change of the disk the power goes: what runs is whole, and after the next start
    of the machine the same request is answered."""
    (tmp_path / "0").mkdir()
    first = Machine(tmp_path / "0")
    number, cut = 1, True
    while cut:
        folder = tmp_path / str(number)
        shutil.copytree(tmp_path / "0", folder, symlinks=True)
        machine, cut = moved(first, folder), False
        with monkeypatch.context() as patch:
            cut_at(patch, number)
            try:
                install.take(machine.slots, machine.inbox, machine.signed.root)
            except Cut:
                cut = True
        after = moved(first, folder)
        assert after.slots.runs(PACKAGE)
        if after.slots.linked() != PACKAGE:
            assert (after.slots.folder("a") / "lib" / "one.py").exists()
        install.take(after.slots, after.inbox, after.signed.root)
        after.slots.boot("m2", 1.0)
        if after.slots.trial() is None:  # it was answered, and nobody may wait: it is asked anew
            after.inbox.ask(Request("00000000000000bb", "0.3.0", 7))
            install.take(after.slots, after.inbox, after.signed.root)
        assert (after.slots.trial() or {})["version"] == "0.3.0"
        assert after.slots.current() == "a"
        shutil.rmtree(folder)
        number += 3  # each third one, for each takes a tenth of a second
    assert number > 30


# --- what the home is needed for ------------------------------------------------------------------


def test_an_alarm_in_the_middle_of_a_download_has_the_line(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two pieces it stops, keeps what came, and goes on when the alarm is over."""
    monkeypatch.setattr(fetch, "UPDATE_PIECE_BYTES", 100)

    def alarm(what: str, data: bytes) -> bytes:
        if what == "targets" and len(targets_asked(home)) == 3:
            home.needed = "alarm"
        return data

    home.lane.spoil = alarm
    home.want()
    home.pass_s(1)
    assert len(targets_asked(home)) == 3
    assert home.inbox.artefact.stat().st_size == 300
    home.needed = None
    home.pass_s(1000)
    assert targets_asked(home)[3].startswith("bytes=300-")
    assert home.last == UpdateFetched(plan=7, version="0.3.0")


@pytest.mark.parametrize(
    "of",
    [
        snapshot(alarms=(alarm(Severity.CARE),)),
        snapshot(visits=(VISIT,)),
        snapshot(checks=(check("asked", -5),)),
        snapshot(checks=(check("planned", 14),)),
        snapshot(look=object()),
        snapshot(mains=False),
    ],
    ids=["alarm", "visit", "check", "check soon", "look", "battery"],
)
def test_what_is_asked_for_while_the_home_is_needed_waits(of: Snapshot, home: Home) -> None:
    """The release is put in force beside what runs, but for an alarm, which has the line; the
    program goes on, for hours, and ends a minute after it is over."""
    home.needed = quiet.needed_by(of, NOW, turning=False, speaking=False)
    home.want()
    home.pass_s(1)
    assert bool(targets_asked(home)) == (home.needed != "alarm")
    if home.needed == "alarm":
        home.needed = "visit"  # that of who came because of it
        home.pass_s(1000)
    home.take()
    for _ in range(5):
        home.pass_s(3600)
    assert not home.ended
    home.needed = None
    home.pass_s(59)
    assert not home.ended
    home.pass_s(2)
    assert home.ended


# --- called off -----------------------------------------------------------------------------------


def test_what_is_called_off_before_it_ran_is_not_run_by_the_next_start(home: Home) -> None:
    """Root's half had put it in force already, and the home waited for a quiet moment: what runs is
    put back, so that neither that moment nor a power cut starts it.  Nothing is told of it."""
    home.needed = "visit"
    home.want()
    home.pass_s(1)
    home.take()
    assert home.slots.current() == "a"
    home.tell(UpdateCalledOff(plan=7), "staff:h1")
    home.written.clear()
    home.pass_s(1)
    home.take()
    assert home.slots.current() == PACKAGE
    assert home.slots.trial() is None
    home.needed = None
    for _ in range(3):
        home.pass_s(100)
    assert not home.ended
    assert home.written == []
    assert not home.inbox.artefact.exists()
    home.want()  # somebody lets it go on
    home.pass_s(1)
    home.take()
    assert home.slots.current() == "a"


def test_what_was_begun_is_not_taken_back(home: Home) -> None:
    """It was started: its trial decides, as of any other."""
    home.want()
    home.pass_s(1)
    home.take()
    home.slots.boot("m", 1.0)
    home.inbox.ask(Request("00000000000000cc", "", 7))
    home.take()
    assert home.slots.current() == "a"
    assert home.slots.trial() is not None


def test_what_is_called_off_while_it_downloads_leaves_nothing(home: Home) -> None:
    """Some tens of megabytes of nobody's."""
    home.lane.spoil = lambda what, data: _call_off(home, what, data)
    home.want()
    home.pass_s(1)
    home.pass_s(1)
    assert not home.inbox.artefact.exists()
    assert home.inbox.request() is None
    assert home.slots.current() == PACKAGE


def _call_off(home: Home, what: str, data: bytes) -> bytes:
    if what == "targets":
        home.tell(UpdateCalledOff(plan=7), "staff:h1")
    return data


def test_what_was_replaced_while_the_line_was_down_is_not_run(home: Home) -> None:
    """Called off, and another wanted, both heard at once: what waits for a quiet moment is the
    one that somebody withdrew."""
    home.needed = "visit"
    home.want()
    home.pass_s(1)
    home.take()
    home.tell(UpdateCalledOff(plan=7), "staff:h1")
    home.want("0.2.9", plan=8)
    home.needed = None
    home.pass_s(100)
    home.pass_s(100)
    assert not home.ended
    home.take()
    assert home.slots.current() == PACKAGE
    home.pass_s(100)
    assert isinstance(home.last, UpdateRefused)  # there is none
    assert home.last.plan == 8


def test_it_asks_until_what_nobody_wants_is_taken_back(home: Home) -> None:
    """Root's half may have had a full disk, or its turn in the middle of something else."""
    home.want()
    home.pass_s(1)
    home.take()
    home.tell(UpdateCalledOff(plan=7), "staff:h1")
    home.pass_s(1)
    home.inbox.drop_request()  # it was answered, and nothing came of it
    home.pass_s(20)
    first = home.inbox.request()
    home.pass_s(20)
    assert home.inbox.request() == first  # it is asked once, as long as nobody has answered
    home.take()
    assert home.slots.trial() is None


@pytest.mark.parametrize("end", ["no such file", "line"])
def test_what_is_wanted_while_another_downloads_comes_next(
    end: str, home: Home, signed: Signed
) -> None:
    """The one that was withdrawn ends badly, hours later: what is wanted by then is not called
    refused for it, and waits for nothing."""
    signed.add("0.3.1")
    old = home.lane.spoil

    def withdrawn(what: str, data: bytes) -> bytes:
        if what == "targets":
            home.lane.spoil = old
            home.tell(UpdateCalledOff(plan=7), "staff:h1")
            home.want("0.3.1", plan=8)
            if end == "line":
                raise LinkDown("no answer")
            raise ReleaseRefused("The release is refused.", why="missing")
        return data

    home.lane.spoil = withdrawn
    home.want()
    home.pass_s(1)
    home.pass_s(1)
    assert home.written == [UpdateFetched(plan=8, version="0.3.1")]


def test_what_the_card_made_of_a_file_ends_no_keeper(home: Home) -> None:
    """An answer of root's that is not as it was written is passed over."""
    (home.slots.root / "last.json").write_text('{"id": "x", "outcome": "held"}')
    home.want()
    home.pass_s(1)
    assert home.last == UpdateFetched(plan=7, version="0.3.0")
