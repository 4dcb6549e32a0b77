"""The whole way with both programs: the chain is tested, an alarm centre is told by the server and
calls the home, the server is killed, and the gateway itself tells the centre; the server that comes
back shows one alarm."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

pytest.importorskip("aiortc")

from gateway.demo.stage import Stage
from gateway.state.ledger import read_ledger
from tests.e2e.centre_call import calls, close_alarm, ladder_of_the_centre, may_be_called
from tests.e2e.second_path import LOCAL, ask, give_way, home_says, played_centre, press, wait

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

HAS_BARESIP = shutil.which("baresip") is not None
"""Debian: baresip-core.  Without it the centre is told, and nobody calls."""


def test_an_alarm_reaches_the_centre_with_the_server_killed(
    set_stage: Callable[..., Stage], tmp_path: Path
) -> None:
    """At the start the test alarm goes home, server, dispatcher, home.  The server's ladder tells
    an alarm centre, whose answer asks for a call: it calls where the alarm says, and both hear each
    other.  With the server killed a press is at the centre within a minute, by the home itself, and
    it calls again; when the server is back it has that alarm once and knows who was told.  That the
    centre listened, and how long, stands in the resident's ledger."""
    with played_centre() as centre:
        made = set_stage(home=False)
        played = may_be_called(made)
        centre.media, centre.call = ("01" if HAS_BARESIP else None), f"sip:larm@{LOCAL}"
        give_way(made, centre)
        ladder_of_the_centre(made)
        press(made, centre)
        if HAS_BARESIP:
            calls(made, centre, tmp_path / "first", played)
        close_alarm(made)

        made.kill_staff()
        assert press(made, centre) < 60
        wait(lambda: home_says(made.folder, "gateway.message_delivered") == 1, "no proof")
        if HAS_BARESIP:
            calls(made, centre, tmp_path / "second", played)
        made.start_staff()
        told = "SELECT receiver, channel FROM path_message WHERE delivered_at IS NOT NULL"
        wait(lambda: len(ask(made, told)) == 1, "the server did not learn of it")
        pendants = "SELECT id FROM alarm WHERE type = 'pendant' AND closed_at IS NULL"
        assert len(ask(made, pendants)) == 1
        assert home_says(made.folder, "gateway.message_sent") == 1
        ledger = read_ledger(made.home_log, datetime(2026, 1, 1, tzinfo=UTC))
        listened = [row for row in ledger if row.action == "voice.begun"]
        whys = [(row.person, row.why) for row in listened]
        assert whys == (2 if HAS_BARESIP else 0) * [(None, "alarm_centre")]
        assert all(row.took_s and row.took_s > 0 for row in listened)
