"""What earlier versions wrote is folded to the same state, and what a version writes is kept: no
kind is changed by the way (`tests/golden`).

Not for: what a newer version could write (`test_versions`).
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.envelope import GENESIS, Event, from_json, verify_next
from gateway.events import KINDS, Unknown
from tests.golden import fold, model
from tests.golden.__main__ import FILES, HERE, releases, version, write

VERSIONS = sorted(path.parent.name for path in HERE.glob("*/log.jsonl"))

TOLD = tomllib.loads((HERE / "RELEASES.toml").read_text(encoding="utf-8"))
REASONS = tomllib.loads((HERE / "REASONS.toml").read_text(encoding="utf-8"))

AGAIN = "python -m tests.golden --write"

BYTES_MAX = 200_000
"""Of one version's files: each release leaves them for ever."""


def part(name: str, of: str) -> Any:
    return json.loads((HERE / name / f"{of}.json").read_text(encoding="utf-8"))


def events_of(name: str) -> list[Event]:
    """A version's log, each event checked against its chain."""
    heads: dict[str, tuple[int, bytes]] = {}
    found = []
    for line in (HERE / name / "log.jsonl").read_text(encoding="utf-8").splitlines():
        obj = json.loads(line)
        origin = obj["origin"]
        seq, previous = heads.get(origin, (0, GENESIS))
        digest = verify_next(obj, origin=origin, seq=seq + 1, previous=previous)
        heads[origin] = seq + 1, digest
        found.append(from_json(obj))
    return found


def differences(golden: Any, now: Any, place: str) -> Iterator[str]:
    """Where a state of now is not as the golden one; what only the one of now has is new."""
    if isinstance(golden, Mapping) and isinstance(now, Mapping):
        for name, value in golden.items():
            if name in now:
                yield from differences(value, now[name], f"{place}.{name}")
            else:
                yield f"{place}.{name} is gone"
    elif isinstance(golden, list) and isinstance(now, list) and len(golden) == len(now):
        for number, (one, other) in enumerate(zip(golden, now, strict=True)):
            yield from differences(one, other, f"{place}.{number}")
    elif golden != now:
        yield f"{place} was {golden!r} and is {now!r}"


def unexplained(found: Iterator[str], reasons: Mapping[str, str]) -> list[str]:
    return [one for one in found if not one.startswith(tuple(reasons))] if reasons else list(found)


@pytest.mark.parametrize("name", VERSIONS)
def test_what_a_version_wrote_comes_to_the_same_state(name: str, tmp_path: Path) -> None:
    """Every event is read whole; the home's view, its rights and each rule, and every row of the
    server, are as that version had them."""
    events = events_of(name)
    assert [e.ref for e in events if isinstance(e.data, Unknown)] == []
    states = {"home": fold.home_state(events), "server": fold.server_state(events, tmp_path)}
    for side, now in states.items():
        found = differences(part(name, side), json.loads(json.dumps(now)), f"{name}.{side}")
        assert unexplained(found, REASONS["state"]) == [], "say why in tests/golden/REASONS.toml"


def test_a_difference_of_state_is_found() -> None:
    """In a value, a list, and what is gone; not what is new, nor what has a reason."""
    golden = {"a": [1, {"b": None}], "c": 1, "d": 2}
    now = {"a": [1, {"b": 3}], "c": 1, "new": 4}
    found = list(differences(golden, now, "1.home"))
    assert found == ["1.home.a.1.b was None and is 3", "1.home.d is gone"]
    assert unexplained(iter(found), {"1.home.a": "said"}) == ["1.home.d is gone"]
    assert list(differences([1], [1, 2], "x")) == ["x was [1] and is [1, 2]"]


def test_this_versions_kinds_are_written_down() -> None:
    """A kind, a field or a word that changed has its golden files made anew."""
    assert version() in VERSIONS, f"run: {AGAIN}"
    assert part(version(), "model") == model.described(), f"run: {AGAIN}"


@pytest.mark.parametrize("name", VERSIONS)
def test_nothing_is_taken_away(name: str) -> None:
    """What a version had of its kinds every later one has: a change of a field's meaning is a new
    kind.  What is not so has its reason."""
    away = model.taken_away(part(name, "model"), model.described())
    assert {place: what for place, what in away.items() if place not in REASONS["model"]} == {}


def test_what_is_taken_away_is_found() -> None:
    """A kind, a field, a type, a word, a default, a part's field, a field that old logs lack."""
    text = {"type": "text"}
    word = {"type": "word", "words": ["a", "b"], "default": "a"}

    def kinds(urgent: bool = False, **fields: Any) -> dict[str, Any]:
        return {"x.happened": {"by": "home", "urgent": urgent, "fields": fields}}

    old = kinds(a=text, b=word, c={"type": "list of part", "part": {"d": text}})
    assert model.taken_away(old, old) == {}
    assert model.taken_away(old, old | {"y.happened": {}}) == {}
    changed = {
        "x.happened": {},
        "x.happened.urgent": kinds(urgent=True, **old["x.happened"]["fields"]),
        "x.happened.a": kinds(**old["x.happened"]["fields"] | {"a": {"type": "number"}}),
        "x.happened.b": kinds(**old["x.happened"]["fields"] | {"b": {**word, "words": ["b"]}}),
        "x.happened.c.d": kinds(
            **old["x.happened"]["fields"] | {"c": {"type": "list of part", "part": {}}}
        ),
        "x.happened.e": kinds(**old["x.happened"]["fields"], e=text),
    }
    assert set(model.taken_away(old, {})) == {"x.happened"}
    for place, new in changed.items():
        if place != "x.happened":
            assert set(model.taken_away(old, new)) == {place}
    default = kinds(**old["x.happened"]["fields"] | {"b": {**word, "default": "b"}})
    assert set(model.taken_away(old, default)) == {"x.happened.b"}


def test_every_reason_is_about_something() -> None:
    """A reason for what is as ever would hide the next change."""
    away = set()
    for name in VERSIONS:
        away |= set(model.taken_away(part(name, "model"), model.described()))
    assert set(REASONS["model"]) <= away
    assert all(len(why) > 10 for table in REASONS.values() for why in table.values())


def test_the_golden_log_has_everything() -> None:
    """Each kind, each of its fields with and without, each word of each."""
    seen: dict[str, list[dict[str, Any]]] = {}
    for line in (HERE / version() / "log.jsonl").read_text(encoding="utf-8").splitlines():
        obj = json.loads(line)
        seen.setdefault(obj["kind"], []).append(obj["data"])
    assert set(seen) == set(KINDS)
    for kind, told in model.described().items():
        for name, field in told["fields"].items():
            values = [data[name] for data in seen[kind]]
            assert any(value not in (None, []) for value in values), f"{kind}.{name}"
            if "words" in field and kind != "fault.counted":
                assert set(field["words"]) <= set(values), f"{kind}.{name}"


def test_a_releases_files_stay_as_they_were_made() -> None:
    """They are what that version wrote, whatever this one would write."""
    for name in releases():
        files = [HERE / name / one for one in FILES]
        digest = hashlib.sha256()
        for path in files:
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
        assert digest.hexdigest() == TOLD["files"][name], name
        assert sum(path.stat().st_size for path in files) < BYTES_MAX


def test_the_command_makes_the_same_files_again(tmp_path: Path) -> None:
    """So that a change of them is a change of what is written, and nothing else."""
    write(tmp_path)
    for name in FILES:
        kept = (HERE / version() / name).read_bytes()
        assert (tmp_path / name).read_bytes() == kept, f"run: {AGAIN}"
