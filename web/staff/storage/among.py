"""`column IN (…)` with one parameter, however many values there are.

A list of parameters as long as the list of homes makes every statement grow with the organisation:
it is compiled anew for each length, and a database takes a limited number (SQLite 32,766,
PostgreSQL 65,535).  Here the values travel as one text, a JSON array that the database takes apart.

Not for: short lists of our own words (kinds, states): `in_` says those.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Table, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from web.staff.storage.storable import storable


class _Among(FunctionElement[bool]):
    """A column of text, and the list of its values as JSON."""

    name = "among"
    type = Boolean()
    inherit_cache = True
    _is_implicitly_boolean = True  # else SQLite is asked for `… = 1`, and uses no index


class _AmongPairs(FunctionElement[bool]):
    """The columns `origin` and `seq`, and the list of their pairs as JSON."""

    name = "among_pairs"
    type = Boolean()
    inherit_cache = True
    _is_implicitly_boolean = True  # else SQLite is asked for `… = 1`, and uses no index


def among(column: ColumnElement[Any], values: Collection[str]) -> ColumnElement[bool]:
    """Whether a column of text is one of these values; of none, nothing is."""
    return _Among(column, bindparam(None, _listed(frozenset(values)), type_=Text))


def among_refs(table: Table, pairs: Collection[tuple[str, int]]) -> ColumnElement[bool]:
    """Whether a row of `event` or `urgent` is one of these, by origin and number."""
    fit = [(origin, seq) for origin, seq in pairs if storable(origin) and seq <= SEQ_MAX]
    return _AmongPairs(table.c.origin, table.c.seq, _packed(fit))


SEQ_MAX = 2**63 - 1
"""The largest number that a column of numbers holds: a larger one is nobody's."""


@lru_cache(maxsize=64)
def _listed(values: frozenset[str]) -> str:
    """The JSON array of these values: a page asks a dozen times for the same homes."""
    return json.dumps(sorted(value for value in values if storable(value)), ensure_ascii=False)


def _packed(values: Collection[object]) -> ColumnElement[str]:
    return bindparam(None, json.dumps(sorted(values), ensure_ascii=False), type_=Text)


@compiles(_Among, "sqlite")
def _among_sqlite(element: _Among, compiler: SQLCompiler, **more: Any) -> str:
    column, values = (compiler.process(clause, **more) for clause in element.clauses)
    return f"({column} IN (SELECT value FROM json_each({values})))"  # noqa: S608 - our own names


@compiles(_Among, "postgresql")
def _among_postgres(element: _Among, compiler: SQLCompiler, **more: Any) -> str:
    column, values = (compiler.process(clause, **more) for clause in element.clauses)
    array = f"ARRAY(SELECT jsonb_array_elements_text(CAST({values} AS jsonb)))"
    return f"({column} = ANY({array}))"


@compiles(_AmongPairs, "sqlite")
def _pairs_sqlite(element: _AmongPairs, compiler: SQLCompiler, **more: Any) -> str:
    origin, seq, pairs = (compiler.process(clause, **more) for clause in element.clauses)
    # without the casts SQLite looks at every event of the origin
    parts = (
        "CAST(json_extract(value, '$[0]') AS TEXT), CAST(json_extract(value, '$[1]') AS INTEGER)"
    )
    listed = f"SELECT {parts} FROM json_each({pairs})"  # noqa: S608 - our own names
    return f"(({origin}, {seq}) IN ({listed}))"


@compiles(_AmongPairs, "postgresql")
def _pairs_postgres(element: _AmongPairs, compiler: SQLCompiler, **more: Any) -> str:
    origin, seq, pairs = (compiler.process(clause, **more) for clause in element.clauses)
    array = f"jsonb_array_elements(CAST({pairs} AS jsonb)) AS pair"
    listed = f"SELECT pair->>0, CAST(pair->>1 AS bigint) FROM {array}"  # noqa: S608 - our own names
    return f"(({origin}, {seq}) IN ({listed}))"
