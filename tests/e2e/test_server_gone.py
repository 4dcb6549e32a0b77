"""The whole way with both programs: the chain is tested, the server is killed, and the gateway
itself tells the alarm centre; the server that comes back shows one alarm."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.demo.stage import Stage
from tests.e2e.second_path import ask, give_way, home_says, played_centre, press, wait

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_an_alarm_reaches_the_centre_with_the_server_killed(
    set_stage: Callable[..., Stage],
) -> None:
    """At the start the test alarm goes home, server, dispatcher, home.  With the server killed a
    press is at the alarm centre within a minute; when it is back it has one alarm and knows who was
    told."""
    with played_centre() as centre:
        made = set_stage(home=False)
        give_way(made, centre)
        made.kill_staff()
        assert press(made, centre) < 60
        wait(lambda: home_says(made.folder, "gateway.message_delivered") == 1, "no proof")
        made.start_staff()
        told = "SELECT receiver, channel FROM path_message WHERE delivered_at IS NOT NULL"
        wait(lambda: len(ask(made, told)) == 1, "the server did not learn of it")
        pendants = "SELECT id FROM alarm WHERE type = 'pendant'"
        assert len(ask(made, pendants)) == 1
        assert home_says(made.folder, "gateway.message_sent") == 1
