"""States and alarms of homes to the organisation's own MQTT broker, as Home Assistant finds them by
itself.  Never an order: nothing is subscribed to, and no entity has a topic for commands.

For each organisation that has a broker, under `<prefix>/<organisation>/`:

    status                      online, or offline (the last will), retained
    <home>/alarm                ON while an alarm is open, retained
    <home>/connection           ON while the home is heard, retained
    <home>/<device>/lock        ON while the bolt is open, OFF while it is not, retained
    <home>/raised               each alarm as it is told by a ladder: ids, not retained

and the discovery messages of the first four.  Homes and devices are called by their ids.

    [channels.mqtt.organisations.org1]
    host = "mqtt.kommun.example"
    user = "tryggve"              # the password is the secret file `mqtt_org1`

Not for: beds, visits or who is where: a house's lamps need none of it.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
import time
from collections.abc import Mapping
from typing import Annotated, Any

from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import Connection, exists, select

from gateway.events import utc_text
from web.staff.channels.contract import (
    Address,
    Health,
    Incoming,
    Message,
    Outcome,
    Proof,
    Why,
)
from web.staff.core.context import Staff
from web.staff.core.secret_files import SecretFiles
from web.staff.storage import tables as t

KEEPALIVE_S = 30
"""Seconds after which a broker tells of our end: half as much again."""

TIMEOUT_S = 8.0
"""Real seconds until the broker has taken a message, the connection included."""

AGAIN_S = 5.0

QUEUED_MAX = 10_000
"""Messages that wait for a broker that is away: the states of a town."""

BOLT = {"unlocked": "ON", "locked": "OFF"}
"""What a lock says, by Home Assistant's word; anything else is not known."""


class Broker(BaseModel):
    """One organisation's broker."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]{1,253}$")]
    port: Annotated[int, Field(ge=1, le=65535)] = 8883
    tls: bool = True
    ca_file: str | None = None
    user: Annotated[str, Field(max_length=200)] = ""
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")] = "tryggve"
    discovery: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")] = "homeassistant"

    @model_validator(mode="after")
    def _safe(self) -> Broker:
        if not self.tls and (self.host not in ("localhost", "127.0.0.1", "::1")):
            raise ValueError("without TLS only a broker on this machine is spoken to")
        return self


class Config(BaseModel):
    """`[channels.mqtt]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    organisations: Annotated[dict[str, Broker], Field(min_length=1, max_length=100)]
    timeout_s: Annotated[float, Field(gt=0, le=20)] = TIMEOUT_S


def open_channel(config: Config, staff: Staff, secrets: SecretFiles) -> Mqtt:  # noqa: ARG001
    """The channel.  Raises `SecretError`."""
    passwords = {
        org: secrets.read_given(f"mqtt_{org}")
        for org, broker in config.organisations.items()
        if broker.user
    }
    return Mqtt(config, passwords)


class _Line:
    """The connection to one broker.  It is made when it is first needed, and kept."""

    def __init__(self, org: str, broker: Broker, password: str) -> None:
        self.broker = broker
        self.base = f"{broker.prefix}/{org}"
        self.up = threading.Event()
        self.answered = threading.Event()
        """The broker let us in, or said no."""
        self.refused = False
        self.told: dict[str, str] = {}
        self._client = client = Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=True)
        client.max_queued_messages_set(QUEUED_MAX)
        client.reconnect_delay_set(1, 60)
        client.will_set(f"{self.base}/status", "offline", qos=1, retain=True)
        if broker.tls:
            client.tls_set_context(ssl.create_default_context(cafile=broker.ca_file))
        if broker.user:
            client.username_pw_set(broker.user, password)
        client.on_connect = self._connected
        client.on_disconnect = self._lost
        self._begun = False
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Connect, in the background and again whenever it is lost."""
        with self._lock:
            if not self._begun:
                self._begun = True
                self._client.connect_async(self.broker.host, self.broker.port, KEEPALIVE_S)
                self._client.loop_start()

    def _connected(self, client: Client, _data: Any, _flags: Any, code: Any, _more: Any) -> None:
        self.refused = bool(code.is_failure)
        if not self.refused:
            self.told = {}  # a broker that was started anew may know of nothing
            client.publish(f"{self.base}/status", "online", qos=1, retain=True)
            self.up.set()
        self.answered.set()

    def _lost(self, *_: Any) -> None:
        self.up.clear()
        self.answered.clear()

    def publish(self, topic: str, said: str, *, retain: bool = False) -> MQTTMessageInfo:
        """Hand one message over; it waits where the broker is away."""
        return self._client.publish(topic, said, qos=1, retain=retain)

    def keep(self, topic: str, said: str) -> None:
        """Publish a state, retained, where it is another than before; one for which there is no
        room is told the next time."""
        if self.told.get(topic) != said:
            sent = self.publish(topic, said, retain=True)
            if sent.rc != MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
                self.told[topic] = said

    def close(self) -> None:
        """Say that we go, as the last will would."""
        with self._lock:
            begun, self._begun = self._begun, False
        if begun:
            if self.up.is_set():
                with contextlib.suppress(ValueError, RuntimeError):
                    self.publish(f"{self.base}/status", "offline", retain=True).wait_for_publish(1)
            self._client.disconnect()
            self._client.loop_stop()


class Mqtt:
    """See the module."""

    name = "mqtt"
    proof = Proof.SENT
    delivered_within_s: float | None = None

    def __init__(self, config: Config, passwords: Mapping[str, str]) -> None:
        self._timeout_s = config.timeout_s
        self._lines = {
            org: _Line(org, broker, passwords.get(org, ""))
            for org, broker in config.organisations.items()
        }

    def send(self, message: Message, to: Address) -> Outcome:  # noqa: ARG002 - the broker is the org's
        """See `Channel`."""
        line = self._lines.get(message.org)
        if line is None:
            return Outcome(None, Why.NO_CHANNEL, text="the organisation has no broker")
        until_s = time.monotonic() + self._timeout_s
        wrong = self._away(line)
        if wrong is not None:
            return wrong
        said = {
            "id": message.id,
            "alarm": str(message.alarm),
            "severity": message.severity.value,
            "raised_at": utc_text(message.raised_at),
            "test": message.test or message.trial,
            "url": message.url,
        }
        try:
            sent = line.publish(f"{line.base}/{message.home}/raised", json.dumps(said))
            sent.wait_for_publish(max(0.01, until_s - time.monotonic()))
            done = sent.is_published()
        except (ValueError, RuntimeError):  # its queue is full, or the connection was lost
            done = False
        if not done:
            text = "the broker did not take it in time"
            return Outcome(None, Why.UNREACHABLE, AGAIN_S, text=text)
        return Outcome(Proof.SENT)

    def _away(self, line: _Line) -> Outcome | None:
        line.begin()
        line.answered.wait(self._timeout_s)
        if line.up.is_set():
            return None
        if line.refused:
            return Outcome(None, Why.REFUSED, text="the broker does not let us in")
        return Outcome(None, Why.UNREACHABLE, AGAIN_S, text="the broker does not answer")

    def check(self) -> Health:
        """Whether each broker is connected."""
        for line in self._lines.values():
            wrong = self._away(line)
            if wrong is not None:
                return Health(False, wrong.text, wrong.why)
        return Health(True)

    def tend(self, staff: Staff) -> None:
        """Publish what changed since the last time.  Never waits for a broker."""
        for org, line in self._lines.items():
            line.begin()
            if line.up.is_set():
                with staff.db.read() as conn:
                    states = _states(conn, org)
                for home, values in states.items():
                    for name, (kind, value) in values.items():
                        _discover(line, home, name, kind)
                        line.keep(f"{line.base}/{home}/{name}", value)

    def incoming(
        self,
        headers: Mapping[str, str],  # noqa: ARG002 - a channel is given them
        form: Mapping[str, str],  # noqa: ARG002
        body: bytes,  # noqa: ARG002
    ) -> Incoming:
        """Nothing comes back this way."""
        return Incoming()

    def close(self) -> None:
        """Leave the brokers."""
        for line in self._lines.values():
            line.close()


Values = dict[str, tuple[str, str]]
"""Name to Home Assistant's class of device, and ON, OFF or None (not known)."""


def _states(conn: Connection, org: str) -> dict[str, Values]:
    h, a, d, s = t.home.c, t.alarm.c, t.device.c, t.home_state.c
    opened = exists().where(a.home_id == h.id, a.closed_at.is_(None))
    query = (
        select(h.id, opened.label("alarm"), s.silent_since)
        .outerjoin(t.home_state, s.home_id == h.id)
        .where(h.org_id == org)
    )
    found: dict[str, Values] = {
        row.id: {
            "alarm": ("safety", "ON" if row.alarm else "OFF"),
            "connection": ("connectivity", "OFF" if row.silent_since is not None else "ON"),
        }
        for row in conn.execute(query)
    }
    silent = {home for home, values in found.items() if values["connection"][1] == "OFF"}
    locks = select(d.home_id, d.id, d.state, d.health).where(d.type == "lock", d.present)
    for row in conn.execute(locks.join(t.home, h.id == d.home_id).where(h.org_id == org)):
        lost = row.home_id in silent or row.health == "failed"
        state = "None" if lost else BOLT.get(row.state, "None")
        found[row.home_id][f"{row.id}/lock"] = ("lock", state)
    return found


def _discover(line: _Line, home: str, name: str, kind: str) -> None:
    """Tell Home Assistant of an entity: a state to read, and nothing to write to."""
    unique = f"tryggve_{home}_{name}".replace("/", "_").replace(":", "_")
    told = {
        "unique_id": unique,
        "name": name,
        "device_class": kind,
        "state_topic": f"{line.base}/{home}/{name}",
        "availability_topic": f"{line.base}/status",
        "device": {"identifiers": [f"tryggve_{home}"], "name": home, "manufacturer": "Tryggve"},
    }
    line.keep(f"{line.broker.discovery}/binary_sensor/{unique}/config", json.dumps(told))
