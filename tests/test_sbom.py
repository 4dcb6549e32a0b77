"""The bill of materials of a release: `make sbom` (tools/sbom.py)."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import ModuleType
from typing import Any

import fastjsonschema
import pytest

from tests._tree import ROOT
from tests.test_project import locked

SCHEMAS = ROOT / "tests/schemas"
LICENCES = tomllib.loads((ROOT / "requirements/licences.toml").read_text("utf-8"))

STRONG = {
    "pkg:pypi/av": {"x264", "x265"},
}
"""What is under the GPL and carried along in a wheel: README.md tells of each."""

MADE_AT = "1700000000"


def tool() -> ModuleType:
    """tools/sbom.py as a module."""
    spec = importlib.util.spec_from_file_location("sbom", ROOT / "tools/sbom.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["sbom"] = module
    spec.loader.exec_module(module)
    return module


SBOM = tool()
each_product = pytest.mark.parametrize("product", SBOM.PRODUCTS)


@pytest.fixture
def bill(product: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", MADE_AT)
    made: dict[str, Any] = SBOM.bill(product)
    return made


@pytest.fixture(scope="module")
def judge() -> Any:
    """CycloneDX's own schema, compiled."""
    read = {file.name: json.loads(file.read_text("utf-8")) for file in SCHEMAS.glob("*.json")}
    handlers = {"http": lambda uri: read[uri.rsplit("/", 1)[1]]}
    return fastjsonschema.compile(read["bom-1.6.schema.json"], handlers=handlers)


@each_product
def test_it_is_valid_by_the_schema(bill: dict[str, Any], judge: Any) -> None:
    """By the published schema of CycloneDX 1.6, which refuses what is none: an unknown licence, a
    hash that is none, a key that nobody knows."""
    judge(bill)
    for place, spoiled in (
        (("licenses", 0, "license"), {"id": "Own-1.0"}),
        (("externalReferences", 0, "hashes", 0, "content"), "abc"),
        (("surprise",), 1),
    ):
        wrong = json.loads(json.dumps(bill))
        part = next(one for one in wrong["components"] if "license" in one["licenses"][0])
        for key in place[:-1]:
            part = part[key]
        part[place[-1]] = spoiled
        with pytest.raises(fastjsonschema.JsonSchemaException):
            judge(wrong)


@each_product
def test_everything_locked_is_in_it(product: str, bill: dict[str, Any]) -> None:
    """Each package that may be installed with the product, at its locked version, with every hash
    of the lock file and a licence; nothing else but what wheels carry along."""
    wanted = {pair for one in SBOM.PRODUCTS[product] for pair in locked(one).items()}
    parts = [one for one in bill["components"] if "purl" in one]
    there = {(one["name"], one["version"]): one for one in parts}
    assert wanted <= set(there)
    other = [there[pair] for pair in set(there) - wanted]
    assert all("properties" in one for one in other), "of another Python, and it says of which"
    text = "".join((ROOT / f"requirements/{one}.txt").read_text() for one in SBOM.PRODUCTS[product])
    for one in parts:
        assert f"\n{one['name']}=={one['version']} " in f"\n{text}"
        (files,) = one["externalReferences"]
        assert files["hashes"]
        assert all(file["content"] in text for file in files["hashes"])
        assert one["licenses"]
    root = bill["metadata"]["component"]["bom-ref"]
    needs = {one["ref"]: one["dependsOn"] for one in bill["dependencies"]}
    assert needs[root] == sorted(one["purl"] for one in parts)
    carried = {one["bom-ref"] for one in bill["components"] if "purl" not in one}
    assert {ref for of, refs in needs.items() if of != root for ref in refs} == carried


def test_the_same_tree_gives_the_same_bytes(tmp_path: Path) -> None:
    """Made twice, as a program of its own; another version of Tryggve has another number."""
    texts = []
    for number in range(2):
        file = tmp_path / f"{number}.json"
        subprocess.run(
            [sys.executable, ROOT / "tools/sbom.py", "gateway", "-o", file],
            env={**os.environ, "SOURCE_DATE_EPOCH": MADE_AT, "PYTHONHASHSEED": str(number)},
            check=True,
            capture_output=True,
            timeout=60,
        )
        texts.append(file.read_text("utf-8"))
    assert texts[0] == texts[1]
    told = json.loads(texts[0])
    assert told["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert told["metadata"]["component"]["version"] == version


def test_a_package_without_a_licence_makes_no_bill(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever locks a package writes its licence down: one sentence names it."""
    monkeypatch.setattr(SBOM, "locked", lambda _: iter([SBOM.Locked("new-thing", "1.0", ())]))
    with pytest.raises(SystemExit, match="no licence of new-thing"):
        SBOM.bill("staff")


HASH = f" --hash=sha256:{'a' * 64}"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of its own, that the tool looks at: whatever a test writes there."""
    monkeypatch.setattr(SBOM, "ROOT", tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", MADE_AT)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/staff.txt").write_text(f"one==1.0{HASH}\n")
    (tmp_path / "requirements/licences.toml").write_text('[packages]\none = "MIT"\n[bundled]\n')
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "0.3.0"\n')
    return tmp_path


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("", ["one"]),
        (" ; sys_platform != 'win32'", ["one"]),
        (" ; sys_platform == 'win32' or sys_platform == 'linux'", ["one"]),
        (" ; python_full_version < '3.12'", ["one"]),
        (" ; platform_machine == 'aarch64'", ["one"]),
        (" ; sys_platform == 'win32'", []),
        (" ; sys_platform == 'darwin'", []),
        (" ; os_name == 'nt'", []),
        (" ; python_version < '3.11'", []),
        (" ; platform_python_implementation == 'PyPy'", []),
    ],
)
def test_a_package_is_in_it_where_its_condition_holds(
    condition: str, names: list[str], tree: Path
) -> None:
    """Whatever words stand in it: what is not for Windows is for a Pi."""
    (tree / "requirements/staff.txt").write_text(f"# a comment\n\none==1.0{condition}{HASH}\n")
    assert [one.name for one in SBOM.locked("staff")] == names


@pytest.mark.parametrize(
    "line",
    [
        f"One==1.0{HASH}",
        f"one[extra]==1.0{HASH}",
        f"one>=1.0{HASH}",
        "one==1.0",
        f"one==1.0 ; sys_platform is linux{HASH}",
        "one @ https://example.test/one.whl",
        "-r other.txt",
    ],
)
def test_a_line_that_is_not_understood_makes_no_bill(line: str, tree: Path) -> None:
    """What it names would be missing from the bill, and nobody would know."""
    (tree / "requirements/staff.txt").write_text(f"{line}\n")
    with pytest.raises(SystemExit, match=r"requirements/staff\.txt: "):
        SBOM.bill("staff")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("requirements/licences.toml", text) for text in ("", "x = [", "[packages]\n", None)),
        *(("pyproject.toml", text) for text in ("", "[project]\n", "[project]\nversion = 3", None)),
        ("requirements/licences.toml", "[packages]\none = 3\n[bundled]\n"),
        ("requirements/licences.toml", '[packages]\none = "MIT"\n[bundled.one]\nlib = {}\n'),
        *(("requirements/staff.txt", text) for text in ("\udcff", None)),
    ],
)
def test_a_file_that_is_broken_or_gone_is_one_sentence(
    name: str, text: str | None, tree: Path
) -> None:
    """Whoever edited it is told which."""
    if text is None:
        (tree / name).unlink()
    else:
        (tree / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(SystemExit) as ended:
        SBOM.bill("staff")
    assert name in str(ended.value.code)
    assert "\n" not in str(ended.value.code)


def test_a_full_disk_leaves_the_bill_that_was_there(tmp_path: Path) -> None:
    """Where no file may have more than so many bytes; and a folder in its place is told too."""
    file = tmp_path / "bill.json"
    file.write_text("the one before")
    limited = ["sh", "-c", 'ulimit -f 16; exec "$@"', "sh"]
    made = [sys.executable, str(ROOT / "tools/sbom.py"), "gateway", "-o"]
    for command in ([*limited, *made, str(file)], [*made, str(tmp_path)], [*made, f"{file}/bill"]):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert "cannot be written" in done.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["bill.json"]
    assert file.read_text() == "the one before"


def test_licences_are_those_of_the_lock_files() -> None:
    """Each package that ships has its line, and no line is of a package that does not."""
    shipped = {name for purpose in (*SHIPS, "build") for name in locked(purpose)}
    assert set(LICENCES["packages"]) == shipped
    assert set(LICENCES["bundled"]) <= shipped


SHIPS = ("pi", "voice", "yale", "danalock", "staff", "demo")


def test_licences_are_what_packages_say() -> None:
    """Where a package says its licence as an SPDX expression, that one is written down."""
    other = {}
    for name, licence in LICENCES["packages"].items():
        try:
            said = "".join(distribution(name).metadata.get_all("License-Expression") or [])
        except PackageNotFoundError:
            continue
        if said and said != licence:
            other[name] = (licence, said)
    assert other == {}


def test_what_wheels_carry_along_is_written_down() -> None:
    """Every library of somebody else's in an installed wheel belongs to a line, and no line to a
    library that is not there any more."""
    looked = 0
    for name in LICENCES["packages"]:
        folder = Path(str(distribution("pip").locate_file(f"{name.replace('-', '_')}.libs")))
        if not folder.is_dir():
            continue
        looked += 1
        there = {re.sub(r"-[0-9a-f]{8}\..*", "", file.name) for file in folder.iterdir()}
        parts = LICENCES["bundled"].get(name, {}).values()
        assert there == {file for part in parts for file in part.get("files", ())}, name
    assert looked, "is any such wheel installed?"


@each_product
def test_what_is_under_the_gpl_is_known(bill: dict[str, Any]) -> None:
    """No package of ours; libraries in a wheel only those that the README tells of."""
    strong: dict[str, set[str]] = {}
    for one in bill["components"]:
        (licence,) = one["licenses"]
        named = licence.get("expression") or licence["license"]["id"]
        if all(re.match(r"A?GPL", choice) for choice in named.split(" OR ")):
            assert "purl" not in one, one["name"]
            strong.setdefault(one["bom-ref"].partition("@")[0], set()).add(one["name"])
    assert strong == {of: names for of, names in STRONG.items() if of in str(bill)}
    text = (ROOT / "README.md").read_text("utf-8")
    assert [name for names in strong.values() for name in names if name not in text] == []
