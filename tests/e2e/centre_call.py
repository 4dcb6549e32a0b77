"""An alarm centre's telephone (baresip) in a real pair: the home may be called, the server tells
the centre by a ladder, and the centre calls.

For `test_server_gone`.  Not for: every fault of a caller (`tests/media/test_sip_call.py`).
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from gateway.demo import town
from gateway.demo.alarm_centre import AlarmCentre
from gateway.demo.staffclient import StaffClient
from gateway.demo.stage import Stage
from tests.e2e.second_path import (
    LOCAL,
    alarms,
    ask,
    home_says,
    wait,
)
from tests.e2e.test_voice import furnish_voice, listening
from tests.media.centre import CENTRE_HZ, HOME_HZ, Centre
from tests.media.parts import RATE, share_of
from tests.ports import free_port


def may_be_called(made: Stage) -> Path:
    """The server tells alarm centres, and where they may call the home, which has a speaker: the
    file that what is played there goes to."""
    played, port = furnish_voice(made), free_port()
    file = made.folder / "home.toml"
    own = f'\n[centre_calls]\ndomain = "{LOCAL}"\nhost = "{LOCAL}"\nport = {port}\n'
    file.write_text(file.read_text() + own)
    made.kill_staff()
    with (made.folder / "staff" / "staff.toml").open("a") as config:
        config.write(
            f'\n[channels.scaip]\ndomain = "{LOCAL}"\ncid = "99"\nlisten = "{LOCAL}"\nport = 0\n'
            f'call_back = "sip:hem@{LOCAL}:{port}"\n'
        )
    made.start_staff()
    return played


def ladder_of_the_centre(made: Stage) -> None:
    """Who is told of an alarm: the centre."""
    words = ["ladder", "add", "Larmcentral", "--org", town.ORGANISATION]
    made.staff_says([*words, "--step", "60", "centre:Centralen"])


def close_alarm(made: Stage) -> None:
    """Somebody was there: the alarm is closed, at the server and in the home."""
    watcher = made.account("night_watcher")
    page = StaffClient(made.url, watcher.email, watcher.password)
    [(alarm,)] = ask(made, "SELECT id FROM alarm WHERE type = 'pendant' AND closed_at IS NULL")
    page.post("/larm/avsluta", alarm=alarm, outcome="helped")
    wait(lambda: home_says(made.folder, "alarm.resolved") == 1, "the home did not hear of it")


def calls(made: Stage, centre: AlarmCentre, folder: Path, played: Path) -> None:
    """The centre calls where the last alarm said, and hangs up; what both heard."""
    before, ended = len(played.read_bytes()), home_says(made.folder, "voice.ended")
    told = alarms(centre)[-1].crd
    phone = Centre(folder)

    async def call() -> None:
        for _ in range(20):  # the home hears of it a moment after the centre has answered
            await phone.dial(told)
            try:
                await phone.hears("Call established", 8)
                break
            except TimeoutError:
                await phone.end()
        assert await asyncio.to_thread(listening, made)
        await asyncio.sleep(2.0)  # what is heard meanwhile is measured
        await phone.end()

    asyncio.run(call())
    wait(lambda: home_says(made.folder, "voice.ended") > ended, "the call did not end")
    wait(lambda: not listening(made), "the lamp shines")
    assert share_of(phone.heard()[-RATE:], HOME_HZ) > 0.9
    heard = played.read_bytes()[before:]
    pieces = range(0, len(heard) - RATE, RATE // 2)
    assert max(share_of(heard[at : at + RATE], CENTRE_HZ) for at in pieces) > 0.9
