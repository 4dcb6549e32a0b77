"""States and alarms of this home to a broker in the home, as Home Assistant finds them by itself.

Never an order: nothing is subscribed to, no entity has a topic for commands, and nothing that comes
from the broker is read.  Under `<prefix>/<home>/`, all retained:

    status           online, or offline (the last will)
    alarm            ON while an alarm of care is open; alarm/more: about what, since when, taken
    fault            ON while a technical alarm is open; fault/more
    mains, server    power, and whether the staff server answers
    device/<id>      only of the devices that the file names

A broker that is away, slow, full or refuses costs the home nothing: its library waits in a thread
of its own, what was not told is told as it is when the broker is back, and nothing queues.

Not for: which states there are (`gateway.services.home_states`); an alarm's way to people, which
never goes here.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from gateway.config.mqtt import MqttSection
from gateway.envelope import Event
from gateway.services.home_states import State, shown, states
from gateway.state.home_view import Snapshot

log = logging.getLogger(__name__)

KEEPALIVE_S = 30
"""Seconds; after half as much again a broker tells by the last will that we are gone."""

CONNECT_S = 5.0
"""Seconds until a broker that does not answer is given up for now: it is in the next room."""

AGAIN_MIN_S, AGAIN_MAX_S = 1, 60
"""Seconds between tries to reach it, doubling."""

PAUSE_S = 0.2
"""Seconds between two rounds: whoever turns in bed makes a dozen changes a second."""

LOOK_S = 15.0
"""Seconds after which is looked without an event: whether the server answers is none."""

QOS = 0
"""At most once, and in order: a connection that is lost begins with all states anew, and nothing
that was said before it comes after them."""

LEAVE_S = 1.0
"""Seconds for the broker to take our word that we go."""


class HomeAssistant:
    """Tells one broker.  Make it in the home's loop, then `run`.

    `snapshot` gives the home as it is now, `server` whether the staff server answers (None: the
    home has none).  Raises `OSError` when the file of the broker's authority cannot be read.
    """

    def __init__(
        self,
        section: MqttSection,
        password: str,
        *,
        home: str,
        snapshot: Callable[[], Snapshot],
        server: Callable[[], bool | None],
    ) -> None:
        self._section, self._home = section, home
        self._snapshot, self._server = snapshot, server
        self._base = f"{section.prefix}/{home}"
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._up = threading.Event()
        self._told: dict[str, str] = {}
        """What this connection's broker was told, by topic."""
        self._refused: str | None = None
        self._client = client = Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=True)
        client.connect_timeout = CONNECT_S
        client.reconnect_delay_set(AGAIN_MIN_S, AGAIN_MAX_S)
        client.will_set(f"{self._base}/status", "offline", qos=QOS, retain=True)
        if section.tls:
            ca_file = None if section.ca_file is None else str(section.ca_file)
            client.tls_set_context(ssl.create_default_context(cafile=ca_file))
        if section.user:
            client.username_pw_set(section.user, password)
        client.on_connect = self._connected
        client.on_disconnect = self._lost

    def see(self, _event: Event) -> None:
        """Something happened in the home."""
        self._changed.set()

    async def run(self) -> None:
        """Tell what changed, until cancelled; then say that we go."""
        self._client.connect_async(self._section.host, self._section.port, KEEPALIVE_S)
        self._client.loop_start()
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._changed.wait()
                self._changed.clear()
                if self._up.is_set():
                    self._tell()
                await asyncio.sleep(PAUSE_S)
        finally:
            await asyncio.to_thread(self._leave)

    # --- in the library's thread ------------------------------------------------------------------

    def _connected(self, client: Client, _data: Any, _flags: Any, code: Any, _more: Any) -> None:
        if code.is_failure:
            if self._refused != str(code):
                self._refused = str(code)
                log.warning("the home's broker does not let us in", extra={"why": str(code)})
            return
        self._refused = None
        log.info("the home's broker is told")
        client.publish(f"{self._base}/status", "online", qos=QOS, retain=True)
        self._in_loop(self._begin)

    def _lost(self, *_: Any) -> None:
        self._up.clear()

    def _in_loop(self, call: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed: the home is going down
            self._loop.call_soon_threadsafe(call)

    # --- in the home's loop -----------------------------------------------------------------------

    def _begin(self) -> None:
        self._told.clear()  # a broker that was started anew may know of nothing
        self._up.set()
        self._changed.set()

    def _tell(self) -> None:
        now = self._snapshot()
        for state in states(now, self._section.devices, self._server()):
            topic = f"{self._base}/{state.name}"
            self._keep(self._found_at(state.name), self._discovery(state))
            if state.more:
                self._keep(f"{topic}/more", json.dumps(state.more))
            self._keep(topic, state.value)
        for device in now.devices:  # one that is named no more is taken back where it was kept
            if device.id not in self._section.devices and shown(device):
                self._keep(self._found_at(f"device/{device.id}"), "")
                self._keep(f"{self._base}/device/{device.id}", "")

    def _keep(self, topic: str, said: str) -> None:
        """Publish a state, retained, where it is another than before."""
        if self._told.get(topic) == said:
            return
        sent = self._client.publish(topic, said, qos=QOS, retain=True)
        if sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:  # else it is told with the next connection
            self._told[topic] = said

    def _unique(self, name: str) -> str:
        return f"tryggve_home_{self._home}_{name}".replace("/", "_")

    def _found_at(self, name: str) -> str:
        return f"{self._section.discovery}/binary_sensor/{self._unique(name)}/config"

    def _discovery(self, state: State) -> str:
        topic = f"{self._base}/{state.name}"
        told: dict[str, object] = {
            "unique_id": self._unique(state.name),
            "name": state.title,
            "state_topic": topic,
            "availability_topic": f"{self._base}/status",
            "device": {
                "identifiers": [f"tryggve_home_{self._home}"],
                "name": "Tryggve",
                "manufacturer": "Tryggve",
            },
        }
        if state.shape is not None:
            told["device_class"] = state.shape
        if state.more:
            told["json_attributes_topic"] = f"{topic}/more"
        return json.dumps(told)

    def _leave(self) -> None:
        if self._up.is_set():
            with suppress(ValueError, RuntimeError):
                sent = self._client.publish(f"{self._base}/status", "offline", qos=QOS, retain=True)
                sent.wait_for_publish(LEAVE_S)
            self._client.disconnect()
            self._client.loop_stop()
        else:
            self._client.disconnect()  # its thread is a daemon, and ends with its try
