"""The list of releases, in a folder that is carried from one person to the other, and at last to
the staff server: what is on it, whose keys sign it, until when homes take it.

Each change makes new files of it, whole or not at all, which all must sign anew.  The folder may
have been in other hands: what cannot be read, and what two people would not want to sign, is one
sentence.  Not for: what an artefact is (`artefact`), or the commands (`__main__`).
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization import DeserializationError

from gateway.errors import UserError
from gateway.updates import papers, target, trust
from tools.release import artefact
from tools.release.files import read_within, sync, write_whole
from tools.release.keys import short

THRESHOLD = 2
"""How many people sign together: one stolen key, or one mistake, releases nothing."""

LIST_LIVES = timedelta(days=365)
"""Of the keys and of the list of releases."""

DATE_LIVES = timedelta(days=120)
"""Of the word that this is the newest list: after it homes take nothing until `refresh` was signed,
so that who carries the list cannot hold a newer one back for ever."""

RENEW = timedelta(days=180)
"""A list of keys that ends sooner is renewed with whatever is changed next: nobody has to think of
it, and a home that was off for half a year follows."""

CLOCKS = timedelta(days=1)
"""By so much the clocks of those who sign may differ: a list that lives longer was dated by a clock
that was wrong, or by somebody who wants it to live for ever."""

LIVES = {"root": LIST_LIVES, "targets": LIST_LIVES, "snapshot": DATE_LIVES, "timestamp": DATE_LIVES}
ROLES = tuple(LIVES)

NUMBER = re.compile(r"[1-9][0-9]{0,8}")

SHA256 = re.compile(r"[0-9a-f]{64}")

FILE_MAX_BYTES = 10 * trust.METADATA_MAX_BYTES

ADVISORIES = Path(__file__).resolve().parents[2] / "docs/advisories.md"


class Repo:
    """The folder that is carried about."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.metadata, self.targets = folder / "metadata", folder / "targets"

    def file(self, role: str) -> Path:
        """The newest of a role.  Raises `UserError`."""
        newest = self.metadata / "timestamp.json"
        if role != "timestamp":
            files = self.metadata.glob(f"*.{role}.json")
            numbers = [n for file in files if NUMBER.fullmatch(n := file.name.partition(".")[0])]
            newest = self.metadata / f"{max(map(int, numbers), default=0)}.{role}.json"
        if not newest.is_file():
            raise UserError(f"{self.folder} has no list of releases; begin one.")
        return newest

    def load(self, role: str) -> Metadata[Any]:
        """Raises `UserError`, `OSError`."""
        return _read(self.file(role), role)

    def save(self, role: str, what: Metadata[Any], folder: Path | None = None) -> None:
        """Unsigned, or with one more signature."""
        number = "" if role == "timestamp" else f"{what.signed.version}."
        write_whole((folder or self.metadata) / f"{number}{role}.json", what.to_bytes())

    # --- what the commands do

    def begin(self, keys: Sequence[SSlibKey], threshold: int = THRESHOLD) -> None:
        """A list without releases."""
        if self.metadata.exists() and any(self.metadata.iterdir()):
            raise UserError(f"{self.folder} has a list of releases already.")
        root = _root_of(keys, threshold)
        self.targets.mkdir(parents=True, exist_ok=True)
        new = self.folder / ".metadata.new"
        shutil.rmtree(new, ignore_errors=True)  # of an earlier try
        new.mkdir()
        now = _now()
        self.save("root", Metadata(root), new)
        self.save("targets", Metadata(Targets(expires=now + LIST_LIVES)), new)
        self.save("snapshot", Metadata(Snapshot(expires=now + DATE_LIVES)), new)
        self.save("timestamp", Metadata(Timestamp(expires=now + DATE_LIVES)), new)
        new.replace(self.metadata)
        sync(self.folder)

    def rotate(self, keys: Sequence[SSlibKey], threshold: int = THRESHOLD) -> None:
        """Other keys sign from now on.  Raises `UserError`."""
        self._renew(_root_of(keys, threshold))
        self._next(self.load("targets"))

    def _renew(self, root: Root) -> None:
        """The next root: homes take one after the other, each signed by the keys of the one before
        and by its own."""
        newest = self.load("root").signed
        if not self._is_root_whole():
            raise UserError(
                "the last list of keys is not signed by all who must: sign it first, or remove "
                f"{self.file('root')} if it was a mistake."
            )
        root.version = newest.version + 1
        self.save("root", Metadata(root))

    def _is_root_whole(self) -> bool:
        root = self.load("root")
        found = root.signed.get_root_verification_result(
            self._root_before(root.signed.version), root.signed_bytes, root.signatures
        )
        return bool(found)

    def _root_before(self, version: int) -> Root | None:
        """The keys before these, which sign these too; None: these are the first."""
        file = self.metadata / f"{version - 1}.root.json"
        if version == 1:
            return None
        found: Root = _read(file, "root").signed
        return found

    def add(self, artefacts: Sequence[Path], sbom: Path | None = None) -> None:
        """Put them on the list, with what is in them.  Raises `UserError`."""
        listed = self.load("targets")
        entries = listed.signed.targets
        files: list[tuple[str, bytes]] = []
        before = dict(entries)
        for file in artefacts:
            data, about = artefact.read(file)
            about["advisories"] = papers.mended_in(about["release"], ADVISORIES)
            if sbom is not None:
                bill = papers.check_sbom(sbom, about["release"])
                files.append((sbom.name, bill))
                about["sbom"] = {"name": sbom.name, "sha256": _hash(bill)}
            entry = TargetFile(len(data), {"sha256": _hash(data)}, file.name, {"custom": about})
            had = before.get(file.name)
            if had is not None and had.hashes != entry.hashes:
                raise UserError(
                    f"the list has a {file.name} already, which is another one: build it as "
                    f"another version, or drop {about['release']} first."
                )
            files.append((file.name, data))
            entries[file.name] = entry
        if entries == before and self._is_even():
            raise UserError("the list has that already: nothing was changed.")
        for name, data in files:
            write_whole(self.targets / f"{_hash(data)}.{name}", data)
        self._next(listed)

    def drop(self, version: str) -> None:
        """Take this version off the list."""
        listed = self.load("targets")
        kept = {
            name: entry
            for name, entry in listed.signed.targets.items()
            if _version_of(entry) != version
        }
        if len(kept) == len(listed.signed.targets):
            there = sorted({_version_of(entry) for entry in kept.values()})
            raise UserError(f"the list has no release {version}, but {', '.join(there) or 'none'}.")
        listed.signed.targets = kept
        self._next(listed)

    def refresh(self) -> None:
        """New dates."""
        self._next(self.load("targets"))

    def _next(self, listed: Metadata[Any]) -> None:
        now = _now()
        keys = self.load("root")
        if not RENEW <= keys.signed.expires - now <= LIST_LIVES + CLOCKS:
            keys.signed.expires = now + LIST_LIVES
            if self._is_root_whole():
                self._renew(keys.signed)
            else:  # nobody has taken it yet
                keys.signatures.clear()
                self.save("root", keys)
        snapshot, timestamp = self.load("snapshot"), self.load("timestamp")
        for role, what in (("targets", listed), ("snapshot", snapshot), ("timestamp", timestamp)):
            what.signed.version += 1
            what.signed.expires = now + LIVES[role]
            what.signatures.clear()
            if role == "snapshot":
                what.signed.meta["targets.json"] = MetaFile(listed.signed.version)
            elif role == "timestamp":
                what.signed.snapshot_meta = MetaFile(snapshot.signed.version)
            self.save(role, what)

    def sign(self, key: Ed25519PrivateKey) -> list[str]:
        """Sign the newest of each role with this key; the roles that lacked it.  A key that was
        replaced signs the list of keys that replaces it, and nothing else.  Raises `UserError` for
        a key that is none of the list's."""
        signer = CryptoSigner(key)
        root = self.load("root").signed
        before = self._root_before(root.version)
        mine = signer.public_key.keyid
        replaced = mine not in root.keys
        if replaced and (before is None or mine not in before.keys):
            raise UserError("this key is none of those that sign this list.")
        signed = []
        for role in ROLES[:1] if replaced else ROLES:
            what = self.load(role)
            if not _is_signed(what, signer.public_key):
                what.sign(signer, append=True)
                self.save(role, what)
                signed.append(role)
        return signed

    def told(self) -> list[str]:
        """What is on it, for whoever signs it or has changed it.  Raises `UserError`."""
        root, listed = self.load("root"), self.load("targets").signed
        until = min(self.load(role).signed.expires for role in ROLES)
        lines = [f"list {listed.version}, which homes take until {until:%Y-%m-%d}:"]
        for name, entry in sorted(listed.targets.items()):
            also = papers.papers(entry.custom).advisories
            mends = f", which mends {', '.join(also)}" if also else ""
            lines.append(f"  {_sha256(entry) or 'no sha256'}  {_plain(name)}{mends}")
        role = root.signed.roles["targets"]
        keys = ", ".join(map(short, role.keyids))
        before = self._root_before(root.signed.version)
        other = before is not None and set(before.roles["targets"].keyids) != set(role.keyids)
        new = "NEW KEYS: " if other and not self._is_root_whole() else ""
        return [*lines, f"  {new}{role.threshold} sign of {keys}"]

    def judge(self) -> None:
        """Raise `UserError` for what two people would not want to sign, nor a home take."""
        loaded = {role: self.load(role).signed for role in ROLES}
        if not self._is_even():
            raise UserError(f"the last change of {self.folder} was not finished: refresh it.")
        for name, entry in loaded["targets"].targets.items():
            if not (target.NAME.fullmatch(name) and _version_of(entry) and _sha256(entry)):
                raise UserError(f"{_plain(name)} on the list is no release of ours.")
        for role in loaded["root"].roles.values():
            if role.threshold < THRESHOLD or len(set(role.keyids)) < role.threshold:
                raise UserError(f"a list is signed by {THRESHOLD} different keys at the least.")
        now = _now()
        for role, signed in loaded.items():
            dated = signed.expires - LIVES[role]
            if signed.expires <= now:
                raise UserError(
                    f"it is {now:%Y-%m-%d} by this machine's clock, and the list was over on "
                    f"{signed.expires:%Y-%m-%d}: where the clock is right, refresh the list."
                )
            if dated > now + CLOCKS:
                raise UserError(
                    f"the list was dated {dated:%Y-%m-%d}, and by this machine's clock it is "
                    f"{now:%Y-%m-%d}: one of both is wrong; refresh it where the clock is right."
                )

    def _is_even(self) -> bool:
        """The last change was written to its end."""
        snapshot, timestamp = self.load("snapshot").signed, self.load("timestamp").signed
        pointed = (snapshot.meta["targets.json"].version, timestamp.snapshot_meta.version)
        return pointed == (self.load("targets").signed.version, snapshot.version)

    def check(self, root: bytes | None = None, seen: bytes = b"") -> list[str]:
        """The artefacts on the list, looked at as by a home that trusts `root` (None: the list's
        own first keys) and has `seen` a list before.  Raises `UserError`, `ReleaseRefused`."""
        names = sorted(self.load("targets").signed.targets)
        if root is None:
            root = read_within(self.metadata / "1.root.json", FILE_MAX_BYTES, "a list of keys")
        with tempfile.TemporaryDirectory() as kept:
            trust.newest(self.read, Path(kept), root, seen)
            self.judge()
            for name in names:
                found = trust.genuine(name, self.read, Path(kept), root)
                file = self.targets / found.path
                if not file.is_file():
                    raise UserError(f"{file} is missing.")
                found.check(file)
                papers.papers(found.about).check(self.targets)
        return names

    def read(self, name: str) -> Iterator[bytes]:
        """A metadata file, as the mirror gives it.  Raises `KeyError`."""
        file = self.metadata / name
        if not file.is_file():
            raise KeyError(name)
        yield read_within(file, FILE_MAX_BYTES, "a list")


def _root_of(keys: Sequence[SSlibKey], threshold: int) -> Root:
    if len({key.keyid for key in keys}) < max(threshold, THRESHOLD):
        raise UserError(f"a list is signed by {THRESHOLD} different keys at the least.")
    return Root(
        expires=_now() + LIST_LIVES,
        keys={key.keyid: key for key in keys},
        roles={role: Role([key.keyid for key in keys], threshold) for role in ROLES},
        consistent_snapshot=True,
    )


def _read(file: Path, role: str) -> Metadata[Any]:
    """Raises `UserError` where it is none of that role and number; `OSError`."""
    data = read_within(file, FILE_MAX_BYTES, "a list")
    try:
        found: Metadata[Any] = Metadata.from_bytes(data)
    except DeserializationError as error:
        raise UserError(f"{file} cannot be read: it is damaged, or no list.") from error
    named = file.name.removesuffix(f"{role}.json").removesuffix(".")
    if found.signed.type != role or named not in ("", str(found.signed.version)):
        raise UserError(f"{file} is another list than its name says.")
    return found


def _is_signed(what: Metadata[Any], key: SSlibKey) -> bool:
    """By this key, and as it is now."""
    try:
        key.verify_signature(what.signatures[key.keyid], what.signed_bytes)
    except (KeyError, UnverifiedSignatureError, VerificationError):
        return False
    return True


def _version_of(entry: TargetFile) -> str:
    """The version that is said of an artefact; empty: none."""
    told = entry.custom.get("release") if isinstance(entry.custom, dict) else None
    return told if isinstance(told, str) and target.VERSION.fullmatch(told) else ""


def _sha256(entry: TargetFile) -> str:
    """Of an artefact; empty: none."""
    told = entry.hashes.get("sha256", "")
    return told if SHA256.fullmatch(told) else ""


def _plain(name: str) -> str:
    """Whatever a list calls something, as a terminal may be given it."""
    return name if target.NAME.fullmatch(name) else ascii(name[:80])


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
