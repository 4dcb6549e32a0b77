"""What each listed release promised holds today: its API, and its database's shape.

Golden files are made by `python -m tests.matrix.record`."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.matrix import broken, record, releases
from web.staff.runtime.openapi import describe
from web.staff.storage import schema_now
from web.staff.storage.database import Database, parse_url
from web.staff.storage.migrate import migrate

each_release = pytest.mark.parametrize("version", releases.releases())

Change = Callable[[Any], object]


@each_release
def test_the_api_takes_nothing_away(version: str) -> None:
    """Every request that a release took is taken, every answer is what its readers expect, and the
    link's closed models, which an older home or server reads, have no new field."""
    assert list(broken.api(record.golden(version, "openapi.json"), describe())) == []


def changed(document: Any, change: Change) -> Any:
    """A copy of `document`, changed."""
    copied = copy.deepcopy(document)
    change(copied)
    return copied


def models(document: Any) -> Any:
    return document["components"]["schemas"]


API_BREAKS: dict[str, tuple[Change, str]] = {
    "a path taken away": (lambda d: d["paths"].pop("/api/v1/plan"), "/api/v1/plan: taken away"),
    "another proof": (
        lambda d: d["paths"]["/api/v1/home/events"]["post"].update(security=[]),
        "another proof is asked for",
    ),
    "a field made necessary": (
        lambda d: models(d)["PlanLine"]["required"].append("what"),
        ".what: necessary now",
    ),
    "a field taken away": (
        lambda d: models(d)["PlanLine"]["properties"].pop("team"),
        ".team: taken away",
    ),
    "an answer's field taken away": (
        lambda d: models(d)["PlanAnswer"]["properties"].pop("added"),
        ".added: taken away",
    ),
    "an answer's field of another type": (
        lambda d: models(d)["Have"]["properties"]["have"].update(type="string"),
        "string may come now",
    ),
    "an answer's field that may be absent": (
        lambda d: models(d)["Problem"]["required"].remove("now_s"),
        ".now_s: may be absent now",
    ),
    "a new field where the older end is closed": (
        lambda d: models(d)["Have"]["properties"].update(more={"type": "integer"}),
        ".more: new, and the earlier version refuses",
    ),
    "a lower limit": (
        lambda d: models(d)["EventBatch"]["properties"]["events"].update(maxItems=10),
        "maxItems was 500 and is 10",
    ),
    "null not taken": (
        lambda d: models(d)["PlanLine"]["properties"]["team"].pop("anyOf"),
        "is not taken any more",
    ),
    "a value not taken": (
        lambda d: models(d)["PlanLine"]["properties"]["what"].update(enum=["x"]),
        "is not taken any more",
    ),
    "a pattern": (
        lambda d: models(d)["PlanLine"]["properties"]["id"].update(pattern="^a"),
        "pattern was None",
    ),
    "a kind of body not taken": (
        lambda d: d["paths"]["/api/v1/plan"]["post"]["requestBody"]["content"].pop("text/csv"),
        "text/csv is not taken any more",
    ),
    "an answer gone": (
        lambda d: d["paths"]["/api/v1/home/events"]["post"]["responses"].pop("409"),
        "the answer 409 is gone",
    ),
    "a message not told": (
        lambda d: d["paths"]["/api/v1/home/stream"]["get"]["responses"]["200"]["content"][
            "text/event-stream"
        ]["x-event-data"].pop("turn"),
        "turn is not told any more",
    ),
    "a parameter necessary": (
        lambda d: d["paths"]["/api/v1/home/stream"]["get"]["parameters"][0].update(required=True),
        "Last-Event-ID is necessary now",
    ),
}


@pytest.mark.parametrize("name", API_BREAKS)
def test_a_broken_promise_of_the_api_is_found(name: str) -> None:
    """Each way of breaking one is told."""
    change, told = API_BREAKS[name]
    before = record.golden("0.1.0", "openapi.json")
    assert any(told in text for text in broken.api(before, changed(before, change)))


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["paths"].update({"/api/v1/new": {}}),
        lambda d: models(d)["PlanLine"]["properties"].update(more={"type": "integer"}),
        lambda d: models(d)["PlanAnswer"]["properties"].update(more={"type": "integer"}),
        lambda d: models(d)["EventBatch"]["properties"]["events"].update(maxItems=1000),
        lambda d: models(d)["PlanLine"]["required"].remove("until"),
        lambda d: models(d)["Have"].pop("additionalProperties"),
    ],
    ids=["a path", "a request's field", "an answer's field", "a limit", "not needed", "opened"],
)
def test_what_is_only_added_breaks_nothing(change: Change) -> None:
    """A new path, a new field, a wider limit."""
    before = record.golden("0.1.0", "openapi.json")
    assert list(broken.api(before, changed(before, change))) == []


# --- the database ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The shape of today's database."""
    file = tmp_path_factory.mktemp("shape") / "staff.db"
    database = Database(parse_url(f"sqlite:///{file}"))
    try:
        migrate(database)
        return record.shape_of(database.engine)
    finally:
        database.close()


@each_release
def test_migrations_since_a_release_only_add(version: str, today: Any) -> None:
    """A program of the release can read and write today's database: nothing that it knows is gone,
    narrower, or bound by a rule that it does not keep.  What is taken away is in `CONTRACTS`, with
    the release that did without it first."""
    found = list(broken.schema(record.golden(version, "schema.json"), today))
    listed = list(releases.releases())
    wrong = []
    for where, why in found:
        since = schema_now.CONTRACTS.get(where, "").partition(":")[0]
        allowed = since in listed and listed.index(since) > listed.index(version)
        if not allowed:
            wrong.append(f"{where}: {why}")
    assert wrong == []


def test_a_contract_says_which_programs_it_ends() -> None:
    """`OLDEST` is a revision that today's program knows, and with nothing taken away it is that of
    the first release."""
    assert schema_now.OLDEST in schema_now.known_revisions()
    if not schema_now.CONTRACTS:
        assert schema_now.OLDEST == "0014"


SCHEMA_BREAKS: dict[str, tuple[Change, str]] = {
    "a table": (lambda t: t.pop("absence"), "absence: taken away"),
    "a column": (lambda t: t["alarm"]["columns"].pop("device"), "alarm.device: taken away"),
    "a new one to be filled": (
        lambda t: t["alarm"]["columns"].update(
            more={"type": "TEXT", "nullable": False, "default": None}
        ),
        "alarm.more: new, and an earlier program does not fill it",
    ),
    "one to be filled now": (
        lambda t: t["alarm"]["columns"]["device"].update(nullable=False),
        "alarm.device: may not be empty any more",
    ),
    "a narrower type": (
        lambda t: t["alarm"]["columns"]["device"].update(type="VARCHAR(8)"),
        "alarm.device: was TEXT and is VARCHAR(8)",
    ),
    "a new unique rule": (
        lambda t: t["alarm"]["unique"].append(["device"]),
        "alarm: a new rule binds",
    ),
    "a new check": (lambda t: t["alarm"]["checks"].append("x > 0"), "alarm: a new rule binds"),
    "a new foreign key": (
        lambda t: t["alarm"]["points_to"].append(["device", "device"]),
        "alarm: a new rule binds",
    ),
}


@pytest.mark.parametrize("name", SCHEMA_BREAKS)
def test_a_migration_that_takes_away_is_found(name: str, today: Any) -> None:
    """Each way of doing so is told; a column that may be empty is not."""
    change, told = SCHEMA_BREAKS[name]
    found = [f"{where}: {why}" for where, why in broken.schema(today, changed(today, change))]
    assert [text for text in found if text.startswith(told)] != []
    more = {"type": "TEXT", "nullable": True, "default": None}
    added = changed(today, lambda t: t["alarm"]["columns"].update(more=more))
    assert list(broken.schema(today, added)) == []
