"""Text messages over ModemManager, by D-Bus: sent with a delivery report, and received.

How the modem is, is asked each time, for a modem is unplugged, loses its network or is locked
without a word to anybody.  What comes in is read, deleted and told: a SIM holds some tens of
messages, and a full one takes no reply.  One that cannot be deleted is not told: read once more, an
answer of yesterday would be one to the alarm of today.  The SIM is the gateway's alone.

Interfaces, states and reasons are those of ModemManager's D-Bus reference (1.6 and newer; Debian
12 has 1.20).  Not for: data connections, or who is told what (`gateway.second_path`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any

from dbus_fast import Message, Variant
from dbus_fast.errors import DBusError

from drivers import _system_bus
from drivers._system_bus import ANSWER_S, OBJECTS, PROPERTIES, SystemBus
from gateway.errors import DeviceError, DeviceRefused, DeviceUnavailable
from gateway.ports import ModemReport, ModemState

log = logging.getLogger(__name__)

NAME = "org.freedesktop.ModemManager1"
ROOT = "/org/freedesktop/ModemManager1"
MODEM = f"{NAME}.Modem"
MESSAGING = f"{NAME}.Modem.Messaging"
SMS = f"{NAME}.Sms"

SEND_S = 25.0
"""Seconds that a message may take to leave: a weak network needs ten and more; with 20 s before the
first and this, a second receiver is still told within the minute."""

SENT_KEPT = 50
"""Messages whose delivery report is waited for: beyond it the oldest is forgotten."""

TEXT_MAX = 500
"""Characters of a received message that are read: an answer is a word."""

LOCKED, DISABLED, ENABLED, REGISTERED = 2, 3, 6, 8
"""`MMModemState`; below `LOCKED` it failed or begins, from `REGISTERED` on it has a network."""

RECEIVED = 3
"""`MMSmsState`: whole."""

REPORT = 3
"""`MMSmsPduType`: a delivery report."""

TEMPORARY, FAILED, UNKNOWN = 0x20, 0x40, 0x100
"""`MMSmsDeliveryState`: below the first the message has come; between the first two the network
still tries; from `UNKNOWN` on nothing is said."""

MATCHES = (
    f"type='signal',sender='{NAME}',interface='{MESSAGING}',member='Added'",
    f"type='signal',sender='{NAME}',interface='{PROPERTIES}',arg0='{SMS}'",
)

FAULTS = (*_system_bus.FAULTS, KeyError)
"""What a bus that is missing or goes away raises, and an answer of a form that is not known."""


class ModemManager:
    """Implements `gateway.ports.Modem`.  Use from one event loop only."""

    def __init__(self) -> None:
        self._bus = SystemBus("modem", MATCHES, hear=self._on_message, look=self._read_stored)
        self._reading: set[asyncio.Task[None]] = set()
        self._waited: dict[int, None] = {}
        self._early: dict[int, bool] = {}
        self._sending = 0
        self._on_text: Callable[[str, str], None] = lambda _number, _text: None
        self._on_report: Callable[[ModemReport], None] = lambda _report: None

    async def start(
        self, on_text: Callable[[str, str], None], on_report: Callable[[ModemReport], None]
    ) -> None:
        """See `gateway.ports.Modem`."""
        self._on_text, self._on_report = on_text, on_report
        await self._bus.start()

    async def stop(self) -> None:
        """See `gateway.ports.Modem`."""
        await self._bus.stop()

    # --- how it is, and sending -------------------------------------------------------------------

    async def state(self) -> ModemState:
        """See `gateway.ports.Modem`."""
        try:
            _, modem = await self._modem()
        except DeviceUnavailable as error:
            return ModemState(problem=str(error.data["why"]))
        if _value(modem[MODEM], "State", 0) == DISABLED:
            return ModemState(problem="no_network")
        return ModemState(problem=_problem(modem), signal_pct=_signal(modem))

    async def send(self, number: str, text: str) -> int:
        """See `gateway.ports.Modem`."""
        try:
            return await self._send(number, text)
        except DeviceError:
            raise
        except DBusError as error:
            raise DeviceRefused(
                f"the modem did not send: {error.type}", why=_why(str(error.type))
            ) from error
        except TimeoutError as error:
            raise DeviceRefused("the modem did not answer in time", why="no_answer") from error
        except FAULTS as error:
            raise DeviceUnavailable(f"{type(error).__name__}: {error}", why="no_modem") from error

    async def _send(self, number: str, text: str) -> int:
        path, modem = await self._modem()
        if _value(modem[MODEM], "State", 0) in (DISABLED, ENABLED):
            await self._call(path, MODEM, "Enable", "b", [True], within_s=SEND_S)
            path, modem = await self._modem()
        problem = _problem(modem)
        if problem is not None:
            raise DeviceUnavailable("the modem cannot send now", why=problem)
        wanted = {
            "number": Variant("s", number),
            "text": Variant("s", text),
            "delivery-report-request": Variant("b", True),
        }
        (sms,) = await self._call(path, MESSAGING, "Create", "a{sv}", [wanted])
        self._sending += 1
        try:
            reference = await self._leave(path, sms)
            # nothing is awaited from here on: who sends must know the name before it is reported
            self._wait_for(reference)
            return reference
        finally:
            self._sending -= 1
            if not self._sending:
                self._early.clear()

    async def _leave(self, modem: str, sms: str) -> int:
        """Send a message that the modem holds, and have it hold it no more, whatever came of it."""
        try:
            await self._call(sms, SMS, "Send", within_s=SEND_S)
            return int(_value(await self._properties(sms), "MessageReference", 0))
        finally:
            with contextlib.suppress(*FAULTS):
                await self._call(modem, MESSAGING, "Delete", "o", [sms])

    def _wait_for(self, reference: int) -> None:
        """A report belongs to the newest message that was called so: the network counts to 255."""
        self._waited.pop(reference, None)
        self._waited[reference] = None
        while len(self._waited) > SENT_KEPT:
            self._waited.pop(next(iter(self._waited)))
        if reference in self._early:  # the network was faster than the modem's answer
            report = ModemReport(reference, came=self._early[reference])
            del self._waited[reference]
            asyncio.get_running_loop().call_soon(self._on_report, report)

    async def _modem(self) -> tuple[str, Mapping[str, Mapping[str, Variant]]]:
        """The first modem that sends messages.  Raises `DeviceUnavailable`."""
        try:
            (objects,) = await self._call(ROOT, OBJECTS, "GetManagedObjects")
        except FAULTS as error:
            raise DeviceUnavailable(
                f"ModemManager does not answer: {error}", why="no_modem"
            ) from error
        for path in sorted(objects):
            if MODEM in objects[path] and MESSAGING in objects[path]:
                return path, objects[path]
        locked = any(_value(one.get(MODEM, {}), "State", 0) == LOCKED for one in objects.values())
        raise DeviceUnavailable("no modem sends messages", why="locked" if locked else "no_modem")

    # --- what comes in ----------------------------------------------------------------------------

    async def _read_stored(self) -> None:
        """What came while nobody listened."""
        with contextlib.suppress(*FAULTS, DeviceUnavailable):
            path, _ = await self._modem()
            (stored,) = await self._call(path, MESSAGING, "List")
            for sms in stored[:SENT_KEPT]:
                await self._read(sms, path)

    def _on_message(self, message: Message) -> None:
        if message.path is None:
            return
        if message.member == "Added" and message.interface == MESSAGING and message.body[1]:
            self._spawn_read(message.body[0], message.path)
        elif message.member == "PropertiesChanged" and message.path.startswith(f"{ROOT}/SMS/"):
            changed = message.body[1]
            if "State" in changed and changed["State"].value == RECEIVED:
                self._spawn_read(message.path, None)  # its last part came

    def _spawn_read(self, sms: str, modem: str | None) -> None:
        if len(self._reading) >= SENT_KEPT:
            return  # somebody floods the modem: the rest is read from its store later
        task = asyncio.create_task(self._read(sms, modem))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _read(self, sms: str, modem: str | None) -> None:
        """Read one message, delete it, and tell it once it is gone."""
        try:
            told = await self._properties(sms)
            if _value(told, "State", 0) != RECEIVED:
                return
            if modem is None:
                modem, _ = await self._modem()
            await self._call(modem, MESSAGING, "Delete", "o", [sms])
        except (*FAULTS, DeviceUnavailable) as error:
            log.info("a message could not be read", extra={"why": str(error)})
            return
        if _value(told, "PduType", 0) == REPORT:
            self._report(told)
        else:
            text = str(_value(told, "Text", ""))[:TEXT_MAX]
            self._on_text(str(_value(told, "Number", "")), text)

    def _report(self, told: Mapping[str, Variant]) -> None:
        reference = int(_value(told, "MessageReference", 0))
        delivery = int(_value(told, "DeliveryState", UNKNOWN))
        if TEMPORARY <= delivery < FAILED or delivery >= UNKNOWN:
            return
        came = delivery < TEMPORARY
        if reference in self._waited:
            del self._waited[reference]
            self._on_report(ModemReport(reference, came=came))
        elif self._sending:
            self._early[reference] = came

    # --- D-Bus ------------------------------------------------------------------------------------

    async def _properties(self, path: str) -> Mapping[str, Variant]:
        (found,) = await self._call(path, PROPERTIES, "GetAll", "s", [SMS])
        told: Mapping[str, Variant] = found
        return told

    async def _call(
        self,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: list[Any] | None = None,
        *,
        within_s: float = ANSWER_S,
    ) -> list[Any]:
        """What ModemManager answers.  Raises one of `FAULTS`."""
        return await self._bus.call(
            NAME, path, interface, member, signature, body, within_s=within_s
        )


def _problem(modem: Mapping[str, Mapping[str, Variant]]) -> str | None:
    """Why this modem cannot send now; None: it can, as far as it knows."""
    state = _value(modem[MODEM], "State", 0)
    if state == LOCKED:
        return "locked"
    return None if state >= REGISTERED and state != REGISTERED + 1 else "no_network"


def _signal(modem: Mapping[str, Mapping[str, Variant]]) -> int | None:
    quality = _value(modem[MODEM], "SignalQuality", None)
    return None if quality is None else int(quality[0])


def _value(properties: Mapping[str, Variant], name: str, otherwise: Any) -> Any:
    found = properties.get(name)
    return otherwise if found is None else found.value


def _why(error: str) -> str:
    """An error of ModemManager in a word of `gateway.message_failed`."""
    if "NoNetwork" in error or "NetworkTimeout" in error or error.endswith("WrongState"):
        return "no_network"
    if "ServiceUnknown" in error or "UnknownObject" in error or "UnknownMethod" in error:
        return "no_modem"
    return "refused"
