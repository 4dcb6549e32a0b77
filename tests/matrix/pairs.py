"""Plays the scenes with each pair of versions that can meet, and says which were right.

Three courses, each on one stage.  In the first the server is of the earlier release, in the second
today's: homes are updated and go back, the server is updated and goes back, on the same folders
and the same database.  In the third servers of both versions run on one PostgreSQL.
`python -m tests.matrix.pairs` prints the table.
"""

from __future__ import annotations

import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from gateway.demo.home_process import stop
from gateway.demo.stage import Stage, codes_in, stage
from gateway.demo.town import NEIGHBOUR, ORGANISATION
from gateway.demo.tree import HERE, RUNS_FROM, Tree
from gateway.errors import TryggveError
from tests.matrix import releases
from tests.matrix.scenes import FIRST_EVENING, SCENES, Cast, alarm, door, press
from tests.ports import free_port
from tests.staff import postgres

OPTIONS = ("--still", "--awake")
"""The resident does only what a scene says, and the lock does not sleep."""

CODE = ["enroll-code", NEIGHBOUR.id]
"""What asks the server for a code for a new gateway next door."""


@dataclass(slots=True)
class Outcome:
    """A pair, and what of it was wrong: scene to reason; `seconds` that it took."""

    pair: str
    wrong: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def play(cast: Cast, pair: str, scenes: Sequence[Callable[[Cast], None]] = SCENES) -> Outcome:
    """Play these scenes; one that is wrong does not keep the others from being played."""
    outcome, began = Outcome(pair), time.monotonic()
    cast.stage.clock.set(at=cast.at("21:40"), rate=1.0)
    for scene in scenes:
        try:
            scene(cast)
        except (TryggveError, AssertionError, KeyError, ValueError) as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            text = getattr(error, "text", None) or str(error)
            outcome.wrong[scene.__name__] = f"{text[:500]} ({last.name}:{last.lineno})"
    cast.number += 1
    outcome.seconds = round(time.monotonic() - began, 1)
    return outcome


@contextmanager
def course(folder: Path, staff_from: Tree, home_from: Tree) -> Iterator[Cast]:
    """A stage with both programs from these folders, and its people signed in."""
    with stage(
        folder,
        at=FIRST_EVENING,
        home_options=OPTIONS,
        plan=True,
        sound=False,
        looks=False,
        staff_from=staff_from,
        home_from=home_from,
    ) as made:
        said = made.staff_says(["token", "add", "feed", "--org", ORGANISATION], CODE)
        token = next(line for line in said.split() if line.startswith("tgv_"))
        cast = Cast(made, token, codes_in(said)[0])
        cast.sign_in()
        yield cast
        assert cast.live is not None
        cast.live.close()


def switch_home(cast: Cast, tree: Tree) -> None:
    """The home's gateway is updated, or goes back: stopped in order, its state folder kept."""
    made = cast.stage
    assert made.home is not None
    made.home.stop()
    made.home_from = tree
    made.start_home(*OPTIONS)
    _runs_from(made.folder / "home.log", tree)


def switch_staff(cast: Cast, tree: Tree) -> None:
    """The server is updated as docs/compatibility.md says (`migrate`, then start), or goes back
    (start; the database stays as it is)."""
    made = cast.stage
    made.kill_staff()
    made.staff_from = tree
    (cast.code,) = codes_in(made.staff_says(*([["migrate"]] if tree == HERE else []), CODE))
    made.start_staff()
    _runs_from(made.folder / "staff.log", tree)


def _runs_from(log: Path, tree: Tree) -> None:
    """The program that was started last is of the folder that it should be of."""
    said = [line for line in log.read_text().splitlines() if line.startswith(RUNS_FROM)]
    if tree.folder is not None:
        assert said[-1:] == [f"{RUNS_FROM}{tree.folder.resolve()}"], said


def with_an_old_server(folder: Path, old: Tree) -> list[Outcome]:
    """A server that is not updated yet, then is, then goes back; a home that was ahead of it."""
    with course(folder, old, HERE) as cast:
        made = cast.stage
        _runs_from(made.folder / "staff.log", old)
        done = [play(cast, "home new, server old")]
        switch_staff(cast, HERE)
        switch_home(cast, old)
        done.append(play(cast, "home new and gone back, server new"))
        switch_staff(cast, old)
        done.append(play(cast, "home old, server new and gone back"))
    return done


def with_a_new_server(folder: Path, old: Tree) -> list[Outcome]:
    """A home that is not updated yet, then is."""
    with course(folder, HERE, old) as cast:
        made = cast.stage
        _runs_from(made.folder / "home.log", old)
        done = [play(cast, "home old, server new")]
        switch_home(cast, HERE)
        (cast.code,) = codes_in(made.staff_says(CODE))
        done.append(play(cast, "home old and updated, server new"))
    return done


def rolling(folder: Path, old: Tree) -> list[Outcome]:
    """A rolling restart on PostgreSQL, where it is installed."""
    if postgres.programs() is None:
        return []
    with postgres.cluster() as cluster:
        url = postgres.make_database(cluster, "rolling")
        return list(one_worker_after_the_other(folder, old, url))


def one_worker_after_the_other(folder: Path, old: Tree, database: str) -> Generator[Outcome]:
    """Servers of both versions on one database: the home sends to the one, people look at the
    other.  The older one has the home first, then the newer one."""
    kept = (press, alarm, door)
    with stage(
        folder,
        at=FIRST_EVENING,
        home_options=OPTIONS,
        sound=False,
        looks=False,
        staff_from=old,
        database=database,
    ) as made:
        replace(made, staff_from=HERE).staff_says(["migrate"])
        with beside(made, HERE) as newer:
            yield play(newer, "one database: home at the old server, people at the new", kept)
        made.kill_staff()
        made.staff_from = HERE
        made.start_staff()
        with beside(made, old) as older:
            older.number = 1
            yield play(older, "one database: home at the new server, people at the old", kept)


@contextmanager
def beside(made: Stage, tree: Tree) -> Iterator[Cast]:
    """A second server of the same installation, from this folder, with people who look at it; the
    home goes on sending to the first."""
    second = replace(made, url=f"http://127.0.0.1:{free_port()}", staff_from=tree, staff=None)
    try:
        second.start_staff()
        cast = Cast(second, token="", code="")
        cast.sign_in()
        yield cast
        assert cast.live is not None
        cast.live.close()
    finally:
        if second.staff is not None:
            stop(second.staff)


COURSES = (with_an_old_server, with_a_new_server, rolling)


def all_pairs(version: str, folder: Path) -> list[Outcome]:
    """Every course with this release's code, side by side."""
    tree = Tree(releases.unpack(version, folder / "code"))
    with ProcessPoolExecutor(len(COURSES)) as pool:
        running = [pool.submit(one, folder / one.__name__, tree) for one in COURSES]
        return [outcome for one in running for outcome in one.result()]


def main() -> int:
    """Print the table; 1 when a pair was wrong."""
    version = releases.last_release()
    if not releases.is_here(version):
        print(f"this clone does not have the commit of {version}")
        return 2
    warnings.simplefilter("ignore")  # the home's page has a certificate of its own
    with tempfile.TemporaryDirectory(prefix="tryggve-pairs-") as folder:
        done = all_pairs(version, Path(folder))
    for outcome in done:
        told = "; ".join(f"{scene}: {why}" for scene, why in outcome.wrong.items())
        print(f"{outcome.pair:60} {outcome.seconds:6.1f} s  {told or 'right'}")
    return 1 if any(outcome.wrong for outcome in done) else 0


if __name__ == "__main__":
    sys.exit(main())
