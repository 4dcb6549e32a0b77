"""The home's secrets: systemd credentials first, then files that only the owner can read.

A secret is read from `$CREDENTIALS_DIRECTORY/<name>` (systemd's `LoadCredential=`), else from
`<state>/secrets/<name>`, mode 0600.  There is never a default: what is missing stops the program
with one sentence that says how to make it.

Not for: settings (`gateway.config.home_file`), or making keys (`gateway.link.enrolment`).
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from gateway.errors import SecretError

DEFAULT_STATE = Path("/var/lib/tryggve")
"""Where systemd's `StateDirectory=tryggve` puts the home's state."""

HOME_KEY = "home_key"
"""The home's own Ed25519 key, a PEM; `tryggve gateway enroll` makes it."""

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
    `credentials` systemd's folder, None when there is none."""

    def __init__(self, state: Path, credentials: Path | None = None) -> None:
        self._folder = state / "secrets"
        self._credentials = credentials

    @classmethod
    def from_environment(cls, state: Path, environ: Mapping[str, str] = os.environ) -> FileSecrets:
        """The secrets of this process."""
        given = environ.get("CREDENTIALS_DIRECTORY")
        return cls(state, Path(given) if given else None)

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
        place = self._find(name)
        if place is None:
            raise SecretError(self._missing(name), name=name)
        path, ours = place
        try:
            mode = path.stat().st_mode
            if ours and stat.S_IMODE(mode) & 0o077:
                raise SecretError(
                    f"the secret {path} can be read by others; run: chmod 600 {path}", name=name
                )
            text = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SecretError(
                f"the secret {path} cannot be read ({type(error).__name__}); make it a text file "
                f"that the gateway's user owns, mode 0600.",
                name=name,
            ) from error
        if not text:
            raise SecretError(f"the secret {path} is empty; {self._mend(name)}.", name=name)
        return text

    def write(self, name: str, value: str) -> None:
        """Keep a secret (mode 0600), replacing an older one, safe against a power cut.

        Raises `SecretError` when the folder cannot be written."""
        path = self.path(name)
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._folder.chmod(0o700)
            write_durably(path, value.encode())
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
        except OSError as error:
            raise SecretError(
                f"the secret {path} cannot be removed ({error.strerror}); let the gateway's user "
                f"own {self._folder}.",
                name=name,
            ) from error

    def _find(self, name: str) -> tuple[Path, bool] | None:
        ours = self.path(name)
        if self._credentials is not None and (self._credentials / name).is_file():
            return self._credentials / name, False  # systemd guards these itself (mode 0400)
        return (ours, True) if ours.is_file() else None

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
