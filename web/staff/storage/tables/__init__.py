"""Every table that more than one room of the staff server needs, on one `MetaData` (SQLAlchemy
Core): one file a subject, and all of them are importable from here.

    people        who and where
    signing_in    passkeys, browsers, what was tried and failed
    teams         who works with whom, and in which areas
    link          keys, codes, who listens, what is on its way to a home
    event_log     the truth: events and heads, and what is urgent
    alarms        alarms, and which of them ring together
    night_checks  checks and their plans
    visits        visits that took place, and those that did not
    devices       a home now
    doors         turns of locks, codes, a technician's requests
    second_path   what a home told by itself, and its test alarms
    configs       what a home consists of
    upkeep        releases, trials, hours of SSH
    probe         whether the disk takes anything
    projections   which of all these are folds over events

What one room alone needs stands beside this (`web.staff.storage.ladder_tables` and others), on the
same `MetaData` (`base`).  Every time column is aware UTC (`web.staff.storage.column_types.Utc`).

Not for: queries, or deciding anything.
"""

# ruff: noqa: F403, I001 - each subject's tables are given on, in the order of the list above

from web.staff.storage.tables.base import *
from web.staff.storage.tables.people import *
from web.staff.storage.tables.signing_in import *
from web.staff.storage.tables.teams import *
from web.staff.storage.tables.link import *
from web.staff.storage.tables.event_log import *
from web.staff.storage.tables.alarms import *
from web.staff.storage.tables.night_checks import *
from web.staff.storage.tables.visits import *
from web.staff.storage.tables.devices import *
from web.staff.storage.tables.doors import *
from web.staff.storage.tables.second_path import *
from web.staff.storage.tables.configs import *
from web.staff.storage.tables.upkeep import *
from web.staff.storage.tables.probe import *
from web.staff.storage.tables.projections import *
