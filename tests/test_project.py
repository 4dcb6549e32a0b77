"""The project's rules about itself: files small and explained, dependencies locked, licences known,
no secret given away, nothing in the tree that belongs to one machine."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import gateway
import web.staff
from tests._tree import ROOT, modules, tracked

LINES_MAX, TEST_LINES_MAX = 450, 600
"""Lines of a file: about 400, for a bit over beats a bad cut; tests are tables of cases, and read
from the middle."""

LONGER: dict[str, str] = {}
"""Longer files, each with its reason."""

EXTRAS: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
    "optional-dependencies"
]
LOCKED = (*EXTRAS, "build")
SHIPPED = tuple(name for name in EXTRAS if name not in ("test", "mutate"))
"""What somebody who runs Tryggve installs; `test` and `mutate` are for those who change it."""

LGPL = {
    "libusb1": "bumble's USB transport, in the demo only; loaded as a module of its own, unused",
    "psycopg": "asks PostgreSQL; a package of its own, which whoever runs it may replace",
    "psycopg-binary": "the same, compiled: in Python the driver took a third of the time",
}
"""Weak copyleft among what is shipped, each with its reason."""

WORDS_OF_ONE_MACHINE = (
    r"(?<![\w.])/work/",
    r"/[r]oot/",
    r"/home/(?!<|tryggve|pi\b)[a-z]+/",
    r"pypi[.]org",
    r"python[h]osted",
    r"registry\.npmjs",
    r"deb\.debian\.org",
    r"snapshot\.debian",
    r"\.pyenv",
    r"--(extra-)?index-url",
    r"--find-links",
    r"extra-index",
)
"""What a file of the project never says: paths of a developer's machine, and where packages come
from (that is for each machine's own pip and apt to know)."""

BINARY = {".png", ".svg", ".ico", ".woff2", ".gz", ".sqlite", ".mp3", ".ogg", ".wav", ".xz"}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def locked(name: str) -> dict[str, str]:
    """Distribution to version, as `requirements/<name>.txt` locks them for Linux."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    found = {}
    for line in re.findall(r"^([A-Za-z0-9][^\s;\\]*==[^\\]*?)\s*\\?$", text, re.MULTILINE):
        spec, _, marker = line.partition(";")
        if re.search(r"== '(win32|darwin)'", marker):
            continue
        package, version = spec.strip().split("==")
        found[package] = version
    return found


# --- files ----------------------------------------------------------------------------------------


def test_every_file_is_of_readable_length() -> None:
    """One idea a file; a longer one has its reason in `LONGER`."""
    sources = tracked("*.py")
    assert sources
    lengths = {relative(path): len(path.read_text().splitlines()) for path in sources}
    longest = {n: TEST_LINES_MAX if n.startswith("tests/") else LINES_MAX for n in lengths}
    assert {n: k for n, k in lengths.items() if k > longest[n] and n not in LONGER} == {}
    assert [n for n in LONGER if lengths.get(n, 0) <= LINES_MAX] == [], "no longer an exception"


def test_every_module_says_what_it_is_for() -> None:
    """The docstring at the top is what a reader sees first."""
    silent = []
    for path in tracked("*.py"):
        text = path.read_text()
        if text.strip() and not ast.get_docstring(ast.parse(text)):
            silent.append(relative(path))
    assert silent == []


@pytest.mark.parametrize("package", [gateway, web.staff], ids=lambda package: package.__name__)
def test_the_map_of_a_program_is_complete(package: ModuleType) -> None:
    """Its `__init__.py` names every room, and none that is gone."""
    text = package.__doc__ or ""
    inside = f"{package.__name__}."
    parts = {n.removeprefix(inside).split(".")[0] for n in modules() if n.startswith(inside)}
    named = set(re.findall(r"^ {4}(\w+) {2,}\S", text, re.MULTILINE))
    assert (parts - named, named - parts) == (set(), set())


def test_nothing_in_the_tree_belongs_to_one_machine() -> None:
    """No path of a developer's machine, no address of a package index."""
    pattern = re.compile("|".join(WORDS_OF_ONE_MACHINE))
    found = []
    for path in tracked():
        if path.suffix in BINARY or relative(path) == "tests/test_project.py":
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if pattern.search(line):
                found.append(f"{relative(path)}:{number}: {line.strip()[:120]}")
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "cd /" + "work/somewhere",
        "/" + "root/x",
        "/home/somebody/x",
        "--index-url x",
        "https://py" + "pi.org/y",
    ],
)
def test_what_belongs_to_one_machine_is_recognised(line: str) -> None:
    """The search above can fail."""
    assert re.search("|".join(WORDS_OF_ONE_MACHINE), line)


# --- secrets --------------------------------------------------------------------------------------

SECRET_NAME = re.compile(r"(?i)(^|_)(secret|password|passphrase|private_key|api_key|salt)(_key)?$")
"""Names that hold a secret."""


def test_no_secret_has_a_default() -> None:
    """A name that holds a secret is never given a text in the source: not as a constant, not as a
    field's or an argument's default, not in a dictionary of settings, not by `getenv`."""
    found = []
    for module in modules().values():
        if module.name.startswith("gateway.demo"):
            continue  # the demo makes its own accounts, and refuses to be anything else
        for name, value, line in _assigned(module.tree):
            if SECRET_NAME.search(name) and _gives_text(value) and not _is_a_word(name, value):
                found.append(f"{module.where(line)}: {name}")
    assert found == []


def test_a_secret_with_a_default_is_found() -> None:
    """The search above can fail, in each form that it knows."""
    source = (
        "SECRET_KEY = 'x'\n"
        "class C:\n    password: str = 'x'\n"
        "def f(*, api_key='x'): ...\n"
        "settings = {'SECURITY_PASSWORD_SALT': 'x'}\n"
        "config['SECRET_KEY'] = os.environ.get('SECRET_KEY', 'x')\n"
        "dict(salt='x')\n"
    )
    names = [n for n, v, _ in _assigned(ast.parse(source)) if SECRET_NAME.search(n)]
    assert len(names) == 6
    assert all(_gives_text(v) for n, v, _ in _assigned(ast.parse(source)) if SECRET_NAME.search(n))


def _assigned(tree: ast.AST) -> list[tuple[str, ast.expr | None, int]]:
    out: list[tuple[str, ast.expr | None, int]] = []
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets, value=value):
                out += [(_target(t), value, node.lineno) for t in targets]
            case ast.AnnAssign(target=target, value=value):
                out.append((_target(target), value, node.lineno))
            case ast.keyword(arg=str(name), value=value):
                out.append((name, value, value.lineno))
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant) and isinstance(key.value, str):
                        out.append((key.value, value, value.lineno))
            case ast.arguments():
                plain = [*node.posonlyargs, *node.args]
                pairs = [
                    *zip(plain[len(plain) - len(node.defaults) :], node.defaults, strict=True),
                    *zip(node.kwonlyargs, node.kw_defaults, strict=True),
                ]
                out += [(arg.arg, default, arg.lineno) for arg, default in pairs]
    return out


def _target(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
    return ""


def _gives_text(value: ast.expr | None) -> bool:
    """Is this a literal text, or a look-up with a literal text to fall back on?"""
    match value:
        case ast.Constant(value=str(text) | bytes(text)):
            return bool(text)
        case ast.Call(args=[_, ast.Constant(value=str(text))]):
            return bool(text)
        case ast.BoolOp(values=[*_, ast.Constant(value=str(text))]):
            return bool(text)
    return False


def _is_a_word(name: str, value: ast.expr | None) -> bool:
    """`PASSWORD = "password"` names a way to sign in, or a form's field; it is no secret."""
    return isinstance(value, ast.Constant) and value.value == name.lower()


# --- dependencies ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOCKED)
def test_every_locked_package_has_its_hash(name: str) -> None:
    """pip takes nothing whose bytes are not named here; and no address stands in the file."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    entries = [entry for entry in re.split(r"\n(?=\S)", text.strip()) if entry[0] != "#"]
    assert entries
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text


@pytest.mark.parametrize("name", [name for name in LOCKED if name != "test"])
def test_every_lock_agrees_with_that_of_the_tests(name: str) -> None:
    """What is tested is what runs: the same versions (lgpio, which needs a Pi, is not in both; what
    mutates the code stands on what the tests need)."""
    tested = locked("test")
    other = {package: version for package, version in locked(name).items() if package != "lgpio"}
    if name == "mutate":
        other = {package: version for package, version in other.items() if package in tested}
    assert {p: v for p, v in other.items() if tested.get(p) != v} == {}


def whole(extra: str) -> list[str]:
    """An extra's requirements, with those of the extras that it names (`tryggve[staff,demo]`)."""
    found = []
    for requirement in EXTRAS[extra]:
        named = re.fullmatch(r"tryggve\[(.+)\]", requirement)
        inner = named.group(1).split(",") if named else []
        found += [one for name in inner for one in whole(name)] if named else [requirement]
    return found


def test_every_direct_dependency_is_locked() -> None:
    """pyproject.toml and the locked files were not changed one without the other."""
    project = pyproject()["project"]
    wanted = {name: [*project["dependencies"], *whole(name)] for name in EXTRAS}
    wanted["build"] = pyproject()["build-system"]["requires"]
    missing = {
        name: [r for r in requirements if _name(r) not in {"tryggve", *locked(name)}]
        for name, requirements in wanted.items()
    }
    assert {name: absent for name, absent in missing.items() if absent} == {}


def test_a_pi_installs_no_server_and_no_demo() -> None:
    """Memory, and what can go wrong: the home's closure has no database library and no bumble."""
    assert not {"sqlalchemy", "flask-security", "bumble", "gunicorn", "alembic"} & set(locked("pi"))
    assert "bumble" not in locked("staff")


@pytest.mark.parametrize("name", SHIPPED)
def test_no_shipped_package_is_under_a_strong_copyleft_licence(name: str) -> None:
    """Tryggve is Apache-2.0: no GPL or AGPL in what it needs, and LGPL only where listed."""
    licences = {package: licence_of(package) for package in locked(name)}
    installed = {package: text for package, text in licences.items() if text is not None}
    assert set(licences) - set(installed) <= {"lgpio"}, "is everything installed?"
    assert {p: text for p, text in installed.items() if not text.strip()} == {}
    strong = {p: t for p, t in installed.items() if re.search(r"(?<!L)GPL|(?<!er )General P", t)}
    assert strong == {}
    weak = {package for package, text in installed.items() if re.search(r"LGPL|Lesser", text)}
    assert weak <= set(LGPL)


def licence_of(package: str) -> str | None:
    """What a distribution says of its licence; None when it is not installed."""
    try:
        told = distribution(package).metadata
    except PackageNotFoundError:
        return None
    named = [c for c in told.get_all("Classifier") or [] if c.startswith("License")]
    # the whole licence is sometimes pasted into the field; its first line names it
    field = "".join(told.get_all("License") or []).strip().partition("\n")[0]
    expression = "".join(told.get_all("License-Expression") or [])
    return " | ".join([*filter(None, [expression, field]), *named])


def test_the_project_says_its_own_licence_everywhere_alike() -> None:
    """Apache-2.0 in the metadata, the file and the README."""
    assert pyproject()["project"]["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    assert "Apache-2.0" in (ROOT / "README.md").read_text()


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def _name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match
    return re.sub(r"[-_.]+", "-", match[0]).lower()


def test_every_ignored_lint_has_its_reason() -> None:
    """`noqa` and `type: ignore` name what they silence, and only that."""
    bare = []
    for path in tracked("*.py"):
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            if re.search(r"#\s*noqa(?!: [A-Z]+[0-9]+)|#\s*type:\s*ignore(?!\[)", line):
                bare.append(f"{relative(path)}:{number}")
    assert [hit for hit in bare if not hit.startswith("tests/test_project.py")] == []


def test_what_a_page_says_or_not_is_no_two_letters() -> None:
    """A page holds a random token for its forms: any two letters stand in one of fifty, so what is
    not to be there may be, and what is to be there may be there by chance alone."""
    short = re.compile(
        r"""["'][\w.-]{1,3}["'] (?:not )?in (?:text_of\(|page\b|html\b|\w+\.get_data)"""
    )
    for line in ("'77' not in text_of(planner, path)", "'42' in page"):
        assert short.search(line.replace("'", '"'))
    found = [
        relative(path)
        for path in tracked("tests/*.py")
        if short.search(path.read_text("utf-8")) and path.name != Path(__file__).name
    ]
    assert found == []
