"""The town that is simulated: a server as a process, on a database of its own, with accounts and
enrolled homes.

A thousand homes are enrolled in a few transactions: their rows are written with the product's own
tables, keys and event writer (`append_many`), not asked for one by one over HTTP.  What a home's
first hour costs is not what is measured here.

Not for: what homes and people then do.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import urllib3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import insert

from gateway.clock import FileClock
from gateway.demo.leash import STOP_S
from gateway.envelope import Draft
from gateway.errors import TryggveError
from gateway.events import HomeEnrolled
from gateway.version import version
from tests.load.home import LoadHome
from tests.ports import free_port
from tests.processes import children, tell_group
from tests.staff import postgres
from web.staff.cli.main import main as tryggve_staff
from web.staff.cli.parts import bare_parts
from web.staff.core.context import Staff
from web.staff.core.rights import Role
from web.staff.core.secret_files import SecretFiles
from web.staff.events import append_many
from web.staff.homelink import ingest
from web.staff.people import registry
from web.staff.signin.passwords import make_hasher
from web.staff.storage import tables

Kind = Literal["sqlite", "postgresql"]

ORG = "load"
PASSWORD = "en lugn natt i kommunen"
AREA_HOMES = 50
"""Homes of one area, with a caregiver of its own: what one group of home care has."""

START_S = 120.0
"""Seconds that the server may take to answer on a machine that does other things too."""

SCREENS = 100
"""Room for screens at the worker."""

CONFIG = """\
database = "{database}"
secrets_dir = "secrets"
secure_cookies = false
clock = "{clock}"
silent_after_s = {silent_after_s}

[listen]
host = "127.0.0.1"
port = {port}
homes = {homes}
screens = {screens}

[sign_in]
second_factor_roles = []
"""


class TownError(TryggveError):
    """The town could not be set up; `text` says what failed."""


@dataclass
class Town:
    """A set-up town.  `people` are addresses of accounts by role, all with `PASSWORD`."""

    folder: Path
    kind: Kind
    url: str
    clock: FileClock
    homes: list[LoadHome]
    people: dict[Role, list[str]]
    process: subprocess.Popen[bytes] | None = None
    rss_max_kb: int = 0
    used_s: float = 0.0
    """Seconds of processor that the server used until it was looked at last."""
    notes: list[str] = field(default_factory=list)

    @property
    def config(self) -> Path:
        return self.folder / "staff.toml"

    @contextmanager
    def parts(self) -> Iterator[Staff]:
        """The server's parts, beside the running server."""
        with bare_parts(Namespace(config=self.config)) as (parts, _):
            yield parts

    def start(self) -> None:
        """Start the server's process and wait until it answers."""
        with (self.folder / "staff.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "gateway.demo.leash", "web.staff.cli.main", "run"),
                    *("--config", str(self.config)),
                ],
                # as its unit gives it: what was read is noted there before it is in the database
                env={**os.environ, "STATE_DIRECTORY": str(self.folder)},
                stdin=subprocess.PIPE,  # the leash: it ends with this process, however that ends
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise TownError(f"the server stopped: {self.log_end()}")
            with contextlib.suppress(urllib3.exceptions.HTTPError):
                urllib3.request("GET", f"{self.url}/healthz", timeout=2, retries=False)
                return
            time.sleep(0.1)
        raise TownError(f"the server did not answer within {START_S:.0f} s")

    def stop(self) -> None:
        """Stop the server's process."""
        if self.process is None:
            return
        self.look()
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            tell_group(self.process.pid)
            self.process.wait(STOP_S)
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process = None

    def log_end(self) -> str:
        """The end of what the server's process said."""
        return (self.folder / "staff.log").read_text("utf-8", "replace")[-800:]

    def tracebacks(self) -> int:
        """How many tracebacks the server's process wrote."""
        text = (self.folder / "staff.log").read_text("utf-8", "replace")
        return text.count("Traceback (most recent call last)")

    def look(self) -> None:
        """Note the memory and the time of the server's processes."""
        assert self.process is not None
        rss, ticks = 0, 0
        for pid in _family(self.process.pid):
            with contextlib.suppress(OSError, IndexError, ValueError):
                status = Path(f"/proc/{pid}/status").read_text()
                rss += int(status.partition("VmHWM:")[2].split()[0])
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        self.rss_max_kb = max(self.rss_max_kb, rss)
        self.used_s = ticks / os.sysconf("SC_CLK_TCK")


def _family(pid: int) -> list[int]:
    """A process and its children."""
    return [pid, *(one for child in children(pid) for one in _family(child))]


@contextmanager
def town(
    folder: Path,
    kind: Kind,
    homes: int,
    *,
    at: datetime,
    rate: float = 1.0,
    seed: int = 1,
    silent_after_s: float = 180.0,
) -> Iterator[Town]:
    """A town with so many homes, its server running; all of it is gone afterwards but the folder.

    `at` is the domain time at which it begins, `rate` its pace."""
    with ExitStack() as stack:
        if kind == "postgresql":
            cluster = stack.enter_context(postgres.cluster(durable=True))
            database = postgres.make_database(cluster, "load")
        else:
            database = "sqlite:///staff.db"
        port = free_port()
        clock = FileClock.create(folder / "clock", at, rate)
        made = Town(folder, kind, f"http://127.0.0.1:{port}", clock, [], {})
        made.config.write_text(
            CONFIG.format(
                database=database,
                clock=folder / "clock",
                port=port,
                homes=homes + 10,
                screens=SCREENS,
                silent_after_s=silent_after_s,
            )
        )
        made.config.chmod(0o600)
        with contextlib.redirect_stdout(None):
            if tryggve_staff(["init", "--config", str(made.config)]):
                raise TownError("the server could not be set up")
        with made.parts() as parts:
            made.homes = _enrolled(parts, clock, homes, seed)
            made.people = _accounts(parts, [home.home for home in made.homes])
        made.start()
        try:
            yield made
        finally:
            made.stop()


def _enrolled(parts: Staff, clock: FileClock, count: int, seed: int) -> list[LoadHome]:
    """Homes with their keys."""
    homes = []
    now = parts.clock.now()
    rows, residents, keys, told = [], [], [], {}
    for number in range(1, count + 1):
        key = Ed25519PrivateKey.generate()
        home = LoadHome(f"b{number:04}", key, clock, seed)
        homes.append(home)
        pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        sha256 = hashlib.sha256(pem).hexdigest()
        rows.append(
            {
                "id": home.home,
                "org_id": ORG,
                "label": f"Lgh {1000 + number}",
                "address": f"Provgatan {number}",
                "timezone": "Europe/Stockholm",
                "fallback": "Nyckelskåp vid entrén.",
            }
        )
        residents.append({"id": f"r-{home.home}", "home_id": home.home, "name": f"Prov {number}"})
        keys.append(
            {
                "home_id": home.home,
                "public_key": pem.decode(),
                "sha256": sha256,
                "origin": home.log.origin(),
                "version": version(),
                "enrolled_at": now,
            }
        )
        told[home.home] = [Draft(HomeEnrolled(key_sha256=sha256))]
    with parts.write() as tx:
        tx.conn.execute(insert(tables.organisation), [{"id": ORG, "name": "Provkommunen"}])
        tx.conn.execute(insert(tables.home), rows)
        tx.conn.execute(insert(tables.resident), residents)
        tx.conn.execute(insert(tables.gateway_key), keys)
    names = [home.home for home in homes]
    at_once = append_many.HOMES_AT_ONCE
    for at in range(0, count, at_once):
        with parts.write() as tx:
            some = {name: told[name] for name in names[at : at + at_once]}
            append_many.write_many(parts, tx, some)
    for home in homes:  # a server that knows nothing of a door could not turn it
        first = json.loads(home.describe().body)
        have = ingest.receive_batch(parts, home.home, [first], 0)
        home.log.mark_forwarded(home.log.origin(), have)
    return homes


def _accounts(parts: Staff, homes: list[str]) -> dict[Role, list[str]]:
    """One for each role, and a caregiver for each area; areas and teams as a town has them."""
    hashed = make_hasher(parts.config, SecretFiles(parts.config.secrets_dir))(PASSWORD)
    areas = [homes[at : at + AREA_HOMES] for at in range(0, len(homes), AREA_HOMES)]
    t = tables
    with parts.write() as tx:
        for number, area in enumerate(areas, 1):
            named = {"id": number, "org_id": ORG, "name": f"Område {number}"}
            tx.conn.execute(insert(t.area), [named])
            tx.conn.execute(insert(t.team), [named | {"name": f"Grupp {number}"}])
            tx.conn.execute(insert(t.team_area), [{"team_id": number, "area_id": number}])
            in_area = [{"home_id": home, "area_id": number} for home in area]
            tx.conn.execute(insert(t.area_home), in_area)
    people: dict[Role, list[str]] = {}
    wanted = [role for role in Role if role is not Role.CAREGIVER]
    for role, number in [*((role, 1) for role in wanted), *_caregivers(len(areas))]:
        email = f"{role.value}{number}@load.example"
        near = areas[number - 1] if role is Role.CAREGIVER else ()
        everywhere = homes if role is Role.NIGHT_WATCHER else near
        registry.add_user(
            parts.db,
            email,
            name=f"{role.value} {number}",
            org=ORG,
            roles=[role],
            password_hash=hashed,
            now=datetime.now(UTC),
            person=f"p{secrets.token_hex(4)}",
            homes=everywhere,
        )
        people.setdefault(role, []).append(email)
    return people


def _caregivers(areas: int) -> list[tuple[Role, int]]:
    return [(Role.CAREGIVER, number) for number in range(1, areas + 1)]
