"""A rolling restart: servers of two versions on one PostgreSQL, while a home sends, a screen
watches and a phone opens the door.  The other way round: `python -m tests.matrix.pairs`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from gateway.demo.tree import Tree
from tests.matrix import pairs
from tests.staff import postgres


def words(url: str) -> tuple[str, str]:
    """What the database says of its schema: its revision, and the oldest program's."""
    with postgres.connected(url) as connection:
        ((revision,),) = connection.execute("SELECT version_num FROM schema_revision")
        ((oldest,),) = connection.execute("SELECT version_num FROM alembic_version")
        return revision, oldest


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.timeout(900)
def test_two_versions_on_one_database_serve_as_one(tmp_path: Path, old: Tree) -> None:
    """The database is migrated beneath the older server, which goes on; what comes to it is on the
    newer one's screen at once, and an order given there reaches the home at the older one."""
    if postgres.programs() is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    with postgres.cluster() as cluster:
        url = postgres.make_database(cluster, "rolling")
        course = pairs.one_worker_after_the_other(tmp_path / "stage", old, url)
        with closing(course):
            first = next(course)
            assert words(url)[1] == "0014", "what the release asks for"
        assert first.wrong == {}
        log = (tmp_path / "stage" / "staff.log").read_text()
        assert "Traceback" not in log
        assert "was cut" not in log, "the listening went on"
