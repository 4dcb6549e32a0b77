"""The parts of a running home that its own page shows and that a self-test tries: a port.

The composition root has them all; who reads them needs to know no more than this.  Not for: making
them (`gateway.app.home`).
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Protocol

from gateway.app.configuration import Configuration
from gateway.app.install_parts import InstallParts
from gateway.app.root_parts import RootParts
from gateway.app.second_path import PathParts
from gateway.clock import Clock
from gateway.config.home_file import HomeConfig
from gateway.doors.code_entry import CodeEntry
from gateway.doors.orders import LockOrders
from gateway.doors.page_pin import PinEntry
from gateway.engine.engine import Engine
from gateway.engine.log_folder import LogFolder
from gateway.link.enrolment import Enrolment
from gateway.link.uplink import Uplink
from gateway.services.clock_watch import ClockWatch
from gateway.services.driver_supervisor import DriverSupervisor
from gateway.services.slot_ringer import SlotRinger
from gateway.state.home_view import HomeView


class HomeParts(Protocol):
    """Read anew at each use: `view` is another one after the log was folded anew.  `uplink` None:
    this home has no server, and so `enrolment`
    and `second_path`."""

    config: HomeConfig
    configuration: Configuration
    installs: InstallParts
    clock: Clock
    started_at: datetime
    loop: asyncio.AbstractEventLoop
    log_folder: LogFolder
    engine: Engine
    view: HomeView
    clock_watch: ClockWatch
    slot_ringer: SlotRinger
    root_parts: RootParts
    supervisor: DriverSupervisor
    lock_orders: LockOrders
    code_entry: CodeEntry
    pin_entry: PinEntry
    enrolment: Enrolment | None
    uplink: Uplink | None
    second_path: PathParts | None
