"""What costs the staff server's tests time and shows nothing: done once, or made cheap.

A password's hash takes 0.2 s of a processor by intent, and every test signs somebody in; a page's
template is compiled anew in every application.  Not for: what a test looks at.  The real hash has
its own test (`test_auth.py::test_a_stored_password_is_a_costly_hash`), and servers that run in a
process of their own hash for real.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

from web.staff.signin import auth

CHEAP = {"argon2__rounds": 1, "argon2__memory_cost": 8, "argon2__parallelism": 1}
"""The least that argon2 allows: 0.2 ms."""

REAL = dict(auth.ARGON2)


class _Compiled(BytecodeCache):
    """Compiled templates by name and source, for as long as this process lives."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        code = self._code.get(bucket.key + bucket.checksum)
        if code is not None:
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key + bucket.checksum] = bucket.bytecode_to_string()


_COMPILED = _Compiled()


def keep_templates(app: Flask) -> Flask:
    """Let `app` use what another application of this process has compiled; returns it."""
    app.jinja_env.bytecode_cache = _COMPILED
    return app


@contextmanager
def hashes() -> Iterator[None]:
    """Passwords are hashed quickly by every application that is made meanwhile."""
    auth.ARGON2.update(CHEAP)
    yield
    auth.ARGON2.update(REAL)
