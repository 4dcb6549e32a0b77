"""A PostgreSQL that is killed and started again in the middle of a ladder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

from gateway.clock import ManualClock
from tests.staff import postgres
from tests.staff.ladders.hand import Hand
from tests.staff.ladders.provider import HttpChannel, Provider
from tests.staff.ladders.test_faults import one_after_the_other, set_ladder
from tests.staff.parts import add_home, parts_of
from web.staff.core.config import StaffConfig
from web.staff.core.secret_files import SecretFiles
from web.staff.ladders.dispatcher import Dispatcher
from web.staff.runtime.app import create_app
from web.staff.storage.database import Database, parse_url
from web.staff.storage.migrate import migrate

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.slow,
    pytest.mark.skipif(
        postgres.programs() is None, reason="PostgreSQL is not installed (Debian: postgresql)"
    ),
]

Made = tuple[Hand, postgres.Cluster]


@pytest.fixture
def made(tmp_path: Path, clock: ManualClock, provider: Provider) -> Iterator[Made]:
    """A dispatcher on a server of its own, and a ladder of three people."""
    with postgres.running(durable=True) as cluster:
        SecretFiles(tmp_path / "secrets").make_missing()
        url = postgres.make_database(cluster.url, "restarted")
        database = Database(parse_url(url))
        migrate(database)
        database.close()
        config = StaffConfig(database=url, secrets_dir=tmp_path / "secrets", secure_cookies=False)
        app = create_app(config, clock=clock, watch=False)
        add_home(app, "h1")
        staff = parts_of(app)
        hand = Hand(
            *(app, staff, clock, provider),
            Dispatcher(staff, {"push": HttpChannel("push", provider)}),
        )
        for number in (1, 2, 3):
            hand.person(f"p{number}", f"push:ok-{number}")
        set_ladder(hand, *one_after_the_other("p1", "p2", "p3"))
        yield hand, cluster
        hand.dispatcher.stop()
        app.extensions["tryggve.stop"]()


def rounds(hand: Hand, until: Callable[[], bool]) -> None:
    """Rounds of the dispatcher, as its thread makes them, until it is so."""
    for _ in range(200):
        hand.dispatcher._guarded(hand.dispatcher.step)
        hand.settle()
        if until():
            return
    raise AssertionError("it did not come")


def test_the_database_is_killed_and_started_again_in_mid_ladder(made: Made) -> None:
    """Between two steps, and between a message that was sent and its note: each step comes at its
    own time, everybody is told of one message, and the ladder goes on to its end."""
    hand, cluster = made
    alarm = hand.ring()
    hand.settle()
    assert hand.told()[1:] == ["escalated 1.1 begun", "sent p1"]

    cluster.kill()
    hand.dispatcher._guarded(hand.dispatcher.step)  # nothing is there: it lives
    cluster.start()
    hand.clock.advance(59)
    rounds(hand, lambda: hand.ladder(alarm).state == "climbing")
    assert hand.provider.to("ok-2") == []
    hand.clock.advance(1)
    rounds(hand, lambda: bool(hand.provider.to("ok-2")))

    real = hand.dispatcher._note

    def restart() -> None:
        cluster.kill()
        cluster.start()

    killed = Thread(target=restart)

    def cut() -> int:
        if killed.ident is None:
            killed.start()
            killed.join(60)
        return real()

    hand.dispatcher._note = cut  # type: ignore[method-assign]
    hand.clock.advance(60)
    rounds(hand, lambda: bool(hand.provider.to("ok-3")) and hand.told()[-1] == "sent p3")
    assert killed.ident is not None
    assert hand.told()[1:] == [
        *("escalated 1.1 begun", "sent p1"),
        *("escalated 2.1 timed_out", "sent p2"),
        *("escalated 3.1 timed_out", "sent p3"),
    ]
    assert set(hand.provider.ids().values()) == {1}
