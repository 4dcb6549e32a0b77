"""Every kind of event, one frozen class each: what it means, and what it does not.

An event says that something *happened*; it is written once and never changed.  A class here is the
`data` of one kind; the envelope around it (who wrote it, when, why) is `gateway.envelope.Event`.
Kinds are `noun.past_verb` and are never reused.  Ids only: names of people live in an erasable
table at the staff server.  One file a noun: a new kind is written there and is known everywhere,
for the names of all of them are importable from here.  `docs/events.md` is generated from them.

Not for: deciding anything, reading a clock, or any I/O.
"""

# ruff: noqa: F403, I001 - each noun's kinds are given on, in the order in which one reads of them

from gateway.events.base import *
from gateway.events.gateway import *
from gateway.events.devices import *
from gateway.events.sensors import *
from gateway.events.resident import *
from gateway.events.alarm_types import *
from gateway.events.alarms import *
from gateway.events.alarm_way import *
from gateway.events.second_path import *
from gateway.events.checks import *
from gateway.events.plans import *
from gateway.events.configs import *
from gateway.events.locks import *
from gateway.events.visits import *
from gateway.events.grants import *
from gateway.events.server import *
from gateway.events.ladders import *
from gateway.events.absence import *
from gateway.events.places import *
from gateway.events.access import *
from gateway.events.accounts import *
from gateway.events.voice import *
from gateway.events.cameras import *
from gateway.events.looks import *
from gateway.events.updates import *
from gateway.events.ssh import *
from gateway.events.installs import *
from gateway.events.codec import *
