"""Imports go one way only (docs/architecture.md): who may know whom, held by reading the source."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

import drivers
from tests._tree import ROOT, Import, Module, modules, within

BASE = (
    *("errors", "origin", "events", "envelope_fields", "envelope", "commands", "ports"),
    *("wire_fields", "wire"),
    *("clock", "version"),
)
"""What everything stands on."""

PURE = ("access", "schedule", "night_plan", "rules", "installs")

ROOMS_OF_HOME = (
    *BASE,
    *PURE,
    *("scaip", "config", "engine", "state", "doors", "link", "services", "media", "second_path"),
    *("updates", "replay", "app", "docs", "demo", "cli"),
)
"""The gateway from the ground up: a room knows only those before it.  `app` is the composition
root; what follows it stands around the home and is not part of it."""

ROOMS_OF_STAFF = (
    *("storage", "realtime", "core", "texts", "events", "care", "visits", "homelink", "signin"),
    *("doors", "talk", "checks", "looks", "configs", "people", "installs", "foresight", "places"),
    *("channels", "ladders"),
    *("relatives", "releases", "audit", "pages", "runtime", "cli"),
)
"""The staff server from the ground up (web/staff/__init__.py says what each is for)."""

PURE_NAMES = tuple(f"gateway.{name}" for name in PURE)
OUTSIDE = ("gateway.app", "gateway.docs", "gateway.demo", "gateway.cli")
"""What may know the server, the demo's virtual hardware, or both programs: the composition root
hands the page that the Pi serves its port, the others start programs."""

STARTS_DRIVERS = "gateway.services.driver_supervisor"
"""The one part of the runtime that loads drivers; it chooses the pin factory and the scanner."""

PURE_LIBRARIES = {
    *("__future__", "abc", "base64", "binascii", "bisect", "collections", "contextlib"),
    *("dataclasses", "datetime", "enum", "functools", "hashlib", "hmac", "importlib", "itertools"),
    *("json", "math", "operator"),
    *("pkgutil", "re", "types", "typing", "uuid", "zoneinfo"),
    *("cryptography", "jwt", "pydantic"),
}
"""What the pure layer may use.  `importlib` and `pkgutil` find the rules; `jwt` checks a grant's
signature.  No clock, no chance, no I/O, no thread: nothing that makes a replay differ."""

CLOCK_CALLS = frozenset({"now", "utcnow", "today", "uuid1", "uuid4"})
"""Calls that read a clock or chance through a module that is allowed."""

STAFF_KNOWS = (
    "gateway.events",
    "gateway.errors",
    "gateway.envelope",
    "gateway.origin",
    "gateway.access",
    "gateway.installs",
    "gateway.wire",
    "gateway.clock",
    "gateway.night_plan",
    "gateway.schedule",
    "gateway.media.description",
    "gateway.scaip",
    "gateway.updates.archive",
    "gateway.updates.papers",
    "gateway.updates.target",
    "gateway.updates.trust",
)
DRIVERS_KNOW = ("gateway.events", "gateway.ports", "gateway.errors")
HOME_PAGE_KNOWS = ("gateway.installs",)
DRIVER_ROOMS = (
    *("drivers.wired", "drivers.pictures", "drivers.radio", "drivers.modem", "drivers.locks"),
)
"""What drivers share, from the ground up."""

SERVER_AND_DEMO_ONLY = (
    "alembic",
    "argon2",
    "babel",
    "bumble",
    "flask_babel",
    "flask_login",
    "flask_security",
    "gunicorn",
    "psycopg",
    "sqlalchemy",
    "wtforms",
)
"""Not installed on a Pi (pyproject.toml)."""


def room(name: str, package: str, rooms: tuple[str, ...]) -> int:
    """How far from the ground a module's room is."""
    return rooms.index(name.removeprefix(f"{package}.").split(".")[0])


def imports_of(*packages: str) -> Iterator[tuple[Module, Import]]:
    for module in modules().values():
        if within(module.name, *packages):
            yield from ((module, found) for found in module.imports)


def assert_none(wrong: list[str]) -> None:
    assert not wrong, "\n" + "\n".join(wrong)


def test_the_named_modules_exist() -> None:
    """A rule about a module that was renamed would hold nothing."""
    names = [*OUTSIDE, *STAFF_KNOWS, *DRIVERS_KNOW, *DRIVER_ROOMS, STARTS_DRIVERS]
    names.append("web.home.port")
    assert_none([name for name in names if name not in modules()])


PAGE = (ROOT / "docs/architecture.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("folder", "rooms"),
    [
        ("gateway/", ROOMS_OF_HOME),
        ("drivers/", tuple(name.removeprefix("drivers.") for name in DRIVER_ROOMS)),
        ("web/staff/", ROOMS_OF_STAFF),
    ],
)
def test_the_page_lists_the_rooms_in_this_order(folder: str, rooms: tuple[str, ...]) -> None:
    """docs/architecture.md: a reader finds every room there, each after those it stands on."""
    listed = re.search(rf"^{folder} .*\n((?:  \S.*\n)+)", PAGE, re.MULTILINE)
    assert listed is not None
    found = [re.split(" {2,}", line.strip())[0] for line in listed[1].splitlines()]
    assert [room for line in found for room in line.split() if "/" not in room] == list(rooms)


@pytest.mark.parametrize(
    ("package", "rooms"), [("gateway", ROOMS_OF_HOME), ("web.staff", ROOMS_OF_STAFF)]
)
def test_the_map_of_a_program_has_this_order(package: str, rooms: tuple[str, ...]) -> None:
    """Its `__init__.py` is read from the ground up."""
    text = ast.get_docstring(modules()[package].tree) or ""
    assert re.findall(r"^ {4}(\w+) {2,}\S", text, re.MULTILINE) == list(rooms)


@pytest.mark.parametrize(
    ("who", "known"),
    [("drivers", DRIVERS_KNOW), ("web.home", HOME_PAGE_KNOWS), ("web.staff", STAFF_KNOWS)],
)
def test_the_page_says_what_each_may_know(who: str, known: tuple[str, ...]) -> None:
    """docs/architecture.md: the very modules of the gateway, up to a semicolon."""
    line = re.search(rf"^{re.escape(who)} +→ gateway\.(.+(?:\n {{8,}}.+)*)", PAGE, re.MULTILINE)
    assert line is not None
    named = re.split(r",\s+", line[1].partition(";")[0])
    assert {f"gateway.{name}" for name in named} == set(known)


@pytest.mark.parametrize(
    ("package", "rooms"), [("gateway", ROOMS_OF_HOME), ("web.staff", ROOMS_OF_STAFF)]
)
def test_each_room_imports_only_those_below_it(package: str, rooms: tuple[str, ...]) -> None:
    """The order stands here and nowhere else; a new room must be given its place."""
    inside = [name for name in modules() if name.startswith(f"{package}.")]
    assert {name.removeprefix(f"{package}.").split(".")[0] for name in inside} == set(rooms)
    assert_none(
        [
            f"{module.where(found.line)} imports {found.target}"
            for module, found in imports_of(package)
            if within(found.target, package)
            and package not in (module.name, found.target)
            and room(found.target, package, rooms) > room(module.name, package, rooms)
        ]
    )


def test_the_pure_layer_uses_pure_libraries_only() -> None:
    """Rules, access and schedule: no asyncio, no time, no random, no files, no network."""
    assert_none(
        [
            f"{module.where(found.line)} imports {found.target}"
            for module, found in imports_of(*PURE_NAMES)
            if not within(found.target, "gateway")
            and found.target.split(".")[0] not in PURE_LIBRARIES
        ]
    )


def test_the_pure_layer_reads_no_clock() -> None:
    """Time reaches the rules in events and ticks: `datetime.now` there would break every replay."""
    assert_none(
        [
            f"{module.where(node.lineno)} calls .{node.func.attr}()"
            for module in modules().values()
            if within(module.name, *PURE_NAMES)
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in CLOCK_CALLS
        ]
    )


def test_the_pure_layer_knows_no_clock_and_no_link() -> None:
    """`gateway.clock` tells the time and `gateway.wire` is for the link: neither is for rules."""
    assert_none(
        [
            f"{module.where(found.line)} imports {found.target}"
            for module, found in imports_of(*PURE_NAMES)
            if within(found.target, "gateway.clock", "gateway.wire")
        ]
    )


def test_a_driver_knows_three_modules_of_the_gateway() -> None:
    """A driver can be written, and sent to somebody else, without the rest of the gateway."""
    virtual = (*DRIVERS_KNOW, "gateway.clock")
    assert_none(
        [
            f"{module.where(found.line)} imports {found.target}"
            for module, found in imports_of("drivers")
            if within(found.target, "gateway", "web")
            and not within(
                found.target,
                *(virtual if within(module.name, "drivers.virtual") else DRIVERS_KNOW),
            )
        ]
    )


def make_of(name: str) -> str | None:
    """Whose a module of `drivers` is: `nuki` for `drivers.lock_nuki` and for
    `drivers.locks.nuki_client`; None for what all share."""
    _, *rooms, stem = name.split(".")
    if not rooms:
        return None if stem.startswith("_") else stem.removeprefix("lock_")
    makes = {driver.removeprefix("lock_") for driver in drivers.names()}
    return next((make for make in makes if stem.startswith(f"{make}_")), None)


def test_a_driver_knows_no_other_driver() -> None:
    """What drivers share stands in the rooms, or begins with `_`, and knows no make; what is one
    make's own begins with its name, and only that make knows it.  Only the virtual other side of
    the hardware may use a driver's protocol."""
    wrong = []
    for module, found in imports_of("drivers"):
        of_drivers = found.target.startswith("drivers.") and module.name != "drivers"
        if within(module.name, "drivers.virtual") or not of_drivers:
            continue
        if found.target in DRIVER_ROOMS:
            continue  # the package: what is taken from it is looked at by itself
        a_driver = found.target.count(".") == 1 and not found.target.startswith("drivers._")
        if a_driver or make_of(found.target) not in (None, make_of(module.name)):
            wrong.append(f"{module.where(found.line)} imports {found.target}")
    assert_none(wrong)


def test_the_rooms_of_the_drivers_stand_one_on_another() -> None:
    """Locks stand on the radio; what is wired knows neither."""
    assert_none(
        [
            f"{module.where(found.line)} imports {found.target}"
            for place, room in enumerate(DRIVER_ROOMS)
            for module, found in imports_of(room)
            if within(found.target, *DRIVER_ROOMS[place + 1 :])
        ]
    )


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("drivers.lock_nuki", "nuki"),
        ("drivers.locks.nuki_client", "nuki"),
        ("drivers.radio.bthome_decode", "bthome"),
        ("drivers.locks.operation", None),
        ("drivers.wired.mat_load", None),
        ("drivers._state_file", None),
    ],
)
def test_whose_a_module_of_the_drivers_is(name: str, make: str | None) -> None:
    """The rule above stands on the names."""
    assert name in modules()
    assert make_of(name) == make


def test_nothing_but_drivers_knows_hardware() -> None:
    """The runtime reaches hardware through `gateway.ports`; app builds the parts, demo the virtual
    ones."""
    libraries = ("bleak", "bleak_retry_connector", "gpiozero", "lgpio", "nacl", "bumble")
    wrong = [
        f"{module.where(found.line)} imports {found.target}"
        for module, found in imports_of("gateway", "web")
        if within(found.target, *libraries)
        and not (module.name == STARTS_DRIVERS and within(found.target, "gpiozero.pins"))
    ]
    for module, found in imports_of("gateway", "web"):
        a_driver = found.target.startswith("drivers.") and not within(
            module.name, STARTS_DRIVERS, *OUTSIDE
        )
        virtual = within(found.target, "drivers.virtual")
        if a_driver or (virtual and not within(module.name, "gateway.demo")):
            wrong.append(f"{module.where(found.line)} imports {found.target}")
    assert_none(wrong)


def test_bumble_stays_with_the_virtual_radio() -> None:
    """The virtual radio is for tests and the demo; a Pi never loads it."""
    assert_none(
        [
            f"{module.where(found.line)} imports {found.target}"
            for module, found in imports_of("gateway", "drivers", "web")
            if within(found.target, "bumble") and not within(module.name, "drivers.virtual")
        ]
    )


def test_the_server_knows_of_the_gateway_only_what_both_speak() -> None:
    """`STAFF_KNOWS`: the home's runtime is not the server's."""
    assert_none(
        [
            f"{module.where(found.line)} imports {found.target}"
            for module, found in imports_of("web.staff")
            if within(found.target, "gateway", "drivers", "web.home")
            and not within(found.target, *STAFF_KNOWS)
        ]
    )


DRAWN = ("web.icons", "web.driver_words", "web.shown_text")
"""What the home's page and the server's pages have in common."""


def test_the_page_of_the_home_knows_only_its_own_port() -> None:
    """`web.home` is handed what it shows; it cannot reach the engine, and opens no door.  What it
    has in common with the server's pages is pure, or drawn."""
    assert_none(
        [
            f"{module.where(found.line)} imports {found.target}"
            for module, found in imports_of("web.home")
            if within(found.target, "gateway", "drivers", "web")
            and not within(found.target, "web.home", *DRAWN, *HOME_PAGE_KNOWS)
            and found.target != "web"  # where its files lie
        ]
    )


def test_the_gateway_names_nothing_that_a_pi_does_not_have() -> None:
    """What only the server or the demo has installed is imported by neither the home nor its
    drivers, not even in a function."""
    assert_none(
        [
            f"{module.where(found.line)} imports {found.target}"
            for module, found in imports_of("gateway", "drivers", "web.home")
            if within(found.target, *SERVER_AND_DEMO_ONLY)
            and not within(module.name, "gateway.demo", "drivers.virtual")
        ]
    )


def test_the_home_and_the_server_never_import_each_other() -> None:
    """One machine may run either; only the command line and the demo know both."""
    assert_none(
        [
            f"{module.where(found.line)} imports {found.target}"
            for module, found in imports_of("gateway")
            if within(found.target, "web.staff")
            and not within(module.name, "gateway.demo", "gateway.cli")
        ]
        + [
            f"{module.where(found.line)} imports {found.target}"
            for module, found in imports_of("gateway")
            if within(found.target, "web.home") and not within(module.name, *OUTSIDE)
        ]
    )


def test_starting_the_home_loads_neither_the_server_nor_the_demo() -> None:
    """Memory and start on a Pi: `gateway.app.home` and the command line, really imported."""
    ours = ("web.staff", "gateway.demo", "drivers.virtual")
    unwanted = (*SERVER_AND_DEMO_ONLY, *ours, "requests", "paho")  # paho: where a broker is named
    code = (
        "import sys, gateway.app.home, gateway.cli\n"
        f"print(*sorted(set(sys.modules) & set({unwanted!r})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_no_two_modules_import_each_other() -> None:
    """No cycle, of any length, not even through an import inside a function or for types only: who
    needs another's type needs a port."""
    graph: dict[str, set[str]] = {
        module.name: {
            found.target
            for found in module.imports
            if found.target in modules() and found.target != module.name
        }
        for module in modules().values()
    }
    assert_none([" → ".join(cycle) for cycle in cycles(graph)])


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """One cycle for each group of modules that reach each other."""
    found: list[list[str]] = []
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> None:
        if name in path:
            found.append([*path[path.index(name) :], name])
            return
        if name in done:
            return
        for target in sorted(graph[name]):
            walk(target, [*path, name])
        done.add(name)

    for name in sorted(graph):
        walk(name, [])
    return found


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"c"}, "c": {"a"}}, [["a", "b", "c", "a"]]),
        ({"a": set(), "b": {"c"}, "c": {"b"}}, [["b", "c", "b"]]),
    ],
)
def test_a_cycle_is_found(graph: dict[str, set[str]], expected: list[list[str]]) -> None:
    """The search above can fail: it is held to graphs whose cycles are known."""
    assert cycles(graph) == expected
