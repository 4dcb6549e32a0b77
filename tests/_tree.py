"""The source tree as the project's own rules see it: modules, and who imports whom.

Not for: importing anything; files are read with `ast`.
"""

from __future__ import annotations

import ast
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("gateway", "drivers", "web")


@dataclass(frozen=True)
class Import:
    """One imported module, also one under `if TYPE_CHECKING`."""

    target: str
    line: int


@dataclass(frozen=True)
class Module:
    """One file of the project and what it imports, in whatever function that stands."""

    name: str
    path: Path
    tree: ast.Module
    imports: tuple[Import, ...]

    def where(self, line: int) -> str:
        """`gateway/engine/engine.py:12`, for a failure that can be clicked."""
        return f"{self.path.relative_to(ROOT)}:{line}"


def tracked(*patterns: str) -> list[Path]:
    """Files of the project, as git knows them (new ones included, ignored ones not); every file
    when there is no git."""
    try:
        out = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *patterns],
            cwd=ROOT,
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        found = [path for pattern in patterns or ("*",) for path in ROOT.rglob(pattern)]
        hidden = {".venv", ".git", "build", "__pycache__"}
        return [p for p in found if p.is_file() and not hidden & set(p.relative_to(ROOT).parts)]
    return [ROOT / name for name in out.split("\0") if name and (ROOT / name).is_file()]


@cache
def modules() -> dict[str, Module]:
    """Every module of the three packages, by its dotted name."""
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    names = {_name(path): path for path in paths}
    return {name: _module(name, path, set(names)) for name, path in names.items()}


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _module(name: str, path: Path, known: set[str]) -> Module:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            targets = _from(node, name, path.name == "__init__.py", known)
        else:
            continue
        found += [Import(target, node.lineno) for target in targets]
    return Module(name, path, tree, tuple(found))


def _from(node: ast.ImportFrom, name: str, package: bool, known: set[str]) -> list[str]:
    base = node.module or ""
    if node.level:
        parts = name.split(".")
        kept = parts[: len(parts) - node.level + (1 if package else 0)]
        base = ".".join([*kept, *([node.module] if node.module else [])])
    # "from gateway.access import grants" imports the module, "from … import Grant" a name
    inner = [f"{base}.{alias.name}" for alias in node.names]
    as_modules = [target for target in inner if target in known]
    return as_modules if len(as_modules) == len(inner) else [base, *as_modules]


def within(name: str, *packages: str) -> bool:
    """Is `name` one of these packages or modules, or inside one?"""
    return any(name == package or name.startswith(package + ".") for package in packages)
