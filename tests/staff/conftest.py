"""Fixtures of the staff server's tests; page tests use the same.

`db` (on both databases where they can differ: `databases.py`) → `staff_app` → `client`,
`enrolled_home`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gateway.clock import ManualClock
from tests.staff import cheap, postgres, reach, unordered
from tests.staff.databases import on_both
from tests.staff.parts import EnrolledHome, add_home, add_user, parts_of
from web.staff.core.config import SignInConfig, StaffConfig
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.core.secret_files import SecretFiles
from web.staff.realtime import relay as relay_module
from web.staff.realtime.relay import PostgresRelay
from web.staff.runtime.app import create_app
from web.staff.storage import pg_connection
from web.staff.storage.database import Database, parse_url
from web.staff.storage.migrate import migrate
from web.staff.storage.tables import metadata

START = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)
"""Where the tests' clock stands at first: 22:00 in Stockholm."""


@pytest.fixture(scope="session", autouse=True)
def cheap_hashes() -> Iterator[None]:
    """No test here pays for hashing passwords."""
    with cheap.hashes(), cheap.compiled():
        yield


@pytest.fixture(scope="session", autouse=True)
def patient_database() -> Iterator[None]:
    """A statement of PostgreSQL's takes as long as a busy machine takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pg_connection, "ANSWER_TIMEOUT_S", 60.0)
        yield


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A throw-away cluster with a migrated database `template_tryggve`; skips when not
    installed."""
    if postgres.programs() is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    reach.listen()
    with postgres.cluster() as url:
        made = postgres.make_database(url, "template_tryggve")
        template = Database(parse_url(made))
        migrate(template)
        template.close()
        postgres.far_apart(made)
        postgres.make_database(url, "shared", "template_tryggve")
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite database to copy."""
    path = tmp_path_factory.mktemp("template") / "staff.db"
    database = Database(parse_url(f"sqlite:///{path}"))
    migrate(database)
    database.close()
    return path


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run on both kinds of database what can differ there (`tests/staff/databases.py`)."""
    name = metafunc.function.__name__
    if "db" in metafunc.fixturenames and on_both(metafunc.module.__name__, name):
        kinds = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
        metafunc.parametrize("db", kinds, indirect=True)


@pytest.fixture
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh, migrated database: SQLite, and PostgreSQL where that can differ; there
    the two give what nobody ordered in opposite orders."""
    kind = getattr(request, "param", None)
    if kind == "postgres":
        url: str = request.getfixturevalue("postgres_url")
        yield postgres.emptied(f"{url}shared", [table.name for table in metadata.sorted_tables])
        return
    template: Path = request.getfixturevalue("sqlite_template")
    path = tmp_path / "staff.db"
    path.write_bytes(template.read_bytes())
    with nullcontext() if kind is None else unordered.backwards():
        yield f"sqlite:///{path}"


@pytest.fixture
def clock() -> ManualClock:
    """Domain time, standing still."""
    return ManualClock(START)


@pytest.fixture(scope="session")
def made_secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server's secrets to copy: each that is made is synced to the disk."""
    folder = tmp_path_factory.mktemp("made") / "secrets"
    SecretFiles(folder).make_missing()
    return folder


@pytest.fixture
def config(db: str, tmp_path: Path, made_secrets: Path) -> StaffConfig:
    """A configuration with a folder of secrets of its own; a password is enough for everybody."""
    shutil.copytree(made_secrets, tmp_path / "secrets")
    return StaffConfig(
        database=db,
        secrets_dir=tmp_path / "secrets",
        secure_cookies=False,
        watch_every_s=0.05,
        sign_in=SignInConfig(second_factor_roles=frozenset()),
    )


@pytest.fixture
def staff_app(config: StaffConfig, clock: ManualClock) -> Iterator[Flask]:
    """The application, with no thread that looks for silent homes (call `Watch.look`)."""
    app = create_app(config, clock=clock, watch=False)
    app.testing = True
    add_home(app, "h1")
    yield app
    app.extensions["tryggve.stop"]()


@pytest.fixture
def staff(staff_app: Flask) -> Staff:
    """The application's parts."""
    return parts_of(staff_app)


@pytest.fixture
def client(staff_app: Flask) -> FlaskClient:
    """A browser of its own."""
    return staff_app.test_client()


@pytest.fixture
def workers(postgres_url: str, tmp_path: Path, clock: ManualClock) -> Iterator[tuple[Any, Any]]:
    """Two applications on one PostgreSQL, as two workers are; neither gives the other up because
    the machine is busy."""
    name = f"workers_{tmp_path.name}".lower()
    url = postgres.make_database(postgres_url, name, "template_tryggve")
    SecretFiles(tmp_path / "secrets").make_missing()
    config = StaffConfig(database=url, secrets_dir=tmp_path / "secrets", secure_cookies=False)
    apps = [create_app(config, clock=clock, watch=False) for _ in range(2)]
    add_home(apps[0], "h1")
    for app in apps:
        relay = parts_of(app).relay
        assert isinstance(relay, PostgresRelay)
        assert relay.ready.wait(60)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(relay_module, "TAKEN_WITHIN_S", 60.0)
        yield apps[0], apps[1]
    for app in apps:
        app.extensions["tryggve.stop"]()


@pytest.fixture
def make_home(staff_app: Flask, clock: ManualClock) -> Iterator[Callable[[str], EnrolledHome]]:
    """Makes an enrolled gateway for a home (added when it is not `h1`)."""
    made: list[EnrolledHome] = []

    def make(home: str) -> EnrolledHome:
        if home != "h1":
            add_home(staff_app, home)
        enrolled = EnrolledHome(staff_app, staff_app.test_client(), home, clock)
        enrolled.enroll()
        made.append(enrolled)
        return enrolled

    yield make
    for enrolled in made:
        enrolled.close()


@pytest.fixture
def enrolled_home(make_home: Callable[[str], EnrolledHome]) -> EnrolledHome:
    """The enrolled gateway of home `h1`; `send(...)` commits sealed events."""
    return make_home("h1")


@pytest.fixture
def home(enrolled_home: EnrolledHome) -> EnrolledHome:
    """The home `h1`, enrolled and described: a bed mat, and a lock at the front door."""
    enrolled_home.describe()
    return enrolled_home


@pytest.fixture
def stream(home: EnrolledHome) -> Iterator[bytes]:
    """That home listens; each item is what the server wrote at once."""
    opened = home.listen(1)
    next(opened)
    return opened


@pytest.fixture
def make_user(staff_app: Flask) -> Callable[..., Actor]:
    """`make_user("p7", ["caregiver"], homes=["h1"])`: an account, and who acts with it."""

    def make(person: str, roles: list[str], **more: object) -> Actor:
        return add_user(staff_app, person, roles, **more)  # type: ignore[arg-type]

    return make


@pytest.fixture(autouse=True)
def fresh_limits() -> None:
    """Each test begins with no tries of a code counted."""
    from web.staff.homelink import enrolment
    from web.staff.people import first_start

    enrolment.forget_tries()
    first_start.forget_wrong_codes()
