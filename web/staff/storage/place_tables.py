"""The tables of places and of consent, on the `MetaData` of `tables`.

- `consent`: what a resident agreed to, when, who asked and how; withdrawn or not;
- `cohabitant`, `cohabitant_consent`: who else lives there, by role, and whether they agreed to
  looks;
- `home_point`: where a home lies, as somebody said it;
- `tracker`: a transponder or a phone that tells where one resident is, with the hash of its token;
- `zone`: where that resident may be without anybody being called;
- `position`: the fixes themselves, the only coordinates of a person that are kept; erased after
  `organisation.position_retain_days`;
- `outing`: when somebody was outside their zones, and the alarm about it; no coordinates;
- `place_look`: who may look at positions now without an alarm, and on what ground.

Not for: judging fixes (`web.staff.places.leaving`).
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from web.staff.storage.column_types import Utc
from web.staff.storage.tables import metadata

consent = Table(
    "consent",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("home_id", Text, ForeignKey("home.id"), nullable=False, index=True),
    Column("resident", Text, ForeignKey("resident.id"), nullable=False, index=True),
    Column("about", Text, nullable=False),  # a `gateway.events.ConsentAbout`
    Column("subject", Text, nullable=False, server_default=text("''")),  # which relative, if one
    Column("asked_on", Text, nullable=False),  # the day on which it was given, `2026-11-23`
    Column("asked_by", Text, nullable=False),  # the person id of who asked
    Column("how", Text, nullable=False),  # a `gateway.events.ConsentHow`
    Column("noted_at", Utc, nullable=False),
    Column("withdrawn_at", Utc),
    Column("withdrawn_by", Text),
)

cohabitant = Table(
    "cohabitant",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("home_id", Text, ForeignKey("home.id"), nullable=False, index=True),
    Column("role", Text, nullable=False),  # a `gateway.events.Cohabitant`; never a name
    Column("noted_at", Utc, nullable=False),
    Column("noted_by", Text, nullable=False),
    Column("gone_at", Utc),  # moved out
)

cohabitant_consent = Table(
    "cohabitant_consent",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("home_id", Text, ForeignKey("home.id"), nullable=False, index=True),
    Column("cohabitant_id", Integer, ForeignKey("cohabitant.id"), nullable=False, index=True),
    Column("asked_on", Text, nullable=False),  # the day on which it was given
    Column("asked_by", Text, nullable=False),
    Column("how", Text, nullable=False),  # a `gateway.events.ConsentHow`
    Column("noted_at", Utc, nullable=False),
    Column("withdrawn_at", Utc),
    Column("withdrawn_by", Text),
)

home_point = Table(
    "home_point",
    metadata,
    Column("home_id", Text, ForeignKey("home.id"), primary_key=True),
    Column("lat", Float, nullable=False),  # degrees, WGS 84
    Column("lon", Float, nullable=False),
)

tracker = Table(
    "tracker",
    metadata,
    Column("id", Text, primary_key=True),  # says nothing; the `device` of events
    Column("home_id", Text, ForeignKey("home.id"), nullable=False, index=True),
    Column("resident", Text, ForeignKey("resident.id"), nullable=False),
    Column("name", Text, nullable=False),  # what staff call it: "Skosulan"
    Column("token_sha256", Text, nullable=False, unique=True),  # the token is shown once
    Column("silent_after_h", Integer, nullable=False),
    Column("made_at", Utc, nullable=False),
    Column("heard_at", Utc),  # when it was last heard, whatever it said
    Column("battery_pct", Integer),
    Column("battery_at", Utc),  # the time of the fix that told it
    Column("silent_alarm", Text),  # the open alarm about its silence; None: there is none
    Column("battery_alarm", Text),
    Column("revoked_at", Utc),
)

zone = Table(
    "zone",
    metadata,
    Column("id", Text, primary_key=True),
    Column("home_id", Text, ForeignKey("home.id"), nullable=False, index=True),
    Column("resident", Text, ForeignKey("resident.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("shape", Text, nullable=False),  # JSON: a circle, or the corners of a polygon
    Column("from_min", Integer),  # minutes of the home's day; None: around the clock
    Column("to_min", Integer),
    Column("made_at", Utc, nullable=False),
    Column("removed_at", Utc),
)

position = Table(
    "position",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("tracker_id", Text, ForeignKey("tracker.id", ondelete="CASCADE"), nullable=False),
    Column("home_id", Text, ForeignKey("home.id"), nullable=False, index=True),
    Column("resident", Text, ForeignKey("resident.id"), nullable=False, index=True),
    Column("at", Utc, nullable=False),  # of the fix
    Column("lat", Float, nullable=False),
    Column("lon", Float, nullable=False),
    Column("acc_m", Float),  # None: the device did not say
    Column("received_at", Utc, nullable=False),
    UniqueConstraint("tracker_id", "at"),
    Index("ix_position_at", "at"),
)

outing = Table(
    "outing",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("tracker_id", Text, ForeignKey("tracker.id", ondelete="CASCADE"), nullable=False),
    Column("home_id", Text, ForeignKey("home.id"), nullable=False, index=True),
    Column("resident", Text, ForeignKey("resident.id"), nullable=False),
    Column("left_at", Utc, nullable=False),  # of the first fix outside
    Column("until", Utc),  # None: outside still
    Column("ended", Text),  # a `web.staff.places.leaving.Ended`
    Column("alarm", Text),  # the alarm that stands for it; None: it was over when it was seen
    Index("ix_outing_tracker", "tracker_id", "left_at"),
)

place_look = Table(
    "place_look",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("home_id", Text, ForeignKey("home.id"), nullable=False, index=True),
    Column("person", Text, nullable=False),
    Column("why", Text, nullable=False),  # a `web.staff.places.looks.LookWhy`
    Column("until", Utc, nullable=False),
)
