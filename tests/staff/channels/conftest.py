"""One application for all tests of a module here: a channel changes nothing in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.staff.parts import parts_of
from web.staff.core.config import StaffConfig
from web.staff.core.context import Staff
from web.staff.core.secret_files import ALL, SecretFiles
from web.staff.runtime.app import create_app


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
    """Those parts, and what a test changed taken back: settings, and secrets that it put there."""
    config = ground.config
    yield ground
    ground.config = config
    for path in config.secrets_dir.iterdir():
        if path.name not in ALL:
            path.unlink()
