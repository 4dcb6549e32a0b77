"""Starting our programs from another folder of the project, as an earlier release has it.

A program started so says on standard error which code it runs, so that nobody is told of a pair of
versions that was one version twice.  The libraries are those of this installation: what another
version of a library would do is not shown.

Not for: making such a folder (`tests.matrix.releases`), or what is played with it.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUNS_FROM = "runs from: "
"""How the line begins that a program started from another folder writes first."""

_PROVE = f"""
import os, runpy, sys
import drivers, gateway, web.staff
for module in (drivers, gateway, web.staff):
    where = os.path.realpath(module.__file__)
    if not where.startswith(os.path.realpath(os.environ["TRYGGVE_TREE"]) + os.sep):
        sys.exit(f"{{module.__name__}} is that of {{where}}, not of the folder that was asked for")
print("{RUNS_FROM}" + os.path.realpath(os.environ["TRYGGVE_TREE"]), file=sys.stderr, flush=True)
"""

_RUN = (
    _PROVE
    + """
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""
)


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder of the project; `folder` None: the code that this process runs."""

    folder: Path | None = None

    def module(self, name: str, *words: str) -> list[str]:
        """The command that runs a module of it."""
        if self.folder is None:
            return [sys.executable, "-m", name, *words]
        return [sys.executable, "-c", _RUN, name, *words]

    def script(self, code: str, *words: str) -> list[str]:
        """The command that runs `code` with its modules."""
        if self.folder is None:
            return [sys.executable, "-c", code, *words]
        return [sys.executable, "-c", _PROVE + code, *words]

    @property
    def started(self) -> dict[str, Any]:
        """What `subprocess` is given beside the command.  Both are needed: Python looks into the
        working folder before it looks where `PYTHONPATH` says."""
        if self.folder is None:
            return {}
        place = str(self.folder.resolve())
        return {"cwd": place, "env": os.environ | {"PYTHONPATH": place, "TRYGGVE_TREE": place}}


HERE = Tree()
"""The code that this process runs."""
