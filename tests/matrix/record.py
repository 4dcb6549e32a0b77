"""Keeps what a release promised, made by the release's own code: its described API and the shape of
its database, as `tests/golden/<version>/openapi.json` and `schema.json`.

`python -m tests.matrix.record [VERSION …]`, once a release, when it stands in
`tests/golden/RELEASES.toml`.  Not for: events, whose golden logs `tests.golden` keeps.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, inspect

from gateway.demo.tree import Tree
from tests.matrix import releases

GOLDEN = releases.LIST.parent

Shape = dict[str, Any]

_OPENAPI = """
import json
from web.staff.runtime.openapi import describe
print(json.dumps(describe()))
"""

_MIGRATE = """
import sys
from web.staff.storage.database import Database, parse_url
from web.staff.storage.migrate import migrate
database = Database(parse_url(f"sqlite:///{sys.argv[1]}"))
migrate(database)
database.close()
"""


def shape_of(engine: Engine) -> Shape:
    """Tables and their columns, and what a row must be unique or true in: what a program relies on
    when it reads and writes."""
    found = inspect(engine)
    tables: Shape = {}
    for table in sorted(found.get_table_names()):
        tables[table] = {
            "columns": {
                column["name"]: {
                    "type": str(column["type"]),
                    "nullable": column["nullable"],
                    "default": column["default"],
                }
                for column in found.get_columns(table)
            },
            "key": found.get_pk_constraint(table)["constrained_columns"],
            "unique": sorted(
                [
                    *(sorted(one["column_names"]) for one in found.get_unique_constraints(table)),
                    *(
                        sorted(str(name) for name in one["column_names"])
                        for one in found.get_indexes(table)
                        if one["unique"]
                    ),
                ]
            ),
            "checks": sorted(one["sqltext"] for one in found.get_check_constraints(table)),
            "points_to": sorted(
                [*one["constrained_columns"], one["referred_table"]]
                for one in found.get_foreign_keys(table)
            ),
        }
    return tables


def golden(version: str, name: str) -> Any:
    """What was kept of a release."""
    return json.loads((GOLDEN / version / name).read_text(encoding="utf-8"))


def record(version: str) -> None:
    """Keep what this release promised."""
    from web.staff.storage.database import Database, parse_url

    kept = GOLDEN / version
    kept.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tryggve-release-") as folder:
        tree = Tree(releases.unpack(version, Path(folder) / "code"))
        _write(kept / "openapi.json", json.loads(_run(tree, _OPENAPI)))
        file = Path(folder) / "staff.db"
        _run(tree, _MIGRATE, str(file))
        database = Database(parse_url(f"sqlite:///{file}"))
        try:
            _write(kept / "schema.json", shape_of(database.engine))
        finally:
            database.close()


def _run(tree: Tree, code: str, *words: str) -> str:
    done: subprocess.CompletedProcess[str] = subprocess.run(
        tree.script(code, *words),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        **tree.started,
    )
    return done.stdout


def _write(path: Path, what: object) -> None:
    text = json.dumps(what, indent=1, sort_keys=True, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    for named in sys.argv[1:] or [releases.last_release()]:
        record(named)
