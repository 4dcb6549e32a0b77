"""What of an earlier release's promises today's version breaks: a sentence each.

`api` compares two described APIs (OpenAPI), `schema` the shapes of two databases.  Both know which
way a thing goes: a request must stay acceptable, an answer must stay what its reader expects, a
row that an older program writes must stay allowed.  Not for: what is promised in words
(docs/compatibility.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

Json = Mapping[str, Any]

Way = Literal["asked", "answered"]
"""Whether what is described comes from a client, or goes to one."""

LINK = "/api/v1/home/"
"""Under it both ends are ours, and either may be the older: what the older one closed stays."""

AT_MOST = ("maximum", "maxLength", "maxItems")
AT_LEAST = ("minimum", "minLength", "minItems")
SAME = ("pattern", "format")


# --- the described API ----------------------------------------------------------------------------


def api(old: Json, new: Json) -> Iterator[str]:
    """What was taken away, became necessary, or changed in kind."""
    for path, methods in old["paths"].items():
        for method, before in methods.items():
            after = new["paths"].get(path, {}).get(method)
            where = f"{method.upper()} {path}"
            if after is None:
                yield f"{where}: taken away"
                continue
            yield from _Compared(old, new, closed=path.startswith(LINK)).operation(
                before, after, where
            )


class _Compared:
    """Two documents, one operation at a time."""

    def __init__(self, old: Json, new: Json, *, closed: bool) -> None:
        self._old, self._new, self._closed = old, new, closed

    def operation(self, old: Json, new: Json, where: str) -> Iterator[str]:
        if old.get("security") != new.get("security"):
            yield f"{where}: another proof is asked for"
        yield from self._parameters(old.get("parameters", []), new.get("parameters", []), where)
        before, after = old.get("requestBody"), new.get("requestBody")
        if after is not None and after.get("required") and not (before or {}).get("required"):
            yield f"{where}: a body is necessary now"
        for kind, media in (before or {}).get("content", {}).items():
            now = (after or {}).get("content", {}).get(kind)
            if now is None:
                yield f"{where}: {kind} is not taken any more"
            else:
                yield from self.value(media["schema"], now["schema"], f"{where} body", "asked")
        for status, answer in old["responses"].items():
            if status not in new["responses"]:
                yield f"{where}: the answer {status} is gone"
                continue
            contents = new["responses"][status].get("content", {})
            for kind, media in answer.get("content", {}).items():
                now = contents.get(kind)
                at = f"{where} {status}"
                if now is None:
                    yield f"{at}: is not {kind} any more"
                    continue
                yield from self.value(media["schema"], now["schema"], at, "answered")
                for name, told in media.get("x-event-data", {}).items():
                    data = now.get("x-event-data", {}).get(name)
                    if data is None:
                        yield f"{at}: {name} is not told any more"
                    else:
                        yield from self.value(told, data, f"{at} {name}", "answered")

    def _parameters(self, old: list[Json], new: list[Json], where: str) -> Iterator[str]:
        before = {(one["in"], one["name"]): one for one in old}
        after = {(one["in"], one["name"]): one for one in new}
        for key, one in before.items():
            if key not in after:
                yield f"{where}: {key[1]} is not taken any more"
            else:
                at = f"{where} {key[1]}"
                yield from self.value(one["schema"], after[key]["schema"], at, "asked")
        for key, one in after.items():
            if one.get("required") and not before.get(key, {}).get("required"):
                yield f"{where}: {key[1]} is necessary now"

    def value(self, old: Json, new: Json, where: str, way: Way) -> Iterator[str]:
        """Two schemas of one value."""
        old, new = _resolved(self._old, old), _resolved(self._new, new)
        fewer, more = (old, new) if way == "asked" else (new, old)
        # asked: all that was taken is taken still; answered: nothing comes that never came
        missing = _kinds(self._old if way == "asked" else self._new, fewer) - _kinds(
            self._new if way == "asked" else self._old, more
        )
        if missing:
            yield f"{where}: {', '.join(sorted(missing))} {_verb(way)}"
            return
        if "enum" in more or "const" in more:
            yield from (
                f"{where}: the value {one!r} {_verb(way)}"
                for one in sorted(_values(fewer) - _values(more), key=str)
            )
        if way == "asked":
            yield from _tightened(old, new, where)
        if "items" in old and "items" in new:
            yield from self.value(old["items"], new["items"], f"{where}[]", way)
        yield from self._fields(old, new, where, way)

    def _fields(self, old: Json, new: Json, where: str, way: Way) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name, schema in before.items():
            if name in after:
                yield from self.value(schema, after[name], f"{where}.{name}", way)
            else:
                yield f"{where}.{name}: taken away"
        needed, now_needed = set(old.get("required", ())), set(new.get("required", ()))
        more = now_needed - needed if way == "asked" else needed - now_needed
        for name in sorted(more & (set(before) | set(after))):
            yield f"{where}.{name}: {'necessary now' if way == 'asked' else 'may be absent now'}"
        if self._closed and old.get("additionalProperties") is False:
            for name in sorted(set(after) - set(before)):
                yield f"{where}.{name}: new, and the earlier version refuses what it does not know"


def _verb(way: Way) -> str:
    return "is not taken any more" if way == "asked" else "may come now"


def _resolved(document: Json, schema: Json) -> Json:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def _kinds(document: Json, schema: Json) -> set[str]:
    """The JSON types that a schema allows."""
    if "anyOf" in schema:
        return set().union(*(_kinds(document, _resolved(document, one)) for one in schema["anyOf"]))
    kind = schema.get("type")
    return {"anything"} if kind is None else {kind} if isinstance(kind, str) else set(kind)


def _values(schema: Json) -> set[Any]:
    return {schema["const"]} if "const" in schema else set(schema.get("enum", {"anything"}))


def _tightened(old: Json, new: Json, where: str) -> Iterator[str]:
    for names, sign in ((AT_MOST, 1), (AT_LEAST, -1)):
        for name in names:
            if name in new and (name not in old or sign * new[name] < sign * old[name]):
                yield f"{where}: {name} was {old.get(name)} and is {new[name]}"
    for name in SAME:
        if name in new and new[name] != old.get(name):
            yield f"{where}: {name} was {old.get(name)} and is {new[name]}"


# --- the database ---------------------------------------------------------------------------------


def schema(old: Json, new: Json) -> Iterator[tuple[str, str]]:
    """What an earlier program would miss, or may not write any more: the `table` or
    `table.column`, and what is wrong with it.  The words for revisions are not compared."""
    for table, before in old.items():
        if table == "alembic_version":
            continue
        after = new.get(table)
        if after is None:
            yield table, "taken away"
            continue
        for name, column in before["columns"].items():
            now = after["columns"].get(name)
            if now is None:
                yield f"{table}.{name}", "taken away"
            else:
                yield from _column(f"{table}.{name}", column, now)
        for name, column in after["columns"].items():
            if name not in before["columns"] and not (
                column["nullable"] or column["default"] is not None
            ):
                yield f"{table}.{name}", "new, and an earlier program does not fill it"
        if before["key"] != after["key"]:
            yield table, f"its key is {after['key']}"
        for what in ("unique", "checks", "points_to"):
            for one in after[what]:
                if one not in before[what] and _binds_old(one, before):
                    yield table, f"a new rule binds what an earlier program writes: {what} {one}"


def _binds_old(rule: object, before: Json) -> bool:
    """Whether a rule is about columns that an earlier program fills: one about new columns alone,
    which it leaves empty, binds nothing that it writes."""
    if isinstance(rule, str):  # a check, as SQL
        return True
    named = [str(name) for name in rule] if isinstance(rule, list) else []
    return any(name in before["columns"] for name in named)


def _column(where: str, old: Json, new: Json) -> Iterator[tuple[str, str]]:
    if old["type"] != new["type"]:
        yield where, f"was {old['type']} and is {new['type']}"
    if old["nullable"] and not new["nullable"]:
        yield where, "may not be empty any more"
    if old["default"] is not None and new["default"] is None and not new["nullable"]:
        yield where, "has no default any more"
