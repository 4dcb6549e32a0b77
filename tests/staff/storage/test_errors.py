"""What the database says of a statement that fails names no person: it is logged."""

from __future__ import annotations

import logging
import traceback

import pytest
from flask import Flask
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from tests.staff.parts import add_user
from web.staff.core.context import Staff
from web.staff.storage import tables

SECRET = "Hemlig"


@pytest.mark.parametrize("many", [False, True], ids=["one", "many"])
@pytest.mark.parametrize("wrong", ["twice", "missing"])
def test_what_failed_is_told_without_its_row(
    staff_app: Flask, staff: Staff, many: bool, wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the values that were given nor the row that PostgreSQL says it failed on; that it is
    not unique, or missing, and of which column or index, is told."""
    add_user(staff_app, "p1", ["caregiver"])
    row = {
        "email": f"{SECRET}@prov.example",
        "name": SECRET,
        "org_id": "org1",
        "person_id": SECRET,
        "active": True,
        "fs_uniquifier": SECRET,
        "locale": "sv",
        "created_at": staff.clock.now(),
    }
    if wrong == "missing":
        del row["created_at"]
    rows = [row, {**row, "fs_uniquifier": "x", "person_id": "x"}]
    with pytest.raises(IntegrityError) as caught, staff.write() as tx:
        for given in [rows] if many else rows:
            tx.conn.execute(insert(tables.user), given)
    with caplog.at_level(logging.ERROR):
        logging.getLogger("test").error("it failed", exc_info=caught.value)
    said = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert SECRET not in said
    assert ("created_at" if wrong == "missing" else "email") in said
