"""The table of looks while they are begun and go on, on the `MetaData` of `tables`.

No projection: who looked stands in the events.  Not for: pictures (`realtime.pictures`).
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Table, Text

from web.staff.storage.column_types import Utc
from web.staff.storage.tables import metadata

look_session = Table(
    "look_session",
    metadata,
    # a look for the page that began it, and so that two never look at once; gone after a day
    Column("id", Text, primary_key=True),  # random: its first permit's
    Column("home_id", Text, ForeignKey("home.id"), nullable=False, index=True),
    Column("camera", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("reason", Text, nullable=False),  # a `LookWhy`
    Column("check", Text),
    Column("alarm", Text),  # the id of the alarm's row
    Column("state", Text, nullable=False),  # asked answered relaying begun ended refused
    Column("why", Text, nullable=False),  # of the end or the refusal
    Column("answer", Text, nullable=False),  # the home's end, until the look is over
    Column("key", Text, nullable=False),  # the home's, for sealed pictures, until it is over
    Column("extended", Boolean, nullable=False),  # a second permit was given
    Column("made_at", Utc, nullable=False),  # real time
    Column("until", Utc, nullable=False),  # real time: over then, whatever the home says
)
