"""Rows as pages read them are the tables as they are."""

from __future__ import annotations

import dataclasses
import typing
from datetime import datetime
from types import NoneType
from typing import Any

import pytest
from sqlalchemy import Boolean, Float, Integer, Table, Text

from web.staff.storage import rows, tables
from web.staff.storage.column_types import Utc

CLASSES = [
    (rows.AlarmRow, tables.alarm),
    (rows.CheckRow, tables.night_check),
    (rows.VisitRow, tables.visit),
    (rows.DeviceRow, tables.device),
    (rows.HomeRow, tables.home_state),
    (rows.TurnRow, tables.turn),
    (rows.RequestRow, tables.service_request),
    (rows.AsideRow, tables.set_aside),
    (rows.ChainRow, tables.chain_test),
]

TYPES = {Text: str, Utc: datetime, Boolean: bool, Float: float, Integer: int}

ALWAYS = {
    rows.RequestRow: {"person", "device", "action", "asked_at"},
    rows.AsideRow: {"event", "why", "asked_by", "asked_at"},
}
"""Columns that may be empty in the table and never are: a row begins with all of them."""


def python_type(column: Any) -> type:
    return next(told for kind, told in TYPES.items() if isinstance(column.type, kind))


@pytest.mark.parametrize(("cls", "table"), CLASSES)
def test_a_row_has_its_tables_columns(cls: Any, table: Table) -> None:
    """The same names in the same order, of the same types, and None where the table has NULL: a row
    is made by position, so a column in between would shift all that follow."""
    hints = typing.get_type_hints(cls)
    told = [
        (field.name, set(typing.get_args(hints[field.name])) or {hints[field.name]})
        for field in dataclasses.fields(cls)
    ]
    real = [
        (
            column.name,
            {python_type(column)}
            | ({NoneType} if column.nullable and column.name not in ALWAYS.get(cls, ()) else set()),
        )
        for column in table.columns
    ]
    assert told == real


def test_each_class_of_rows_is_held_to_a_table() -> None:
    """A class that is missing above would be held to nothing."""
    named = {cls for cls in vars(rows).values() if dataclasses.is_dataclass(cls)}
    assert named == {cls for cls, _ in CLASSES}
