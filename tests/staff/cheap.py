"""What costs the staff server's tests time and shows nothing: done once, or made cheap.

A password's hash takes 0.2 s of a processor by intent, and every test signs somebody in; a page's
template, the rules of addresses and every statement are compiled anew in every application, which
is half of what these tests take.  Not for: what a test looks at.  The real
hash has its own test (`test_auth.py::test_a_stored_password_is_a_costly_hash`), and servers that
run in a process of their own do all of it for real.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType
from typing import Any

import pytest
from flask import Flask
from flask.templating import Environment
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


@contextmanager
def hashes() -> Iterator[None]:
    """Passwords are hashed quickly by every application that is made meanwhile."""
    auth.ARGON2.update(CHEAP)
    yield
    auth.ARGON2.update(REAL)


@dataclass(frozen=True, slots=True)
class _Rule:
    """What Werkzeug makes of an address's text; nothing of it is changed afterwards."""

    parts: list[Any]
    trace: list[tuple[bool, str]]
    converters: dict[str, Any]
    arguments: frozenset[str]
    build: Callable[..., Any]
    build_unknown: Callable[..., Any]

    @classmethod
    def of(cls, rule: Rule) -> _Rule:
        """What was made of `rule`, whose functions are bound to it."""
        builders = [method.__func__ for method in (rule._build, rule._build_unknown)]  # type: ignore[attr-defined]
        arguments = frozenset(rule.arguments)
        return cls(rule._parts, rule._trace, rule._converters, arguments, *builders)

    def give(self, rule: Rule) -> None:
        """To another rule of the same text."""
        rule._parts, rule._trace, rule._converters = self.parts, self.trace, self.converters
        rule.arguments |= self.arguments
        rule._build = self.build.__get__(rule, None)
        rule._build_unknown = self.build_unknown.__get__(rule, None)


@contextmanager
def compiled() -> Iterator[None]:
    """What was compiled for one application serves those that are made meanwhile: what a rule
    matches, the functions that build its address, the text of a statement for a kind of database,
    and what a template does."""
    rules: dict[object, _Rule] = {}
    compile_rule = Rule.compile

    def compiled_once(rule: Rule) -> None:
        defaults = tuple(sorted((rule.defaults or {}).items()))
        where = (rule.host, rule.subdomain, rule.map.host_matching)
        key = (type(rule), rule.rule, where, rule.merge_slashes, defaults)
        if key not in rules:
            compile_rule(rule)
            rules[key] = _Rule.of(rule)
        rules[key].give(rule)

    statements: LRUCache[Any, Any] = LRUCache(STATEMENTS)
    begin = Engine.__init__

    def began(
        engine: Engine,
        pool: Any,
        dialect: Any,
        url: Any,
        hide_parameters: bool = False,
        **more: Any,
    ) -> None:  # by their names: `create_engine` looks for which there are
        begin(engine, pool, dialect, url, hide_parameters=hide_parameters, **more)
        engine._compiled_cache = statements

    make = Flask.create_jinja_environment

    def environment(app: Flask) -> Environment:
        made = make(app)
        made.bytecode_cache = _COMPILED
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flask, "create_jinja_environment", environment)
        patch.setattr(Rule, "compile", compiled_once)
        patch.setattr(Engine, "__init__", began)
        for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg):  # a part of the cache's key
            patch.setattr(dialect, "__eq__", lambda one, other: type(one) is type(other))
            patch.setattr(dialect, "__hash__", lambda one: hash(type(one)))
        yield
