"""Which of the staff server's tests run on PostgreSQL too, and why.

The rule: a test runs on both databases when what it shows can differ there: how a statement is
written or planned, what is locked while two act at once, what a trigger or a notification does,
how a type comes back (times, bytes, JSON, booleans).  Who may do what, what a page says and how a
request is refused is the same Python over rows already read: it runs on SQLite alone.  A run
of everything names at its end each module that sends statements and never sent one to PostgreSQL
(`tests/staff/reach.py`).  Migrations have both kinds in `test_schema.py`.

Not for: databases themselves (`conftest.py`, `postgres.py`).
"""

from __future__ import annotations

ON_BOTH = {
    "test_ingest": "events are appended: order, conflicts, the same twice; bodies, hashes, times",
    "test_urgent": "the same event over two lanes: inserted once, whichever comes first",
    "test_server": "killed under load; several workers",
    "test_live": "screens are told by LISTEN and NOTIFY",
    "test_watch": "who leads among workers; silence is counted in the database's times",
    "test_turnstile.test_only_sqlite_has_one": "one at a time on SQLite, many at once elsewhere",
    "test_actions": "two people act on one alarm: what is locked, who is first",
    "test_turning": "one order at a time, with a time-out in the statement",
    "test_visit_actions": "who is there now, and corrections: statements over spans of time",
    "test_visit_export": "a month's visits in one statement",
    "test_plan": "a plan is merged into what is there: updates, withdrawals, spans of time",
    "test_access_log": "rows that a trigger guards against change",
    "test_auth_sessions": "written by Flask-Security's mapper; times with and without a zone",
    "test_auth_factors": "passkeys and codes: bytes, lists, and counters that only rise",
    "test_rotation": "two keys of a home at once",
    "test_link.test_a_code_works_once": "used by one of two who try",
    "test_link.test_the_stream_has_everything_in_order": "read in order, from a position",
    "test_link.test_a_long_absence_is_caught_up": "read in pieces, from a position",
    "test_plan_api.test_a_plan_in_json": "a token found by its hash; all or nothing",
    "test_cli_people.test_a_team_works_where_its_areas_are": "who works where: five tables joined",
    "test_taking_back.test_one_home_ends_with_what_was_live_there": "many rows change at once",
    "test_taking_back.test_a_lost_phone_is_signed_out_and_its_codes_are_void": "the same",
    "test_service.test_requests_are_counted_for_those_who_may_answer": "counted by the database",
    "pages.test_queries": "each page's statements: filtered, searched, paged, the same answer",
}
"""Module, or module and test, to what can differ."""


def on_both(module: str, test: str) -> bool:
    """Whether a test (`tests.staff.test_ingest`, `test_…`) runs on both kinds of database."""
    name = module.removeprefix("tests.staff.")
    return name in ON_BOTH or f"{name}.{test}" in ON_BOTH
