"""What the staff server's tests share: people, homes, and a home that writes properly sealed
events.

Not for: fixtures (`conftest.py`).
"""

from __future__ import annotations

import gzip
import json
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from flask.testing import FlaskClient
from flask_security.utils import hash_password
from sqlalchemy import insert, select

from gateway.clock import ManualClock
from gateway.envelope import GENESIS, Draft, Event, from_json, seal, to_json
from gateway.events import Data, DeviceTold, HomeDescribed
from web.staff.core.context import EXTENSION, Staff
from web.staff.core.rights import Actor
from web.staff.homelink import enrolment
from web.staff.signin.auth import actor_of, new_uniquifier
from web.staff.storage import tables

PASSWORD = "correct horse battery"


def parts_of(app: Flask) -> Staff:
    """The application's parts."""
    found: Staff = app.extensions[EXTENSION]
    return found


def group_id(staff: Staff, kind: str, name: str = "Norr") -> int:
    """The number of the team or area of this name; nobody promises that the first is 1."""
    table = tables.team if kind == "team" else tables.area
    with staff.db.read() as conn:
        found: int = conn.execute(select(table.c.id).where(table.c.name == name)).scalar_one()
    return found


def add_home(app: Flask, home: str, *, org: str = "org1", label: str = "Lgh 1203") -> None:
    """A home of an organisation, both made when missing, with a resident `r-<home>`."""
    parts = parts_of(app)
    with parts.db.write() as tx:
        found = tx.conn.execute(
            select(tables.organisation.c.id).where(tables.organisation.c.id == org)
        ).first()
        if found is None:
            tx.conn.execute(insert(tables.organisation).values(id=org, name="Provkommunen"))
        tx.conn.execute(
            insert(tables.home).values(
                id=home,
                org_id=org,
                label=label,
                address="Provgatan 1",
                timezone="Europe/Stockholm",
                fallback="Nyckel i nyckelskåpet.",
            )
        )
        tx.conn.execute(
            insert(tables.resident).values(id=f"r-{home}", home_id=home, name="Prov Boende")
        )


def add_user(
    app: Flask,
    person: str,
    roles: Sequence[str],
    *,
    homes: Sequence[str] = (),
    org: str = "org1",
    password: str = PASSWORD,
) -> Actor:
    """An account `<person>@prov.example` with these roles, assigned to these homes."""
    parts = parts_of(app)
    with app.app_context():
        hashed = hash_password(password)
    with parts.db.write() as tx:
        user_id = tx.conn.execute(
            insert(tables.user)
            .values(
                person_id=person,
                org_id=org,
                name=f"Prov {person}",
                email=f"{person}@prov.example",
                password=hashed,
                active=True,
                fs_uniquifier=new_uniquifier(),
                locale="sv",
                created_at=parts.clock.now(),
            )
            .returning(tables.user.c.id)
        ).scalar_one()
        for name in roles:
            role_id = tx.conn.execute(
                select(tables.role.c.id).where(tables.role.c.name == name)
            ).scalar_one_or_none()
            if role_id is None:
                role_id = tx.conn.execute(
                    insert(tables.role).values(name=name).returning(tables.role.c.id)
                ).scalar_one()
            tx.conn.execute(insert(tables.user_role).values(user_id=user_id, role_id=role_id))
        for home in homes:
            tx.conn.execute(insert(tables.assignment).values(user_id=user_id, home_id=home))
    actor = actor_of(parts, user_id)
    assert actor is not None
    return actor


def hire(app: Flask, *persons: str, org: str = "org1") -> None:
    """Accounts for those who have none yet: a home names the staff of its organisation only."""
    with parts_of(app).db.read() as conn:
        known = set(conn.execute(select(tables.user.c.person_id)).scalars())
    for person in dict.fromkeys(persons):
        if person not in known:
            add_user(app, person, [], org=org)


def sign_in(client: FlaskClient, person: str, password: str = PASSWORD) -> Any:
    """Sign in through the form, with its token; returns the answer."""
    page = client.get("/login")
    token = page.get_data(as_text=True).split('name="csrf_token"', 1)[1]
    token = token.split('value="', 1)[1].split('"', 1)[0]
    return client.post(
        "/login",
        data={"email": f"{person}@prov.example", "password": password, "csrf_token": token},
    )


def pem_of(key: Ed25519PrivateKey) -> str:
    """The public half as PEM."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@dataclass
class EnrolledHome:
    """A gateway at the wire: it has a key, writes sealed events, and sends them."""

    app: Flask
    client: FlaskClient
    home: str
    clock: ManualClock
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    origin: str = ""
    boot: str = "b1"
    seq: int = 0
    previous: bytes = GENESIS
    down_have: int = 0
    answer: dict[str, Any] = field(default_factory=dict)
    streams: list[Any] = field(default_factory=list)
    _one: threading.Lock = field(default_factory=threading.Lock)
    """A home has one chain, whichever thread sends."""

    def enroll(self) -> None:
        """Become the home's gateway by a new code."""
        parts = parts_of(self.app)
        code = enrolment.new_code(parts.db, parts.keys, self.home).code
        body = {"code": code[:11], "public_key": pem_of(self.key), "version": "0.1.0"}
        answer = self.client.post("/api/v1/home/enroll", json=body)
        assert answer.status_code == 200, answer.text
        self.answer = answer.get_json()
        self.origin, self.seq, self.previous = self.answer["origin"], 0, GENESIS

    def token(self, method: str, path: str, **changed: Any) -> str:
        """A request's JWT; `changed` replaces claims, `key` and `kid` who signs."""
        now = time.time()
        key = changed.pop("key", self.key)
        kid = changed.pop("kid", self.home)
        claims = {
            "iss": self.home,
            "iat": now,
            "exp": now + 50,
            "htm": method,
            "htu": path,
            "jti": uuid.uuid4().hex,
        } | changed
        return jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": kid})

    def headers(self, method: str, path: str, **changed: Any) -> dict[str, str]:
        """The header that signs a request."""
        return {"Authorization": f"Bearer {self.token(method, path, **changed)}"}

    def seal(
        self,
        *data: Data | Draft,
        device: str | None = None,
        at: datetime | None = None,
        clock: Any = "synced",
    ) -> list[dict[str, Any]]:
        """Write events: numbered, chained, as they travel."""
        written = []
        for item in data:
            draft = item if isinstance(item, Draft) else Draft(item, device=device)
            event, _, self.previous = seal(
                draft,
                origin=self.origin,
                seq=self.seq + 1,
                at=at or self.clock.now(),
                clock=clock,
                boot=self.boot,
                mono_s=self.clock.mono_s(),
                previous=self.previous,
            )
            self.seq += 1
            written.append(to_json(event))
        return written

    def post(self, path: str, events: list[dict[str, Any]], *, packed: bool = True) -> Any:
        """Send written events to `events` or `urgent`; returns the answer."""
        full = f"/api/v1/home/{path}"
        body = json.dumps({"events": events, "down_have": self.down_have}).encode()
        headers = self.headers("POST", full)
        if packed:
            body, headers["Content-Encoding"] = gzip.compress(body, 1), "gzip"
        return self.client.post(full, data=body, headers=headers)

    def send(
        self,
        *data: Data | Draft,
        device: str | None = None,
        at: datetime | None = None,
        clock: Any = "synced",
    ) -> list[Event]:
        """Write events and have them committed; returns them as the server reads them."""
        with self._one:
            written = self.seal(*data, device=device, at=at, clock=clock)
            answer = self.post("events", written)
            assert answer.status_code == 200, answer.text
            assert answer.get_json() == {"have": self.seq}
        return [from_json(obj) for obj in written]

    def send_urgent(self, *data: Data | Draft, device: str | None = None) -> list[dict[str, Any]]:
        """Write events and send them over the urgent lane only; returns them for their batch."""
        with self._one:
            written = self.seal(*data, device=device)
            answer = self.post("urgent", written)
            assert answer.status_code == 200, answer.text
        return written

    def describe(self) -> None:
        """Tell of a bed mat and a front door lock."""
        self.send(
            HomeDescribed(
                devices=(
                    DeviceTold(id="bed", driver="mat_gpio", type="sensor", role="bed"),
                    DeviceTold(
                        id="front", driver="lock_nuki", type="lock", role="front_door", room="hall"
                    ),
                ),
                timezone="Europe/Stockholm",
                resident=f"r-{self.home}",
            )
        )

    def listen(self, after: int = 0) -> Iterator[bytes]:
        """Open the stream down; each item is what the server wrote at once."""
        path = "/api/v1/home/stream"
        headers = self.headers("GET", path) | {"Last-Event-ID": str(after)}
        answer = self.client.get(path, headers=headers, buffered=False)
        assert answer.status_code == 200, answer.text
        self.streams.append(answer)
        return iter(cast(Iterable[bytes], answer.response))

    def close(self) -> None:
        """Let go of every stream, while the database is there to be told."""
        for stream in self.streams:
            stream.close()
