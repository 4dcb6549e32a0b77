"""What Python compiles of the gateway, by another processor than the card's."""

from __future__ import annotations

import marshal
import os
import shutil
from pathlib import Path

import pytest

from tools.deb.locked import BuildError
from tools.image.compiled import compile_tree

PYTHON = shutil.which("python3", path="/usr/bin")

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs to be root: it asks the card's Python"),
    pytest.mark.skipif(PYTHON is None, reason="no Debian's Python is here"),
]


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A release's libraries, one of which is for another Python."""
    code = tmp_path / "lib/python3.11/site-packages/gateway"
    code.mkdir(parents=True)
    (code / "whole.py").write_text("def answer():\n    return 42\n")
    (code / "other.py").write_text("print 'two'\n")
    return tmp_path


def test_it_is_compiled_as_the_card_s_own_python_sees_it(release: Path) -> None:
    """Each file says where it will lie, not where it was made; what does not compile is left."""
    compile_tree([str(PYTHON), "-S", "-B"], Path("/"), str(release)[1:])
    [made] = release.rglob("*.pyc")
    assert made.name.startswith("whole.")
    code = marshal.loads(made.read_bytes()[16:])  # noqa: S302 - made just now
    assert code.co_filename == str(made.parent.parent / "whole.py")


def test_another_python_is_not_asked_to_compile(release: Path) -> None:
    """The card's would read none of it, and compile everything at each start."""
    with pytest.raises(BuildError, match="compiles as 00000000, and the card's as"):
        compile_tree(["sh", "-c", "echo 00000000"], Path("/"), str(release)[1:])


def test_nothing_compiled_is_said(release: Path) -> None:
    """A folder without the gateway is not what was meant."""
    (release / "lib/python3.11/site-packages/gateway/whole.py").unlink()
    with pytest.raises(BuildError, match=r"nothing of .* was compiled"):
        compile_tree([str(PYTHON), "-S", "-B"], Path("/"), str(release)[1:])
