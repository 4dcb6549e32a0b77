"""The tables of administration, on the `MetaData` of `tables`.

- `first_code`: the code with which the first administrator is made; one row at the most;
- `battery_change`: a battery that somebody is asked to change in a visit;
- `rule_trial`: what a rule's other settings would have meant in a home, as it was counted;
- `plan_file`: a file with a plan, looked at before it holds, and what it had changed;
- `change_before`: what the last change of one thing had found there, so that it can be undone;
- `sign_on_provider`: a provider of single sign-on that an organisation set in its pages;
- `sign_on_group`, `sign_on_group_team`: what a group of a provider gives: roles, teams;
- `sign_on_member`: who was in such a group at their last sign-in;
- `sign_on_withheld`: a team that somebody was taken out of, whatever their groups say.

Not for: accounts, homes and what concerns them (`tables`).
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from web.staff.storage.column_types import Utc
from web.staff.storage.tables import metadata

first_code = Table(
    "first_code",
    metadata,
    # of this installation, and so of no organisation; all times are real
    Column("id", Integer, primary_key=True),
    Column("code_hash", Text, nullable=False, unique=True),  # keyed; the journal has the code
    Column("made_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=False),
    Column("tries", Integer, nullable=False, server_default=text("0")),  # that were wrong
    Column("used_at", Utc),
)

rule_trial = Table(
    "rule_trial",
    metadata,
    # no projection: counted from the home's events when somebody asked; gone after a day
    Column("id", Text, primary_key=True),  # random
    Column("home_id", Text, ForeignKey("home.id"), nullable=False, index=True),
    Column("rule", Text, nullable=False),
    Column("change", Text, nullable=False),  # JSON: the keys of the rule that were tried
    Column("asked_by", Text, nullable=False),
    Column("asked_at", Utc, nullable=False),  # real time
    Column("state", Text, nullable=False),  # a `web.staff.foresight.trials.State`
    Column("result", Text),  # JSON: `gateway.replay.what_if.Answer`; None until it is done
)

battery_change = Table(
    "battery_change",
    metadata,
    # beside its events, for whoever goes there: one open for a device
    Column("id", Integer, primary_key=True),
    Column("home_id", Text, ForeignKey("home.id"), nullable=False),
    Column("device", Text, nullable=False),
    Column("planned", Text),  # the plan's id of the visit; None: the next one
    Column("asked_by", Text, nullable=False),
    Column("asked_at", Utc, nullable=False),
    Column("ended_at", Utc),
    Index(
        "uq_battery_change_open",
        "home_id",
        "device",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)

plan_file = Table(
    "plan_file",
    metadata,
    # no projection: gone a day after it was sent
    Column("id", Text, primary_key=True),  # random
    Column("org_id", Text, ForeignKey("organisation.id"), nullable=False, index=True),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", Utc, nullable=False),  # real time
    Column("name", Text, nullable=False),  # the file's
    Column("source", Text, nullable=False),
    Column("home", Text),  # of an iCalendar file's events that name none
    Column("first", Text),  # the days of which the file is all there is; `2026-11-24`
    Column("last", Text),
    Column("data", LargeBinary, nullable=False),
    Column("saved_at", Utc),  # when it became the plan
    Column("before", Text),  # JSON: `web.staff.visits.plan_store.Before`
    Column("undone_at", Utc),
)

change_before = Table(
    "change_before",
    metadata,
    # one row for each thing that was changed: its last change
    Column("id", Text, primary_key=True),  # random, another one for each change
    Column("org_id", Text, ForeignKey("organisation.id"), nullable=False),
    Column("what", Text, nullable=False),  # a `web.staff.people.before.Thing`
    Column("about", Text, nullable=False),  # a person, a home, a team, a ladder
    Column("before", Text, nullable=False),  # JSON
    Column("after", Text, nullable=False),  # JSON
    Column("changed_by", Text),  # None: from the command line
    Column("changed_at", Utc, nullable=False),  # real time
    UniqueConstraint("org_id", "what", "about"),
)

sign_on_provider = Table(
    "sign_on_provider",
    metadata,
    Column("id", Text, primary_key=True),  # a part of the address that it sends people back to
    Column("org_id", Text, ForeignKey("organisation.id"), nullable=False, index=True),
    # JSON, each a `web.staff.signin.providers.Own`, its secret sealed:
    Column("wanted", Text),  # what was written and is not used yet; None: nothing
    Column("used", Text),  # what people sign in with; None: they do not
    Column("changed_at", Utc, nullable=False),  # `wanted`
    Column("used_at", Utc),  # `used`
)

sign_on_group = Table(
    "sign_on_group",
    metadata,
    Column("id", Text, primary_key=True),  # random
    Column("org_id", Text, ForeignKey("organisation.id"), nullable=False),
    Column("issuer", Text, nullable=False),  # the provider's, as accounts are bound to it
    Column("name", Text, nullable=False),  # the group as the provider writes it, letter by letter
    Column("roles", Text, nullable=False),  # JSON: names of `web.staff.core.rights.Role`
    UniqueConstraint("org_id", "issuer", "name"),
)

sign_on_group_team = Table(
    "sign_on_group_team",
    metadata,
    Column("group_id", Text, ForeignKey("sign_on_group.id", ondelete="CASCADE"), primary_key=True),
    Column(
        "team_id", Integer, ForeignKey("team.id", ondelete="CASCADE"), primary_key=True, index=True
    ),
)

sign_on_member = Table(
    "sign_on_member",
    metadata,
    Column("group_id", Text, ForeignKey("sign_on_group.id", ondelete="CASCADE"), primary_key=True),
    Column(
        "user_id", Integer, ForeignKey("user.id", ondelete="CASCADE"), primary_key=True, index=True
    ),
)

sign_on_withheld = Table(
    "sign_on_withheld",
    metadata,
    Column("user_id", Integer, ForeignKey("user.id", ondelete="CASCADE"), primary_key=True),
    Column(
        "team_id", Integer, ForeignKey("team.id", ondelete="CASCADE"), primary_key=True, index=True
    ),
)
