"""Tells that nothing can be saved, by what needs no disk, and tries whether it can again.

Every open screen hears of it (`event: saving`), systemd's status line says it, `/healthz` is not
well, and the journal has one line.  Each worker tries for itself.

Not for: what the state is (`web.staff.storage.saving`), or what screens show
(`web.staff.pages.not_saved`).
"""

from __future__ import annotations

import time
from collections.abc import Callable

from web.staff.care import reads
from web.staff.core.context import Staff
from web.staff.homelink import unsaved_alarms
from web.staff.storage.outage import FAULTS, Refusal, refusal_of
from web.staff.storage.saving import Refused, probe

PROBE_EVERY_S = 5.0
"""Seconds between tries: somebody has just made room, and stands there."""

SAID = {
    Refusal.FULL: "the disk is full",
    Refusal.READ_ONLY: "the disk is read-only",
    Refusal.BROKEN: "the disk answers with errors",
}


class SavingWatch:
    """One worker's; `look` at every round of its watch."""

    def __init__(self, staff: Staff, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._staff = staff
        self._monotonic = monotonic
        self._tried_s: float | None = None
        staff.db.saving.listen(lambda _state: staff.tell_saving())

    def look(self) -> None:
        """Try, when it is time, whether the disk takes anything again.  Raises what is wrong with
        the database otherwise."""
        staff, now_s = self._staff, self._monotonic()
        unsaved_alarms.let_go(staff)
        if staff.db.saving.now is None:
            if staff.unkept:
                reads.keep_unkept(staff)
            return
        if self._tried_s is not None and now_s - self._tried_s < PROBE_EVERY_S:
            return
        self._tried_s = now_s
        try:
            with staff.db.write() as tx:
                probe(tx.conn)
        except FAULTS as error:
            if refusal_of(error) is None:
                raise
            return
        staff.db.saving.took()


def status(state: Refused | None) -> str:
    """For `systemctl status` and `/healthz`: one line; "" when all is saved."""
    if state is None:
        return ""
    return f"saves nothing since {state.since:%Y-%m-%d %H:%M:%S}Z: {SAID[state.why]}"
