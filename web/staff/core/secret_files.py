"""Secrets from files with mode 0600 or from systemd credentials; never from defaults.

`tryggve staff init` makes them.  Not for: passwords of people (hashed in the database).
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.errors import SecretError

SESSION = "session_key"
"""Signs the session cookies and the forms."""
PASSWORD_PEPPER = "password_pepper"  # noqa: S105 - the name of a secret, not one
"""Goes into every password's hash; without it a stolen database cannot be tried."""
CODE_KEY = "code_key"
"""Keys the hashes of enrolment codes, and of addresses in events."""
FACTOR_KEY = "factor_key"
"""Encrypts what second factors are made of; without it a stolen database makes no codes."""
SIGNING_KEY = "signing_key"
"""PEM, Ed25519: signs grants.  The homes pin its public part."""
PUSH_KEY = "push_key"
"""PEM, P-256: signs pushes (VAPID).  Devices are bound to its public part."""

ALL = (SESSION, PASSWORD_PEPPER, CODE_KEY, FACTOR_KEY, SIGNING_KEY)
"""What no server runs without."""

MADE = (*ALL, PUSH_KEY)
"""What `tryggve staff init` makes, also later where it is missing."""

RANDOM_BYTES = 32
"""256 bits for each random secret."""

CREDENTIAL_PREFIX = "tryggve-staff-"
"""`LoadCredential=tryggve-staff-session_key:…` in the unit."""


class SecretFiles:
    """Reads secrets by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, name: str, *, made_here: bool = True) -> str:
        """The secret, stripped.  Raises `SecretError` with how to make one."""
        credentials = os.environ.get("CREDENTIALS_DIRECTORY")
        if credentials:
            path = Path(credentials) / f"{CREDENTIAL_PREFIX}{name}"
            if path.is_file():
                return self._filled(path, name, made_here)
        path = self.folder / name
        try:
            mode = path.stat().st_mode
        except FileNotFoundError as error:
            mend = "make it with `tryggve staff init`" if made_here else "put it there (mode 0600)"
            raise SecretError(
                f"{path}: the secret {name} is missing; {mend}.",
                file=str(path),
            ) from error
        except OSError as error:
            raise SecretError(
                f"{path}: the secret {name} cannot be read ({error.strerror}); "
                "give this user the right to read it.",
                file=str(path),
            ) from error
        if stat.S_IMODE(mode) & 0o077:
            raise SecretError(
                f"{path}: others may read the secret {name}; run `chmod 600 {path}`, "
                "and make a new one if it may have been seen.",
                file=str(path),
            )
        return self._filled(path, name, made_here)

    def _filled(self, path: Path, name: str, made_here: bool) -> str:
        try:
            text = path.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SecretError(
                f"{path}: the secret {name} cannot be read; give this user the right to read it.",
                file=str(path),
            ) from error
        if len(text) < (RANDOM_BYTES if made_here else 1):
            raise SecretError(
                f"{path}: the secret {name} is empty or too short; remove the file and make it "
                "with `tryggve staff init`.",
                file=str(path),
            )
        return text

    def read_given(self, name: str) -> str:
        """A secret that somebody else made and gave to us, of whatever length (a client secret of
        single sign-on).  Raises `SecretError`."""
        return self.read(name, made_here=False)

    def make_missing(self) -> list[str]:
        """Make every secret that is not there yet; returns the names of the new ones."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        names = []
        for name in MADE:
            if not (self.folder / name).exists():
                self._write(name, _new(name))
                names.append(name)
        return names

    def keep_beside(self, name: str, value: str) -> str:
        """Keep `value` as `<name>.new` until `put_in_place`, and return what is kept there: an
        earlier one that was never put in place stays.  Raises `SecretError`."""
        beside = f"{name}.new"
        if not (self.folder / beside).exists():
            self._write(beside, value)
        return self.read(beside)

    def put_in_place(self, name: str) -> None:
        """Let `<name>.new` take the place of `name`; at any moment one of the two is whole."""
        (self.folder / f"{name}.new").replace(self.folder / name)
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _write(self, name: str, value: str) -> None:
        path = self.folder / name
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(value + "\n")
            file.flush()
            os.fsync(file.fileno())


def _new(name: str) -> str:
    if name in (SIGNING_KEY, PUSH_KEY):
        signs = name == SIGNING_KEY
        key = Ed25519PrivateKey.generate() if signs else ec.generate_private_key(ec.SECP256R1())
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode().strip()
    return secrets.token_urlsafe(RANDOM_BYTES)
