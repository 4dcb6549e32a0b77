"""What costs the staff server's tests time and shows nothing: done once, or made cheap.

A password's hash takes 0.2 s of a processor by intent, and every test signs somebody in; a page's
template, the functions that build addresses and every statement are compiled anew in every
application, which is a third of what these tests take.  Not for: what a test looks at.  The real
hash has its own test (`test_auth.py::test_a_stored_password_is_a_costly_hash`), and servers that
run in a process of their own do all of it for real.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType
from typing import Any

import pytest
from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Engine
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

from web.staff.signin import auth

CHEAP = {"argon2__rounds": 1, "argon2__memory_cost": 8, "argon2__parallelism": 1}
"""The least that argon2 allows: 0.2 ms."""

REAL = dict(auth.ARGON2)

STATEMENTS = 3_000
"""Statements that are kept: all of ours, for both kinds of database."""


class _Compiled(BytecodeCache):
    """Compiled templates by name and source, for as long as this process lives; never written out
    and read again."""

    def __init__(self) -> None:
        self._code: dict[str, CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._code.get(bucket.key + bucket.checksum)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key + bucket.checksum] = bucket.code


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


@contextmanager
def compiled() -> Iterator[None]:
    """What was compiled for one application serves those that are made meanwhile: the function that
    builds an address of a rule, and the text of a statement for a kind of database."""
    builders: dict[object, Callable[..., Any]] = {}
    build = Rule._compile_builder

    def builder(rule: Rule, append_unknown: bool = True) -> Callable[..., Any]:
        defaults = tuple(sorted((rule.defaults or {}).items()))
        key = (rule.rule, tuple(rule._trace), defaults, append_unknown)
        if key not in builders:
            builders[key] = build(rule, append_unknown)
        return builders[key]

    statements: LRUCache[Any, Any] = LRUCache(STATEMENTS)
    begin = Engine.__init__

    def began(engine: Engine, *args: Any, **more: Any) -> None:
        begin(engine, *args, **more)
        engine._compiled_cache = statements

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", builder)
        patch.setattr(Engine, "__init__", began)
        for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg):  # a part of the cache's key
            patch.setattr(dialect, "__eq__", lambda one, other: type(one) is type(other))
            patch.setattr(dialect, "__hash__", lambda one: hash(type(one)))
        yield
