"""Releases, signed offline by two people: `python -m tools.release COMMAND` (docs/updates.md).

    key FILE              a key of one's own: FILE (with a passphrase) and FILE.pub
    begin REPO PUB PUB …  a new list of releases, which two of these keys sign together
    keys REPO PUB PUB …   other keys from now on; two of the old and two of the new sign it
    add REPO FILE …       put what `make deb` built on the list, with its bill of materials
                          (what `make sbom` wrote) and the advisories of docs/advisories.md
    drop REPO VERSION     take a release off the list: no home takes it from then on
    refresh REPO          the list as it is, with new dates
    sign REPO FILE        sign what is new with one's own key; the second person does the same
    check REPO            look at it as a home does
    root REPO             the root of trust and the newest list, for the next build of the program
    pack FOLDER FILE      an artefact of a folder

REPO is a folder that is carried from one person to the other, and at last to the staff server
(`tryggve staff release add REPO`).  Nobody else's machine ever holds a key: neither the server's
nor the build's.  Not for: what a home makes of it (`gateway.updates.trust`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import re
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from getpass import getpass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
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

from gateway.errors import TryggveError, UserError
from gateway.updates import archive, papers, target, trust

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

ROLES = ("root", "targets", "snapshot", "timestamp")

ADVISORIES = Path(__file__).resolve().parents[1] / "docs/advisories.md"


class Repo:
    """The folder that is carried about."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.metadata, self.targets = folder / "metadata", folder / "targets"

    def file(self, role: str) -> Path:
        """The newest of a role.  Raises `UserError`."""
        if role == "timestamp":
            found = [self.metadata / "timestamp.json"]
        else:
            files = self.metadata.glob(f"*.{role}.json")
            found = sorted(files, key=lambda file: int(file.name.partition(".")[0]))
        if not found or not found[-1].is_file():
            raise UserError(f"{self.folder} has no list of releases; begin one.")
        return found[-1]

    def load(self, role: str) -> Metadata[Any]:
        return Metadata.from_bytes(self.file(role).read_bytes())

    def save(self, role: str, what: Metadata[Any]) -> None:
        """Unsigned, or with one more signature."""
        number = "" if role == "timestamp" else f"{what.signed.version}."
        (self.metadata / f"{number}{role}.json").write_bytes(what.to_bytes())

    # --- what the commands do

    def begin(self, keys: Sequence[SSlibKey], threshold: int = THRESHOLD) -> None:
        """A list without releases."""
        if self.metadata.exists():
            raise UserError(f"{self.folder} has a list of releases already.")
        root = _root_of(keys, threshold)
        self.metadata.mkdir(parents=True)
        self.targets.mkdir(exist_ok=True)
        now = datetime.now(UTC).replace(microsecond=0)
        self.save("root", Metadata(root))
        self.save("targets", Metadata(Targets(expires=now + LIST_LIVES)))
        self.save("snapshot", Metadata(Snapshot(expires=now + DATE_LIVES)))
        self.save("timestamp", Metadata(Timestamp(expires=now + DATE_LIVES)))

    def rotate(self, keys: Sequence[SSlibKey], threshold: int = THRESHOLD) -> None:
        """Other keys sign from now on.  Raises `UserError`."""
        self._renew(_root_of(keys, threshold))
        self._next(self.load("targets"))

    def _renew(self, root: Root) -> None:
        """The next root: homes take one after the other, each signed by the keys of the one before
        and by its own."""
        newest = self.load("root").signed
        if not self._is_root_whole():
            raise UserError("the last list of keys is not signed by all who must: sign it first.")
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
        return Metadata[Root].from_bytes(file.read_bytes()).signed if version > 1 else None

    def add(self, artefacts: Sequence[Path], sbom: Path | None = None) -> None:
        """Put them on the list, with what is in them.  Raises `UserError`."""
        listed = self.load("targets")
        for file in artefacts:
            about = about_of(file)
            about["advisories"] = papers.mended_in(about["release"], ADVISORIES)
            if sbom is not None:
                papers.check_sbom(sbom, about["release"])
                about["sbom"] = {"name": sbom.name, "sha256": self._take(sbom)}
            hashed = self._take(file)
            entry = TargetFile(
                file.stat().st_size, {"sha256": hashed}, file.name, {"custom": about}
            )
            listed.signed.targets[file.name] = entry
        self._next(listed)

    def _take(self, file: Path) -> str:
        """Copy it under its hash, as a mirror has it; the hash."""
        hashed = hashlib.sha256(file.read_bytes()).hexdigest()
        shutil.copyfile(file, self.targets / f"{hashed}.{file.name}")
        return hashed

    def drop(self, version: str) -> None:
        """Take this version off the list."""
        listed = self.load("targets")
        kept = {
            name: entry
            for name, entry in listed.signed.targets.items()
            if entry.custom.get("release") != version
        }
        if len(kept) == len(listed.signed.targets):
            raise UserError(f"the list has no release {version}.")
        listed.signed.targets = kept
        self._next(listed)

    def refresh(self) -> None:
        """New dates."""
        self._next(self.load("targets"))

    def _next(self, listed: Metadata[Any]) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        root = self.load("root").signed
        if root.expires - now < RENEW and self._is_root_whole():
            root.expires = now + LIST_LIVES
            self._renew(root)
        snapshot, timestamp = self.load("snapshot"), self.load("timestamp")
        for role, what, lives in (
            ("targets", listed, LIST_LIVES),
            ("snapshot", snapshot, DATE_LIVES),
            ("timestamp", timestamp, DATE_LIVES),
        ):
            what.signed.version += 1
            what.signed.expires = now + lives
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
            if mine not in what.signatures:
                what.sign(signer, append=True)
                self.save(role, what)
                signed.append(role)
        return signed

    def check(self) -> list[str]:
        """The artefacts on the list, each looked at as a home does.  Raises `ReleaseRefused`."""
        names = sorted(self.load("targets").signed.targets)
        root = (self.metadata / "1.root.json").read_bytes()
        with tempfile.TemporaryDirectory() as kept:
            trust.newest(self.read, Path(kept), root)
            for name in names:
                found = trust.genuine(name, self.read, Path(kept), root)
                found.check(self.targets / found.path)
                papers.papers(found.about).check(self.targets)
        return names

    def read(self, name: str) -> Iterator[bytes]:
        """A metadata file, as the mirror gives it.  Raises `KeyError`."""
        try:
            yield (self.metadata / name).read_bytes()
        except OSError as error:
            raise KeyError(name) from error


def _root_of(keys: Sequence[SSlibKey], threshold: int) -> Root:
    if len({key.keyid for key in keys}) < max(threshold, THRESHOLD):
        raise UserError(f"a list is signed by {THRESHOLD} different keys at the least.")
    return Root(
        expires=datetime.now(UTC).replace(microsecond=0) + LIST_LIVES,
        keys={key.keyid: key for key in keys},
        roles={role: Role([key.keyid for key in keys], threshold) for role in ROLES},
        consistent_snapshot=True,
    )


def about_of(artefact: Path) -> dict[str, Any]:
    """What an artefact says of itself.  Raises `UserError` where that is not its name."""
    try:
        with lzma.open(artefact) as packed, tarfile.open(fileobj=packed, mode="r|") as tar:
            first = tar.next()
            content = tar.extractfile(first) if first and first.name == "release.json" else None
            about = json.loads(content.read(10_000)) if content else None
    except (OSError, ValueError, tarfile.TarError, lzma.LZMAError) as error:
        raise UserError(f"{artefact} is no release: {error}.") from error
    if not isinstance(about, dict) or not target.NAME.fullmatch(artefact.name):
        raise UserError(f"{artefact} is no release; `make deb` builds one.")
    if not target.VERSION.fullmatch(str(about.get("release"))):
        raise UserError(f"{artefact} does not say which version it is.")
    fits = target.Fits(int(about["debian"]), about["machine"], about["python"], about["frame"])
    if fits.target(about["release"]) != artefact.name:
        raise UserError(f"{artefact} is called otherwise than what it says of itself.")
    if artefact.stat().st_size > archive.PACKED_MAX_BYTES:
        raise UserError(f"{artefact} is larger than a home takes.")
    return about


def make_key(file: Path, passphrase: bytes) -> None:
    """A new key: `file`, readable by its owner and with the passphrase, and `file.pub`."""
    if file.exists():
        raise UserError(f"{file} is there already.")
    if len(passphrase) < 12:
        raise UserError("a passphrase has 12 characters at the least.")
    key = Ed25519PrivateKey.generate()
    file.touch(mode=0o600)
    file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase))
    )
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    file.with_name(f"{file.name}.pub").write_bytes(public)


def private_key(file: Path, passphrase: bytes) -> Ed25519PrivateKey:
    """Raises `UserError`."""
    try:
        key = load_pem_private_key(file.read_bytes(), passphrase)
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{file} is no key that this passphrase opens.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UserError(f"{file} is no key of ours.")
    return key


def public_key(file: Path) -> SSlibKey:
    """Raises `UserError`."""
    try:
        return SSlibKey.from_crypto(load_pem_public_key(file.read_bytes()))
    except (OSError, ValueError) as error:
        raise UserError(f"{file} is no public key.") from error


def main(argv: list[str] | None = None) -> int:
    """One command; 2 with one sentence when it cannot be done."""
    parser = argparse.ArgumentParser(
        prog="tools.release", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("command", choices=sorted(COMMANDS))
    parser.add_argument("words", nargs="*")
    parser.add_argument("--passphrase-file", type=Path)
    given = parser.parse_args(argv)
    try:
        COMMANDS[given.command](given.words, given.passphrase_file)
    except TryggveError as error:
        print(error.text, file=sys.stderr)
        return 2
    except (ValueError, IndexError):
        wanted = re.search(rf"^ +{given.command} .*$", __doc__ or "", re.MULTILINE)
        print(f"say: {wanted.group().strip() if wanted else given.command}", file=sys.stderr)
        return 2
    return 0


def _passphrase(file: Path | None, *, new: bool = False) -> bytes:
    if file is not None:
        return file.read_bytes().strip()
    said = getpass("Passphrase: ")
    if new and getpass("Once more: ") != said:
        raise UserError("that was another one.")
    return said.encode()


def _key(words: list[str], file: Path | None) -> None:
    [name] = words
    make_key(Path(name), _passphrase(file, new=True))
    print(f"{name}.pub is for whoever begins the list; {name} is for nobody but you.")


def _begin(words: list[str], _file: Path | None) -> None:
    repo, *keys = words
    Repo(Path(repo)).begin([public_key(Path(key)) for key in keys])


def _keys(words: list[str], _file: Path | None) -> None:
    repo, *keys = words
    Repo(Path(repo)).rotate([public_key(Path(key)) for key in keys])


def _add(words: list[str], _file: Path | None) -> None:
    repo, *files = words
    bills = [Path(file) for file in files if file.endswith(".cdx.json")]
    artefacts = [Path(file) for file in files if not file.endswith(".cdx.json")]
    if len(bills) > 1 or not artefacts:
        raise UserError("name artefacts of one version, and the bill that `make sbom` wrote of it.")
    if not bills:
        print("without a bill of materials: whoever asks what is in it is told nothing")
    Repo(Path(repo)).add(artefacts, bills[0] if bills else None)


def _drop(words: list[str], _file: Path | None) -> None:
    repo, version = words
    Repo(Path(repo)).drop(version)


def _refresh(words: list[str], _file: Path | None) -> None:
    [repo] = words
    Repo(Path(repo)).refresh()


def _sign(words: list[str], file: Path | None) -> None:
    repo, key = words
    signed = Repo(Path(repo)).sign(private_key(Path(key), _passphrase(file)))
    print(f"signed: {', '.join(signed) or 'nothing, all had this signature'}")


def _check(words: list[str], _file: Path | None) -> None:
    [repo] = words
    for name in Repo(Path(repo)).check():
        print(name)
    print("A home takes this list.")


def _root(words: list[str], _file: Path | None) -> None:
    [folder] = words
    repo = Repo(Path(folder))
    repo.check()
    trust.ROOT.write_bytes(repo.file("root").read_bytes())
    trust.SEEN.write_bytes(repo.file("timestamp").read_bytes())
    print(f"{trust.ROOT}: programs that are built from here on trust these keys.")


def _pack(words: list[str], _file: Path | None) -> None:
    folder, file = words
    archive.pack(Path(folder), Path(file))


COMMANDS: dict[str, Callable[[list[str], Path | None], None]] = {
    "key": _key,
    "begin": _begin,
    "keys": _keys,
    "add": _add,
    "drop": _drop,
    "refresh": _refresh,
    "sign": _sign,
    "check": _check,
    "root": _root,
    "pack": _pack,
}

if __name__ == "__main__":
    raise SystemExit(main())
