"""The simulator: ten homes through a piece of a day and a storm, against the real server."""

from __future__ import annotations

import io
import json
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from urllib3.exceptions import ProtocolError

from gateway.envelope import Draft
from gateway.events import MatPressed
from tests._tree import ROOT
from tests.load import day, page_costs, proof, refreshing, storm, table
from tests.load.figures import NEVER, Figures
from tests.load.ledger import NO_ANSWER, Asked, Ledger, quantile, unanswered
from tests.load.proof import Proof
from tests.load.refreshing import Refreshing
from tests.load.table import Run
from tests.load.town import town
from tests.load.wire import Answer

HOMES, EVENTS, RATE = 10, 30, 300.0


@dataclass
class Played:
    """What the scenes came to, and what was found after the homes had written what they did not
    send."""

    run: Run
    after: Proof


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Two seconds of a morning and a storm, in one town."""
    extra = max(day.extra_homes(HOMES), storm.extra_homes(HOMES))
    folder: Path = tmp_path_factory.mktemp("load")
    now = datetime.now(UTC)
    run = Run(HOMES, "sqlite")
    with town(folder, "sqlite", HOMES + extra, at=now, rate=RATE) as made:
        run.scenes.append(day.play(made, HOMES, 2.0))
        run.scenes.append(
            storm.play(made, HOMES, alarm_share=0.5, events=EVENTS, within_s=0.5, calm_s=2.0)
        )
        made.homes[0].write(Draft(MatPressed(), device="bed"))
        made.homes[1].raise_alarm()
        with made.parts() as parts:
            after = proof.compare(parts, made.homes[:HOMES])
        run.pages = page_costs.of_pages(made)
    return Played(run, after)


def scene(played: Played, name: str) -> Figures:
    return next(one for one in played.run.scenes if one.scene == name)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["day", "storm"])
def test_nothing_is_lost_or_doubled(played: Played, name: str) -> None:
    """Every log is at the server as the home wrote it, once, and every alarm is on the list."""
    figures = scene(played, name)
    assert figures.said == []
    assert figures.whole
    assert figures.values["took_s"] != NEVER
    assert figures.values["alarms_stored"] == figures.values["alarms"] != 0
    assert figures.values["wasted_pct"] == 0
    assert figures.values["tracebacks"] == 0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_is_hostile_is_refused(played: Played) -> None:
    """Forged, of another home, too big, with gaps, another past: tried, and not taken."""
    for figures in played.run.scenes:
        assert (figures.values["hostile_refused"] or 0) >= 2
        assert figures.values["hostile_taken"] == 0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_table_is_whole(played: Played) -> None:
    """Each figure has a row and each page what it costs; as JSON too."""
    text = table.as_text([played.run])
    for words in (
        "alarm, from the home to stored, s",
        "alarm, from the home to a screen, s",
        "alarm taken by a tap, s",
        "door, from the tap to its end on the screen, s",
        "*Nu* during the storm, s",
        "memory of the server at most, MB",
        "events lost",
    ):
        row = next(line for line in text.splitlines() if line.startswith(f"| {words} "))
        assert "–" not in row, row
        assert "never" not in row, row
    kept = Run.from_json(played.run.as_json())
    assert table.as_text([kept]) == text
    told = json.loads(played.run.as_json())
    assert {page["path"] for page in told["pages"]} >= {"/nu", "/besok", "/handelser"}
    assert all(page["statements"] > 0 for page in told["pages"])
    assert told["scenes"]["storm"]["server_rss_max_mb"] > 20


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_the_server_lacks_is_found(played: Played) -> None:
    """An event and an alarm that were not sent: lost, another head, not on the list."""
    assert not played.after.whole
    assert played.after.lost == 1 + 3  # an alarm's events are three with what led to it
    assert played.after.heads_wrong == 2
    assert played.after.alarms_wrong == 1


def test_an_alarm_that_never_came_is_no_quick_one() -> None:
    """What did not arrive is the slowest of all, in figures and table."""
    ledger, figures = Ledger(), Figures("storm")
    for _ in range(98):
        ledger.waited("alarm_stored", 0.1)
    figures._waits(ledger, 100)
    assert figures.values["alarm_stored_p50_s"] == 0.1
    assert figures.values["alarm_stored_p99_s"] == NEVER
    assert table.number(NEVER) == "never"


def test_a_screen_fetches_as_the_page_does() -> None:
    """The times and the kinds are those of the page's own script."""
    script = (ROOT / "web/staff/static/js/refresh.js").read_text()

    def ms(name: str) -> float:
        return int(re.findall(rf"^const {name} = (\d+);", script, re.MULTILINE)[0]) / 1000

    def by_haste(name: str) -> dict[bool, float]:
        hurried, calm = re.findall(
            rf"^const {name} = {{ hurried: (\d+), calm: (\d+) }}", script, re.M
        )[0]
        return {True: float(hurried), False: float(calm)}

    def kinds(name: str) -> set[str]:
        found: str = re.findall(rf"^const {name} = (\[[^]]*\]);", script, re.MULTILINE)[0]
        return set(json.loads(found))

    assert ms("CALM_MS") == refreshing.CALM_S
    assert ms("WAIT_AT_MOST_MS") == refreshing.WAIT_AT_MOST_S
    assert ms("SLOW_MS") == refreshing.SLOW_S
    assert ms("SPREAD_MS") == refreshing.SPREAD_S
    assert ms("ANYWAY_MS") == refreshing.ANYWAY_S
    assert by_haste("PAUSE") == refreshing.PAUSE
    for name, seconds in (
        ("PAUSE_AT_LEAST_MS", refreshing.PAUSE_AT_LEAST_S),
        ("PAUSE_AT_MOST_MS", refreshing.PAUSE_AT_MOST_S),
    ):
        assert {key: value / 1000 for key, value in by_haste(name).items()} == seconds
    assert kinds("ALWAYS") == refreshing.ALWAYS
    assert kinds("HURRIED") == refreshing.HURRIED
    assert kinds("STEPS") == refreshing.STEPS
    assert kinds("ASKED") == refreshing.ASKED


def test_a_screen_fetches_what_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for what its page does not show; soon for an alarm, in its time for the rest; a refused
    page is tried again."""
    now = [100.0]
    monkeypatch.setattr("tests.load.refreshing.time.monotonic", lambda: now[0])
    screen = Refreshing(
        '<main id="main" data-kinds="bed alarm" data-slow="mat.pressed">', Random(1)
    )

    def due_s(kind: str) -> float:
        screen._asked_s, screen._hurried, screen._slow_s = None, False, float("inf")
        screen.hear(b'id: 1-2\nevent: change\ndata: {"home":"h1","kind":"%s"}' % kind.encode())
        return round(screen._due_s() - now[0], 3)

    screen.fetched(0.6, again=False)
    assert due_s("motion.detected") == due_s("record.read") == refreshing.ANYWAY_S
    assert due_s("mat.pressed") == refreshing.SLOW_S
    assert due_s("bed.left") == due_s("alarm.sent") == 2.4
    assert due_s("alarm.raised") == 1.2
    screen.fetched(9.0, again=False)
    assert (due_s("bed.left"), due_s("alarm.raised")) == (5.0, 1.5)
    now[0] += 10
    assert due_s("home.silent") == refreshing.CALM_S
    screen.fetched(0.1, again=True)
    assert round(screen._due_s() - now[0], 3) == 2.0
    screen.stop()
    assert not screen.wait()


def test_a_quantile_is_a_value_that_was_measured() -> None:
    """Of none there is none; the p99 of few is the worst."""
    assert quantile([], 0.5) is None
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile([3.0, 1.0, 2.0], 0.99) == 3.0
    assert quantile(list(map(float, range(1, 101))), 0.95) == 95.0


def test_what_got_no_answer_is_counted() -> None:
    """Whatever the server did for it, it did for nobody."""
    asked = [Asked("events", 0.0, 20.0, NO_ANSWER), Asked("events", 0.0, 0.1, 503)]
    assert unanswered(asked) == 1


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection."""
    mine, theirs = socket.socketpair()
    with mine, theirs:
        mine.settimeout(5)
        yield mine, theirs


def test_an_answer_in_pieces_is_read_whole(ends: tuple[socket.socket, socket.socket]) -> None:
    """Head and body may come in any pieces; what follows belongs to the next answer."""
    mine, theirs = ends
    said = b"HTTP/1.1 503 No\r\nretry-after: 7\r\nContent-Length: 4\r\n\r\nbusy"
    whole = io.BytesIO(said)

    def tell() -> None:
        while piece := whole.read(5):
            theirs.sendall(piece)

    teller = threading.Thread(target=tell)
    teller.start()
    answer = Answer(mine, whole=True)
    teller.join()
    assert (answer.status, answer.headers["Retry-After"], answer.data) == (503, "7", b"busy")


def test_a_stream_is_read_chunk_by_chunk(ends: tuple[socket.socket, socket.socket]) -> None:
    """As the server writes them; a connection that ends in the middle is an error."""
    mine, theirs = ends
    theirs.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n")
    answer = Answer(mine, whole=False)
    assert [answer.read1(), answer.read1()] == [b"abc", b"de"]
    theirs.close()
    with pytest.raises(ProtocolError):
        answer.read1()
