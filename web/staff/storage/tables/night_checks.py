"""Night checks, and the plans that they come from, each as it was set and as the home holds it.

Not for: a look during one (`web.staff.storage.look_tables`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text, text

from web.staff.storage.column_types import Utc
from web.staff.storage.tables.base import metadata

night_check = Table(
    "night_check",
    metadata,
    Column("home_id", Text, primary_key=True),
    Column("check", Text, primary_key=True),  # `<plan>@<UTC minute>`
    # planned due asked started answered done missed unreported escalated withdrawn
    Column("state", Text, nullable=False),
    Column("state_at", Utc, nullable=False),
    Column("slot", Utc),
    Column("report_by", Utc),
    Column("asked_at", Utc),
    Column("asked_ref", Text),  # the `check.asked` that asked last
    Column("answer_by", Utc),
    Column("attempt", Integer),
    Column("why", Text),  # of the last asked, missed or escalated
    Column("started_by", Text),
    Column("started_at", Utc),
    Column("answered_by", Text),
    Column("answered_at", Utc),
    Column("finding", Text),
    Column("looked", Text),
    Column("done_by", Text),  # `sensor` or `watcher`
    Column("closed_at", Utc),  # when done, missed, escalated or withdrawn
    Column("unreported_at", Utc),  # the server missed its report; stays when it comes later
    Column("closed_ref", Text),  # the event that closed it
    Column("before_by", Text),  # who had it before, without an answer
    Column("before_at", Utc),  # when that ended
    Column("before_why", Text),  # `lapsed` or `taken_over`
    Column("visit_asked_at", Utc),  # the server said that somebody must go there
    Column("visit_why", Text),
    Column("visit_by", Text),  # who goes
    Column("visit_by_at", Utc),
    Column("settled_at", Utc),  # told by hand: nobody needs to go
    Column("settled_by", Text),
    Column("settled_why", Text),  # a `gateway.events.Settled`
    Column("settled_ref", Text),  # the words beside it: `visit_note`
    Column("look", Text),  # the newest look for it
    Column("look_by", Text),
    Column("look_state", Text),  # permitted begun ended refused
    Column("look_at", Utc),
    Column("look_why", Text),  # of one that ended or was refused
    Column("look_pictures", Integer),
    Index("ix_night_check_slot", "home_id", "slot"),
    Index("ix_night_check_night", "slot"),
    Index(
        "ix_night_check_open",
        "report_by",
        sqlite_where=text("closed_at IS NULL"),
        postgresql_where=text("closed_at IS NULL"),
    ),
)

# a home's plans of night checks, each as it was set
check_plan = Table(
    "check_plan",
    metadata,
    Column("home_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("set_at", Utc),
    Column("set_by", Text),  # a person id; None: on the server itself
    Column("set_seq", BigInteger),  # of its event: whether the home has it
    Column("terms", Text),  # a `gateway.events.PlanTerms` as JSON
)

# which of them the home holds, and whether looks were agreed to
plan_state = Table(
    "plan_state",
    metadata,
    Column("home_id", Text, primary_key=True),
    Column("held", Integer),  # the number that the home said last; 0: its file's; None: never
    Column("held_at", Utc),
    Column("held_looks", Boolean),  # whether the home knows that looks were agreed to
    Column("refused", Integer),  # the newest number that it refused
    Column("refused_at", Utc),
    Column("refused_why", Text),  # a `gateway.events.PlanRefusal`
    Column("looks_agreed", Boolean),  # as the server settled it; None: never
    Column("looks_at", Utc),
)
