"""The home's secrets: systemd credentials first, then files that only the owner can read.

A secret is read from `$CREDENTIALS_DIRECTORY/<name>` (systemd's `LoadCredential=`), else from
`<state>/secrets/<name>`, mode 0600.  There is never a default: what is missing stops the program
with one sentence that says how to make it.

A home that runs keeps a copy of each that it uses, in `<state>/kept/secrets`, and reads that where
the card has spoilt the file: it is empty, cut off, or full of zeros.  A command reads no copy: a
technician is to see what is wrong.

Not for: settings (`gateway.config.home_file`), or making keys (`gateway.link.enrolment`).
"""

from __future__ import annotations

import logging
import os
import re
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from gateway.errors import SecretError

log = logging.getLogger(__name__)

DEFAULT_STATE = Path("/var/lib/tryggve")
"""Where systemd's `StateDirectory=tryggve` puts the home's state."""

HOME_KEY = "home_key"
"""The home's own Ed25519 key, a PEM; `tryggve gateway enroll` makes it."""

KEPT = Path("kept", "secrets")
"""Where copies lie in the state folder."""

SECRET_MAX_BYTES = 100_000
"""A secret is a key or a list of telephone numbers."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}")
_HOW = {HOME_KEY: "enroll the home: tryggve gateway enroll URL CODE"}


def state_dir(option: str | None, environ: Mapping[str, str] = os.environ) -> Path:
    """The home's state folder: the command line's, else systemd's `$STATE_DIRECTORY`, else
    `/var/lib/tryggve`."""
    if option:
        return Path(option)
    given = environ.get("STATE_DIRECTORY", "").split(":")[0]
    return Path(given) if given else DEFAULT_STATE


def write_durably(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace a file so that after a power cut either the old or the new content is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), mode)  # whatever the umask says
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class FileSecrets:
    """`gateway.ports.Secrets` over credentials and files.  `state` is the home's state folder,
    `credentials` systemd's folder, None when there is none; `copies`: one that is spoilt is read
    from its copy."""

    def __init__(
        self, state: Path, credentials: Path | None = None, *, copies: bool = False
    ) -> None:
        self._folder = state / "secrets"
        self._kept = state / KEPT
        self._credentials = credentials
        self._copies = copies
        self.stood_in: dict[str, str] = {}
        """The names of those that were read from a copy, and what is wrong with each."""

    @classmethod
    def from_environment(
        cls, state: Path, environ: Mapping[str, str] = os.environ, *, copies: bool = False
    ) -> FileSecrets:
        """The secrets of this process."""
        given = environ.get("CREDENTIALS_DIRECTORY")
        return cls(state, Path(given) if given else None, copies=copies)

    def path(self, name: str) -> Path:
        """Where a secret that is written is kept.  Raises `SecretError` for no proper name."""
        if not _NAME.fullmatch(name):
            raise SecretError(f"{name!r} is no name of a secret; use a-z, 0-9, '_', '-' and '.'.")
        return self._folder / name

    def has(self, name: str) -> bool:
        """Whether the secret is there at all."""
        return self._find(name) is not None

    def read(self, name: str) -> str:
        """The secret, stripped.  Raises `SecretError`: missing, empty, or others can read it."""
        try:
            text = self._read(name)
            spoilt = "is cut off" if self._copies and self._is_cut_off(name, text) else None
        except SecretError as error:
            copy = self.copy(name) if self._copies else None
            if copy is None or not self._is_there(name):
                raise
            self.stood_in[name] = error.text
            return copy
        if spoilt is None:
            return text
        self.stood_in[name] = f"the secret {self.path(name)} {spoilt}; {self._mend(name)}."
        return self.copy(name) or text

    def copy(self, name: str) -> str | None:
        """The copy of the last one that was good; None: there is none."""
        with suppress(SecretError):
            return self._text(name, self._kept / self.path(name).name, ours=True)
        return None

    def keep(self, names: Iterable[str]) -> None:
        """Keep copies of these, as far as they are good.  Raises `OSError`: the card refuses."""
        for name in names:
            with suppress(SecretError):
                text = self._read(name)
                if self._is_ours(name) and not self._is_cut_off(name, text):
                    self._keep_one(name, text)

    def _keep_one(self, name: str, text: str) -> None:
        if self.copy(name) != text:
            for folder in (self._kept.parent, self._kept):
                folder.mkdir(exist_ok=True, mode=0o700)
            write_durably(self._kept / name, text.encode())

    def _is_cut_off(self, name: str, text: str) -> bool:
        copy = self.copy(name)
        return copy is not None and len(text) < len(copy) and copy.startswith(text)

    def _read(self, name: str) -> str:
        place = self._find(name)
        if place is None:
            raise SecretError(self._missing(name), name=name)
        return self._text(name, *place)

    def _text(self, name: str, path: Path, ours: bool) -> str:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                mode = os.fstat(descriptor).st_mode
                if ours and stat.S_IMODE(mode) & 0o077:
                    raise SecretError(
                        f"the secret {path} can be read by others; run: chmod 600 {path}", name=name
                    )
                raw = file.read(SECRET_MAX_BYTES + 1)
                if len(raw) > SECRET_MAX_BYTES:
                    raise SecretError(f"the secret {path} is too long to be one.", name=name)
                text = raw.decode("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SecretError(
                f"the secret {path} cannot be read ({type(error).__name__}); make it a text file "
                f"that the gateway's user owns, mode 0600.",
                name=name,
            ) from error
        if not text or "\0" in text:
            how = "holds zeros" if text else "is empty"
            raise SecretError(f"the secret {path} {how}; {self._mend(name)}.", name=name)
        return text

    def write(self, name: str, value: str) -> None:
        """Keep a secret (mode 0600), replacing an older one, safe against a power cut.

        Raises `SecretError` when the folder cannot be written."""
        path = self.path(name)
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._folder.chmod(0o700)
            write_durably(path, value.encode())
            (self._kept / name).unlink(missing_ok=True)  # of the one before
        except OSError as error:
            raise SecretError(
                f"the secret {path} cannot be written ({error.strerror}); let the gateway's user "
                f"own {self._folder}.",
                name=name,
            ) from error

    def remove(self, name: str) -> None:
        """Keep a secret that was written no longer.  Raises `SecretError` when the folder cannot be
        written."""
        path = self.path(name)
        try:
            path.unlink(missing_ok=True)
            (self._kept / name).unlink(missing_ok=True)
        except OSError as error:
            raise SecretError(
                f"the secret {path} cannot be removed ({error.strerror}); let the gateway's user "
                f"own {self._folder}.",
                name=name,
            ) from error

    def _find(self, name: str) -> tuple[Path, bool] | None:
        ours = self.path(name)
        if self._credentials is not None and os.path.lexists(self._credentials / name):
            return self._credentials / name, False  # systemd guards these itself (mode 0400)
        return (ours, True) if os.path.lexists(ours) else None

    def _is_there(self, name: str) -> bool:
        """Whether it was there: one that somebody took away stays away, but the home's own key."""
        return name == HOME_KEY or self._find(name) is not None

    def _is_ours(self, name: str) -> bool:
        place = self._find(name)
        return place is not None and place[1]

    def _missing(self, name: str) -> str:
        return (
            f"the secret {name!r} is missing (neither a credential nor {self.path(name)}); "
            f"{self._mend(name)}."
        )

    def _mend(self, name: str) -> str:
        how = _HOW.get(name)
        if how is not None:
            return how
        return f"write it to {self.path(name)} with mode 0600"
