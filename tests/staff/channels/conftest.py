"""One application for all tests of a module here: what a channel changes in it is taken back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete

from tests.staff.parts import parts_of
from web.staff.core.config import StaffConfig
from web.staff.core.context import Staff
from web.staff.core.secret_files import ALL, SecretFiles
from web.staff.runtime.app import create_app
from web.staff.storage import alarm_tables


@pytest.fixture(scope="module")
def ground(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staff]:
    """The application's parts, for all tests of the module."""
    folder = tmp_path_factory.mktemp("channels")
    (folder / "staff.db").write_bytes(sqlite_template.read_bytes())
    SecretFiles(folder / "secrets").make_missing()
    config = StaffConfig(
        database=f"sqlite:///{folder / 'staff.db'}",
        secrets_dir=folder / "secrets",
        secure_cookies=False,
    )
    app = create_app(config, watch=False)
    yield parts_of(app)
    app.extensions["tryggve.stop"]()


@pytest.fixture
def staff(ground: Staff) -> Iterator[Staff]:
    """Those parts, and what a test changed taken back: settings, secrets that it put there, and
    what a channel keeps of its messages."""
    config = ground.config
    yield ground
    ground.config = config
    with ground.db.write() as tx:
        tx.conn.execute(delete(alarm_tables.scaip_message))
    for path in config.secrets_dir.iterdir():
        if path.name not in ALL:
            path.unlink()
