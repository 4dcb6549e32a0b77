"""Releases, signed offline by two people: `python -m tools.release COMMAND` (docs/updates.md).

    key FILE              a key of one's own: FILE (with a passphrase) and FILE.pub
    begin REPO PUB PUB …  a new list of releases, which two of these keys sign together
    keys REPO PUB PUB …   other keys from now on; two of the old and two of the new sign it
    add REPO FILE …       put what `make deb` built on the list, with its bill of materials
                          (what `make sbom` wrote) and the advisories of docs/advisories.md
    drop REPO VERSION     take a release off the list: no home takes it from then on
    refresh REPO          the list as it is, with new dates
    sign REPO FILE        sign what is new with one's own key, which is shown before; the second
                          person does the same
    check REPO            look at it as a home does
    root REPO             the root of trust and the newest list, for the next build of the program
    pack FOLDER FILE      an artefact of a folder

REPO is a folder that is carried from one person to the other, and at last to the staff server
(`tryggve staff release add REPO`).  Nobody else's machine ever holds a key: neither the server's
nor the build's.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from getpass import getpass
from pathlib import Path

from gateway.errors import ReleaseRefused, TryggveError, UserError
from gateway.updates import archive, trust
from tools.release.files import read_within, write_whole
from tools.release.keys import make_key, private_key, public_key, short
from tools.release.listed import FILE_MAX_BYTES, Repo

WORDS_MAX_BYTES = 10_000
"""Of a file with a passphrase."""


def main(argv: list[str] | None = None) -> int:
    """One command; 2 with one sentence when it cannot be done."""
    parser = argparse.ArgumentParser(
        prog="tools.release", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("command", choices=sorted(COMMANDS))
    parser.add_argument("words", nargs="*")
    parser.add_argument("--passphrase-file", type=Path)
    given = parser.parse_args(argv)
    command = COMMANDS[given.command]
    try:
        if not command.least <= len(given.words) <= command.most:
            wanted = re.search(rf"^ +({given.command} .*?)(  |$)", __doc__ or "", re.MULTILINE)
            raise UserError(f"say: {wanted[1] if wanted else given.command}")
        command.run(given.words, given.passphrase_file)
    except TryggveError as error:
        print(error.text, file=sys.stderr)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"{where}{error.strerror or error}.", file=sys.stderr)
    except (KeyboardInterrupt, EOFError):
        print("\nstopped; what was to be done was not done, or not to its end.", file=sys.stderr)
    else:
        return 0
    return 2


def _passphrase(file: Path | None, *, new: bool = False) -> bytes:
    if file is not None:
        return read_within(file, WORDS_MAX_BYTES, "a passphrase").strip()
    said = getpass("Passphrase: ")
    if new and getpass("Once more: ") != said:
        raise UserError("that was another one.")
    return said.encode("utf-8", "surrogateescape")


def _show(repo: Repo) -> None:
    for line in repo.told():
        print(line)


def _key(words: list[str], file: Path | None) -> None:
    key = make_key(Path(words[0]), _passphrase(file, new=True))
    print(f"{words[0]}.pub is for whoever begins the list; {words[0]} is for nobody but you.")
    print(f"The key's number: {short(key.keyid)}")


def _begin(words: list[str], _file: Path | None) -> None:
    repo = Repo(Path(words[0]))
    repo.begin([public_key(Path(key)) for key in words[1:]])
    _show(repo)


def _keys(words: list[str], _file: Path | None) -> None:
    repo = Repo(Path(words[0]))
    repo.rotate([public_key(Path(key)) for key in words[1:]])
    _show(repo)


def _add(words: list[str], _file: Path | None) -> None:
    bills = [Path(file) for file in words[1:] if file.endswith(".cdx.json")]
    artefacts = [Path(file) for file in words[1:] if not file.endswith(".cdx.json")]
    if len(bills) > 1 or not artefacts:
        raise UserError("name artefacts of one version, and the bill that `make sbom` wrote of it.")
    repo = Repo(Path(words[0]))
    repo.add(artefacts, bills[0] if bills else None)
    if not bills:
        print("without a bill of materials: whoever asks what is in it is told nothing")
    _show(repo)


def _drop(words: list[str], _file: Path | None) -> None:
    repo = Repo(Path(words[0]))
    repo.drop(words[1])
    _show(repo)


def _refresh(words: list[str], _file: Path | None) -> None:
    repo = Repo(Path(words[0]))
    repo.refresh()
    _show(repo)


def _sign(words: list[str], file: Path | None) -> None:
    repo = Repo(Path(words[0]))
    repo.judge()
    _show(repo)
    signed = repo.sign(private_key(Path(words[1]), _passphrase(file)))
    print(f"signed: {', '.join(signed) or 'nothing, all had this signature'}")


def _check(words: list[str], _file: Path | None) -> None:
    repo = Repo(Path(words[0]))
    repo.check()
    _show(repo)
    print("A home takes this list.")


def _root(words: list[str], _file: Path | None) -> None:
    repo = Repo(Path(words[0]))
    repo.check()
    if trust.ROOT.exists():
        before = read_within(trust.ROOT, FILE_MAX_BYTES, "a list of keys")
        try:
            repo.check(before, trust.seen_when_built(trust.SEEN))
        except ReleaseRefused as error:
            raise UserError(
                f"homes that trust {trust.ROOT} would not take this list; where other keys are "
                f"meant to begin anew, remove that file first. {error.text}"
            ) from error
    write_whole(trust.ROOT, repo.file("root").read_bytes())
    write_whole(trust.SEEN, repo.file("timestamp").read_bytes())
    _show(repo)
    print(f"{trust.ROOT}: programs that are built from here on trust these keys.")


def _pack(words: list[str], _file: Path | None) -> None:
    folder, file = map(Path, words)
    if not (folder / "release.json").is_file():
        raise UserError(f"{folder} has no release.json, and so is no release.")
    if file.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"{file} would lie in what it is made of.")
    new = file.with_name(f".{file.name}.new")
    try:
        archive.pack(folder, new)
        with new.open("rb") as made:
            archive.look(made)
        new.replace(file)
    finally:
        new.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Command:
    """What is run, with how many words."""

    run: Callable[[list[str], Path | None], None]
    least: int
    most: int


MANY = 100

COMMANDS = {
    "key": Command(_key, 1, 1),
    "begin": Command(_begin, 3, MANY),
    "keys": Command(_keys, 3, MANY),
    "add": Command(_add, 2, MANY),
    "drop": Command(_drop, 2, 2),
    "refresh": Command(_refresh, 1, 1),
    "sign": Command(_sign, 2, 2),
    "check": Command(_check, 1, 1),
    "root": Command(_root, 1, 1),
    "pack": Command(_pack, 2, 2),
}

if __name__ == "__main__":
    raise SystemExit(main())
