"""Whom this home tells itself: the server's event, and the signed list of numbers beside it.

Both are in one file that only the gateway's user can read, `<state>/secrets/second_path`: it
outlives restarts, weeks without a server, and the pruning of the log.  The list is believed when
the server's key signed it and the event names it by its digest; it may come before or after its
event.  What the disk refuses to keep is used from memory, and comes again with the next stream.

Not for: telling anybody (`teller`), or making the list (the server).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.access import receiver_lists
from gateway.access.receiver_lists import BadList, ReceiverList
from gateway.config.secrets import FileSecrets
from gateway.envelope import Event
from gateway.errors import SecretError, TryggveError
from gateway.events import (
    AlarmType,
    AnyAlarmType,
    HomeSecondPathSet,
    PathReceiver,
    Severity,
    from_fields,
    to_fields,
)
from gateway.services.key_offers import Background

log = logging.getLogger(__name__)

FILE = "second_path"
"""The secret's name."""

PENDING_MAX = 4
"""Lists that wait for their event: the stream brings the event first, so rarely even one."""


class ReceiversFile:
    """What this home holds.  `keys` are the server's that are good now; `background` writes beside
    the loop.  Everything else in the loop."""

    def __init__(
        self,
        home: str,
        secrets: FileSecrets,
        keys: Callable[[], Mapping[str, Ed25519PublicKey]],
        background: Background,
    ) -> None:
        self._home, self._secrets, self._keys = home, secrets, keys
        self._background = background
        self._pending: dict[str, tuple[str, ReceiverList]] = {}
        self._seq = 0
        self._set: Mapping[str, Any] = {}
        """The event's data as the server wrote them, for a version that reads more of it."""
        self._token: str | None = None
        self.settings: HomeSecondPathSet | None = None
        """None: the server has said nothing about it yet."""
        self._listed: ReceiverList | None = None
        self._load()

    @property
    def path(self) -> Path:
        """Where it is kept."""
        return self._secrets.path(FILE)

    @property
    def label(self) -> str | None:
        """What the home may be called outside; None: not at all."""
        return None if self._listed is None else self._listed.label

    @property
    def cid(self) -> str | None:
        """What an alarm centre knows the home by; None: nothing."""
        return None if self._listed is None else self._listed.cid

    @property
    def complete(self) -> bool:
        """Whether the numbers of the receivers are here, where there are receivers."""
        return self.settings is None or not self.settings.receivers or self._listed is not None

    def receivers(self, severity: Severity) -> tuple[PathReceiver, ...]:
        """Who is told of alarms so severe, in their order."""
        if self.settings is None:
            return ()
        return tuple(one for one in self.settings.receivers if one.told is severity)

    def wanted(self, about: AnyAlarmType, severity: Severity) -> tuple[PathReceiver, ...]:
        """Who is told of such an alarm, in their order.  Of care that this version does not
        understand as well: it may be one of those that cannot wait."""
        known = isinstance(about, AlarmType) and about is not AlarmType.NOT_UNDERSTOOD
        if severity is Severity.CARE and known and self.settings is not None:
            return self.receivers(severity) if about in self.settings.types else ()
        return self.receivers(severity)

    def address(self, receiver: str) -> str | None:
        """A receiver's number or address; None: it is not known."""
        return None if self._listed is None else self._listed.to.get(receiver)

    # --- what the server says ---------------------------------------------------------------------

    def apply(self, event: Event) -> None:
        """Fold one event: the newest that the server wrote counts."""
        data = event.data
        if not isinstance(data, HomeSecondPathSet) or event.origin != f"staff:{self._home}":
            return
        if event.seq <= self._seq:
            return
        self._seq, self.settings = event.seq, data
        self._set = to_fields(data) if event.as_written is None else event.as_written
        if self._listed is None or self._listed.digest() != data.digest:
            self._token, self._listed = self._pending.pop(data.digest, (None, None))
        self._keep()

    def offered(self, token: str) -> None:
        """The server sent a list; one that it did not sign for this home is passed over."""
        if token == self._token:
            self._keep()
            return
        try:
            listed = receiver_lists.read(token, self._home, self._keys())
        except BadList as error:
            log.warning("a list of receivers is not taken", extra={"why": str(error)})
            return
        digest = listed.digest()
        if self.settings is not None and self.settings.digest == digest:
            self._token, self._listed = token, listed
            self._keep()
            return
        self._pending[digest] = (token, listed)
        while len(self._pending) > PENDING_MAX:
            self._pending.pop(next(iter(self._pending)))

    # --- the file ---------------------------------------------------------------------------------

    def _keep(self) -> None:
        if self.settings is None:
            return
        held = {"seq": self._seq, "set": dict(self._set), "list": self._token}
        text = json.dumps(held, ensure_ascii=False)
        self._background(lambda: self._write(text))

    def _write(self, text: str) -> None:
        try:
            if self._secrets.has(FILE) and self._secrets.read(FILE) == text:
                return
            self._secrets.write(FILE, text)
        except (OSError, SecretError):
            log.exception("whom to tell could not be kept")

    def _load(self) -> None:
        """What an earlier run kept; a file that cannot be used is none, and comes again."""
        try:
            if not self._secrets.has(FILE):
                return
            held = json.loads(self._secrets.read(FILE))
            kept = from_fields(HomeSecondPathSet.KIND, held["set"])
            if not isinstance(kept, HomeSecondPathSet):
                return
            seq, token = int(held["seq"]), held["list"]
            if token is not None:
                listed = receiver_lists.read(token, self._home, None)
                if listed.digest() == kept.digest:
                    self._token, self._listed = token, listed
            self._seq, self.settings, self._set = seq, kept, held["set"]
        except (OSError, TryggveError, ValueError, KeyError, TypeError) as error:
            log.error("whom to tell could not be read", extra={"why": type(error).__name__})
