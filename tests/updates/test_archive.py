"""A release's archive: the same bytes from the same folder, and nothing outside its folder."""

from __future__ import annotations

import io
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.errors import ReleaseRefused
from gateway.updates import archive
from tests.updates.signed import small


def test_it_comes_out_as_it_went_in(tmp_path: Path) -> None:
    """Files, folders, links and what may be run; packed twice it has the same bytes, and what it
    says of itself is first."""
    folder = small(tmp_path / "one", "0.3.0")
    (folder / "bin" / "tryggve").write_text("#!/bin/sh\n")
    (folder / "bin" / "tryggve").chmod(0o755)
    packed, again, out = tmp_path / "p", tmp_path / "q", tmp_path / "out"
    archive.pack(folder, packed)
    archive.pack(small(tmp_path / "one", "0.3.0"), again)
    assert packed.read_bytes() != again.read_bytes()  # a program more
    with lzma.open(packed) as file, tarfile.open(fileobj=file) as tar:
        assert tar.getnames()[0] == "release.json"
    out.mkdir()
    with packed.open("rb") as given:
        archive.unpack(given, out)
    for path in folder.rglob("*"):
        came = out / path.relative_to(folder)
        assert came.is_symlink() == path.is_symlink()
        if path.is_symlink():
            assert came.readlink() == path.readlink()
        elif path.is_file():
            assert came.read_bytes() == path.read_bytes()
            assert (came.stat().st_mode & 0o777) == (0o755 if path.name == "tryggve" else 0o644)


def test_the_same_folder_gives_the_same_bytes(tmp_path: Path) -> None:
    """Whoever builds it, and when."""
    first, second = tmp_path / "p", tmp_path / "q"
    archive.pack(small(tmp_path / "one", "0.3.0"), first)
    archive.pack(small(tmp_path / "two", "0.3.0"), second)
    assert first.read_bytes() == second.read_bytes()


def entry(name: str, **more: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    for key, value in more.items():
        setattr(made, key, value)
    return made


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    return entry(name, type=kind, linkname=target)


FOLDER = entry("lib", type=tarfile.DIRTYPE)
EVIL: dict[str, list[tarfile.TarInfo]] = {
    "a place above": [entry("../evil")],
    "a place from the root": [entry("/tmp/evil")],
    "a folder that is not in it": [entry("lib/evil")],
    "through a link": [FOLDER, link("out", "lib"), entry("out/evil")],
    "a link to the system": [link("out", "/etc/passwd")],
    "a link that climbs": [FOLDER, link("lib/out", "../../etc")],
    "a link past what it may": [link("out", "/usr/bin/python3.11/../../../etc")],
    "a second name": [entry("one"), link("two", "one", tarfile.LNKTYPE)],
    "a device": [entry("null", type=tarfile.CHRTYPE)],
    "a pipe": [entry("pipe", type=tarfile.FIFOTYPE)],
    "the same twice": [entry("one"), entry("one")],
    "a file for a link": [link("one", "lib"), entry("one")],
}


@pytest.mark.parametrize("case", EVIL)
def test_what_leaves_its_folder_is_refused(case: str, tmp_path: Path) -> None:
    """Though it were signed: nothing is written anywhere else."""
    packed, out = tmp_path / "p", tmp_path / "deep" / "out"
    with lzma.open(packed, "wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
        for one in EVIL[case]:
            tar.addfile(one)
    out.mkdir(parents=True)
    with packed.open("rb") as given, pytest.raises(ReleaseRefused) as refused:
        archive.unpack(given, out)
    assert refused.value.why == "unreadable"
    assert [path.name for path in tmp_path.rglob("evil")] == []


def test_a_file_with_holes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hole of any size is some bytes in an archive, and is bounded by nothing that is read."""
    monkeypatch.setattr(archive, "UNPACKED_MAX_BYTES", 100_000)
    packed, out = tmp_path / "p", tmp_path / "out"
    holes = {"GNU.sparse.map": "0,1", "GNU.sparse.size": "50000000"}
    with (
        lzma.open(packed, "wb") as file,
        tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        tar.addfile(entry("holes", size=1, pax_headers=holes), io.BytesIO(b"x"))
    out.mkdir()
    with packed.open("rb") as given, pytest.raises(ReleaseRefused) as refused:
        archive.unpack(given, out)
    assert refused.value.why == "unreadable"
    assert not (out / "holes").exists()


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def noise(_data: bytes) -> bytes:
    return b"no archive at all" * 100


@pytest.mark.parametrize("spoil", [cut, noise])
def test_a_damaged_archive_is_one_sentence(spoil: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """Half of it, or none."""
    packed, out = tmp_path / "p", tmp_path / "out"
    archive.pack(small(tmp_path / "one", "0.3.0"), packed)
    out.mkdir()
    with pytest.raises(ReleaseRefused):
        archive.unpack(io.BytesIO(spoil(packed.read_bytes())), out)


def test_what_grows_without_end_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small archive may hold a disk full of nothing, or of names."""
    monkeypatch.setattr(archive, "UNPACKED_MAX_BYTES", 100_000)
    packed, out = tmp_path / "p", tmp_path / "out"
    with lzma.open(packed, "wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
        tar.addfile(entry("big", size=10_000_000), io.BytesIO(bytes(10_000_000)))
    out.mkdir()
    with packed.open("rb") as given, pytest.raises(ReleaseRefused):
        archive.unpack(given, out)
    assert sum(path.stat().st_size for path in out.rglob("*")) <= 100_000
    monkeypatch.setattr(archive, "ENTRIES_MAX", 3)
    archive.pack(small(tmp_path / "one", "0.3.0"), packed)
    with packed.open("rb") as given, pytest.raises(ReleaseRefused):
        archive.unpack(given, tmp_path / "out")
