"""The server's own hops of an alarm: each channel is tried once a minute, and the dispatcher is
watched.

A channel that fails twice in a row, or a dispatcher that does no rounds, is told once: as an event
of the server (`server.hop_broken`), by `/healthz`, in the answers to homes' test alarms, and to
technicians over the channels that hold, without the dispatcher.  It belongs to no home, so it is
no alarm of one.

Not for: test alarms of homes (`web.staff.homelink.chain_tests`), or what a channel is.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import select

from gateway.envelope import Draft, Event
from gateway.events import AlarmType, ServerHopBroken, ServerHopMended, Severity
from web.staff.channels.contract import Address, Channel, Message
from web.staff.core.context import Staff
from web.staff.core.rights import Role
from web.staff.events import append
from web.staff.ladders.dispatcher import Dispatcher
from web.staff.ladders.receivers import is_usable
from web.staff.storage import alarm_tables, tables

log = logging.getLogger(__name__)

EVERY_S = 60.0
"""Real seconds between two rounds: two that fail are told within three minutes, half of the five in
which a broken hop is to be known."""

TELL_MAX = 20
"""Technicians' addresses that are told of one hop: enough to find one who reads it."""

STOP_TIMEOUT_S = 2.0
"""Seconds to wait for a round when the server stops; a channel under way is left."""

DISPATCHER = "dispatcher"


class ChainWatch:
    """Tries the hops; `look` does one round, `start` repeats it in a thread."""

    def __init__(
        self, staff: Staff, channels: Mapping[str, Channel], dispatcher: Dispatcher
    ) -> None:
        self._staff, self._channels, self._dispatcher = staff, channels, dispatcher
        self._bad: dict[str, str] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look."""
        self._thread = threading.Thread(target=self._run, name="tryggve-chain", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End looking; may be called twice."""
        self._stopping.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(STOP_TIMEOUT_S)

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_S):
            try:
                self.look()
            except Exception:  # the edge: a watch that ended would be silent
                log.exception("the hops of alarms could not be tried")

    def look(self) -> None:
        """One round."""
        before, self._bad = self._bad, self._tried()
        broken = {hop: why for hop, why in self._bad.items() if hop in before}
        self._dispatcher.broken = tuple(sorted(broken.keys() - {DISPATCHER}))
        for event in self._note(broken):
            self._tell(event, broken)

    def _tried(self) -> dict[str, str]:
        """What does not hold now, and why."""
        bad = {}
        for name, channel in self._channels.items():
            health = channel.check()
            if not health.ok:
                bad[name] = health.text
        ill = self._dispatcher.ill()
        if ill is not None:
            bad[DISPATCHER] = ill
        return bad

    def _note(self, broken: Mapping[str, str]) -> list[Event]:
        """Write what changed; of several workers the first does.  Returns what broke."""
        e = tables.event.c
        kinds = (ServerHopBroken.KIND, ServerHopMended.KIND)
        news = []
        with self._staff.write() as tx:
            append.hold(tx, None)
            known: dict[str, bool] = {}
            query = select(e.kind, e.body).where(
                e.origin == append.SERVER_ORIGIN, e.kind.in_(kinds)
            )
            for kind, body in tx.conn.execute(query.order_by(e.seq)):
                known[json.loads(body)["data"]["hop"]] = kind == ServerHopBroken.KIND
            for hop, why in broken.items():
                if not known.get(hop):
                    draft = Draft(ServerHopBroken(hop=hop, why=why))
                    news.append(append.write(self._staff, tx, None, draft))
            for hop, is_broken in known.items():
                if is_broken and hop not in self._bad:
                    append.write(self._staff, tx, None, Draft(ServerHopMended(hop=hop)))
        return news

    def _tell(self, event: Event, broken: Mapping[str, str]) -> None:
        """Tell technicians over what holds, straight: the dispatcher may be what is broken."""
        hop = event.data.hop if isinstance(event.data, ServerHopBroken) else ""
        log.error("a hop of alarms is broken", extra={"hop": hop, "why": broken.get(hop)})
        for name, org, address in self._technicians(broken):
            swedish = address.locale != "en"
            said = (
                f"Larmkedjan är bruten: {hop}" if swedish else f"The alarm chain is broken: {hop}"
            )
            message = Message(
                id=secrets.token_hex(8),
                org=org,
                home="",
                alarm=event.ref,
                type=AlarmType.CHAIN_BROKEN,
                severity=Severity.TECHNICAL,
                raised_at=datetime.now(UTC),
                url=f"{self._staff.config.public_url or ''}/nu",
                said=said,
            )
            self._channels[name].send(message, address)

    def _technicians(self, broken: Mapping[str, str]) -> list[tuple[str, str, Address]]:
        """Channel, organisation and address of technicians, by channels that hold."""
        p, u = alarm_tables.contact_point.c, tables.user.c
        r, ur = tables.role.c, tables.user_role.c
        query = (
            select(p.id, p.channel, p.value, u.locale, u.person_id, u.org_id)
            .join_from(alarm_tables.contact_point, tables.user, u.id == p.user_id)
            .join(tables.user_role, ur.user_id == u.id)
            .join(tables.role, r.id == ur.role_id)
            .where(u.active, r.name == Role.TECHNICIAN, is_usable(), p.channel.in_(self._channels))
            .where(p.channel.not_in(list(broken)))
            .order_by(u.id, p.place)
            .limit(TELL_MAX)
        )
        with self._staff.db.read() as conn:
            return [
                (row.channel, row.org_id, Address(row.id, row.value, row.locale, row.person_id))
                for row in conn.execute(query)
            ]
