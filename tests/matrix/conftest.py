"""The last release's code, unpacked once for all tests of a worker."""

from __future__ import annotations

import pytest

from gateway.demo.tree import Tree
from tests.matrix import releases


@pytest.fixture(scope="session")
def old(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """The last release's code; where this clone does not have it, the test is skipped."""
    version = releases.last_release()
    if not releases.is_here(version):
        pytest.skip(f"this clone does not have the commit of {version} (it is shallow)")
    return Tree(releases.unpack(version, tmp_path_factory.mktemp("release") / version))
