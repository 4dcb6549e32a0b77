"""The quicker way to ask PostgreSQL: the same rows, the same errors, fewer journeys."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from web.staff.storage.database import Database, parse_url
from web.staff.storage.pg_connection import OneJourney


def test_a_statement_is_one_journey_and_an_error_leaves_the_connection_whole(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows, none, and no rows at all come back as before; after an error of the statement, of a
    parameter or of a constraint, and after ones that break a transaction, the next is answered."""
    database = Database(parse_url(f"{postgres_url}shared"))
    asked: list[int] = []
    waits = OneJourney.handle_messages

    def counted(self: Any, context: Any) -> Any:
        asked.append(1)
        return waits(self, context)

    monkeypatch.setattr(OneJourney, "handle_messages", counted)
    with database.read() as conn:
        asked.clear()
        assert conn.execute(text("SELECT CAST(:n AS int) + 1"), {"n": 1}).scalar_one() == 2
        assert len(asked) == 1
        assert conn.execute(text("SELECT 1 WHERE CAST(:n AS int) = 0"), {"n": 1}).all() == []
        for wrong, given in (
            ("SELECT nothing FROM nowhere WHERE 1 = :n", {"n": 1}),
            ("SELECT CAST(:n AS int)", {"n": "many"}),
            ("SELECT 1 / CAST(:n AS int)", {"n": 0}),
        ):
            with pytest.raises(DBAPIError):
                conn.execute(text(wrong), given)
            assert conn.execute(text("SELECT CAST(:n AS text)"), {"n": "é\n"}).scalar_one() == "é\n"
    with database.write() as tx:
        row = {"id": "org-x", "name": "x"}
        tx.conn.execute(text("INSERT INTO organisation (id, name) VALUES (:id, :name)"), row)
        inner = tx.conn.begin_nested()
        with pytest.raises(DBAPIError, match="23505"):
            tx.conn.execute(text("INSERT INTO organisation (id, name) VALUES (:id, :name)"), row)
        inner.rollback()
        gone = tx.conn.execute(text("DELETE FROM organisation WHERE id = :id"), {"id": "org-x"})
        assert gone.rowcount == 1
    database.close()
