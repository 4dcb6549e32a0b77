"""Root's half: takes a release in that the gateway downloaded, by what is signed and nothing else.

Run by `slots.py take` when the gateway asks (systemd/tryggve-update.service), without a network.
What it is given is a stranger's: the list and the artefact are copied where only root writes, and
checked there against root's own memory of lists.  The release is unpacked beside the places, and
only when it is whole and on the disk it gets the free one, and is put in force on trial.  The
gateway that runs notices nothing of it, until it ends by itself at a quiet moment.

Not for: judging the trial (`slots`), or when to ask (`keeper`).
"""

from __future__ import annotations

import compileall
import errno
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from gateway.errors import ReleaseRefused
from gateway.updates import archive, target, trust
from gateway.updates.exchange import Inbox, Request
from gateway.updates.slots import PACKAGE, TAKEN, TURN_S, Slots, sync

log = logging.getLogger(__name__)

STATE = Path("/var/lib/tryggve")
KEPT = "metadata"
"""Beside the releases: the lists that root has seen."""

PIECE_BYTES = 1 << 16


ROOM_TIMES = 4
"""A release needs so many times its packed size: root's copy of it, and what is in it."""


def take(slots: Slots, inbox: Inbox, root: bytes | None = None, seen: bytes | None = None) -> bool:
    """Answer the gateway's request, if there is one; whatever comes of it is told.  `root` and
    `seen` None: this program's own.  False: the request cannot be taken away."""
    request = inbox.request()
    if request is None or request.id in _answered(slots):
        return inbox.drop_request()
    try:
        if request.version:
            root = trust.root_of_trust() if root is None else root
            _take(slots, inbox, request, root, trust.seen_when_built() if seen is None else seen)
        else:
            with slots.locked(TURN_S):
                slots.withdraw(request.plan)
    except ReleaseRefused as error:
        _refused(slots, request, error.why, error.text)
    except TimeoutError:
        _refused(slots, request, "failed", "Another update was at work on this machine.")
    except MemoryError:
        _refused(slots, request, "unreadable", "The release needs more memory than there is.")
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        log.error("a release could not be taken in", exc_info=error)
        text = "The release could not be written: the disk is full or refuses."
        _refused(slots, request, "no_room" if full else "failed", text)
    except Exception as error:  # or the request would begin all of it again, at once and for ever
        log.error("a release could not be taken in", exc_info=error)
        text = "The release could not be taken in: an error of this program."
        _refused(slots, request, "failed", text)
    return inbox.drop_request()


def _answered(slots: Slots) -> set[str]:
    """The requests that were answered before a power cut left them there: what was on trial and is
    decided would be in force again, and nobody would judge it."""
    return {str(one.get("id")) for one in (slots.trial(), slots.last()) if one is not None}


def _refused(slots: Slots, request: Request, why: str, text: str) -> None:
    shutil.rmtree(slots.root / TAKEN, ignore_errors=True)
    about = {"id": request.id, "version": request.version, "plan": request.plan}
    try:
        slots.tell({**about, "outcome": "refused", "why": why, "text": text})
    except OSError as error:  # asked for again and again it would be refused as often
        log.error("why a release was refused could not be written", exc_info=error)


def _take(slots: Slots, inbox: Inbox, request: Request, root: bytes, seen: bytes) -> None:
    current, package = slots.folder(slots.current()), slots.folder(PACKAGE)
    fits = target.of_folder(current, package)
    if fits is None or not target.VERSION.fullmatch(request.version):
        raise ReleaseRefused("This program was not installed as a release.", why="not_installed")
    if slots.trial() is not None and slots.linked() == (slots.trial() or {}).get("place"):
        raise ReleaseRefused("Another release is on trial.", why="failed")
    found = trust.genuine(
        fits.target(request.version),
        lambda name: _pieces(inbox, name),
        slots.root / KEPT,
        root,
        seen,
    )
    _check_fit(fits, found.about, request.version)
    packed = slots.root / "taken.tar.xz"
    packed.unlink(missing_ok=True)  # what a power cut left needs no room beside this one
    shutil.rmtree(slots.root / TAKEN, ignore_errors=True)
    archive.need_room(slots.root, ROOM_TIMES * found.length)
    try:
        _copy(inbox, packed, found.length)
        found.check(packed)
        made = slots.clear()
        with packed.open("rb") as file:
            archive.unpack(file, made)
    finally:
        packed.unlink(missing_ok=True)
    _check_fit(fits, slots.release(TAKEN), request.version)
    _compile(made)
    with slots.locked(TURN_S):
        slots.begin(slots.settle(), request.id, version=request.version, plan=request.plan)


def _check_fit(fits: target.Fits, about: object, version: str) -> None:
    why = fits.refuses(about, version)
    if why == "frame":
        text = "The release needs a newer package on this machine: upgrade tryggve-gateway first."
        raise ReleaseRefused(text, why="frame")
    if why is not None:
        raise ReleaseRefused("The release was made for another machine.", why="unfit")


def _pieces(inbox: Inbox, name: str) -> Iterator[bytes]:
    with inbox.open_metadata(name) as file:
        while data := file.read(PIECE_BYTES):
            yield data


def _copy(inbox: Inbox, to: Path, length: int) -> None:
    """The artefact, to where nobody else changes it."""
    left = min(length, archive.PACKED_MAX_BYTES) + 1
    with inbox.open_artefact() as given, to.open("wb") as copy:
        while left > 0 and (data := given.read(min(PIECE_BYTES, left))):
            copy.write(data)
            left -= len(data)


def _compile(folder: Path) -> None:
    """The gateway cannot write beside its program, and would compile it at every start."""
    compileall.compile_dir(folder / "lib", quiet=2, workers=1)
    for cache in folder.rglob("__pycache__"):
        for file in (*cache.iterdir(), cache):
            sync(file)
        sync(cache.parent)


def main(argv: list[str]) -> int:
    """`python -m gateway.updates.install [STATE]`"""
    logging.basicConfig(level=logging.INFO)
    os.umask(0o022)
    here = target.here()
    releases = here.parent / "releases" if here.name == PACKAGE else here.parent
    # what stays is asked again: after a while, for systemd gives up what begins at once again
    return 0 if take(Slots(releases), Inbox(Path(argv[0]) if argv else STATE)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
