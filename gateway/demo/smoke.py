"""One scripted night and morning through the real parts, judged: `tryggve demo --smoke`.

Virtual pins, radio and lock at the one end, a signed-in staff member at the other, both programs in
between as they are.  Time jumps from scene to scene; each latency is real milliseconds.

Not for: load or long runs; the tests do that.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from gateway.demo.home_process import StageError
from gateway.demo.staffclient import Live, StaffClient, StaffError
from gateway.demo.stage import Stage, stage
from gateway.demo.town import HOME
from gateway.engine.log_reader import LogReader
from gateway.errors import TryggveError
from gateway.events import AlarmType
from gateway.rules import inactivity

EVENING = datetime(2026, 3, 2, 21, 40, tzinfo=ZoneInfo("Europe/Stockholm"))
"""When the play begins."""

FAST = 30.0
"""Domain seconds a real one where the scene only needs time to pass."""

PRESSES = 20
"""How often the mat is pressed while the server is away."""

PRESS_S = 0.06
"""Real seconds that a press and a pause last: longer than a contact bounces."""

FALL_S = 90.0
"""Domain seconds in which a fall onto a mat is told."""

WHY = re.compile(r'<details[^>]*data-test="why">(.*?)</details>', re.DOTALL)
"""An alarm's reason on the page."""

STOP = re.compile(r'data-test="stop" data-state="(\w+)".*?</strong> ([^<·]*?)[\s·]*<', re.DOTALL)
"""A planned visit on the page Mitt pass: its state, and what is to be done."""

VISIT = re.compile(r'<tr [^>]*data-test="visit">.*?</tr>', re.DOTALL)
"""A visit on the page Besök."""

MORNING = "Morgonhjälp"
"""The planned visit that the caregiver makes."""

MAT_PRESSED = "Mattan trycktes"
"""What the page calls `mat.pressed`."""

LEFT_BED = timedelta(minutes=10)
"""After getting up, until the home holds that the resident is up: the quiet is counted from there,
and the answer is not due yet."""

LIGHT_S = 2.0
"""Real seconds that the indicator may take to follow the rules."""

CAUGHT_UP_S = 20.0
"""Real seconds that the home may take to forward what waited while the server was away."""


@dataclass(slots=True)
class Play:
    """The stage, who plays, and what was judged."""

    stage: Stage
    night: StaffClient
    live: Live
    steps: list[dict[str, Any]] = field(default_factory=list)

    def step(self, name: str, act: Callable[[], float | None]) -> None:
        """Play one step; its outcome and latency are noted, an error ends the play."""
        began = time.perf_counter()
        try:
            ms = act()
        except TryggveError as error:
            self.steps.append({"step": name, "ok": False, "why": error.text})
            raise
        took_ms = (time.perf_counter() - began) * 1000 if ms is None else ms
        self.steps.append({"step": name, "ok": True, "ms": round(took_ms, 1)})

    def jump(self, local: str, *, days: int = 0) -> None:
        """Set the time to `HH:MM` of the play's evening, or `days` later."""
        hour, minute = map(int, local.split(":"))
        at = EVENING.replace(hour=hour, minute=minute, second=0) + timedelta(days=days)
        self.stage.clock.set(at=at, rate=1.0)

    def home(self, what: str, **more: Any) -> dict[str, Any]:
        """An order to the virtual home."""
        assert self.stage.home is not None  # noqa: S101 - the stage is set
        return self.stage.home.do(what, **more)


def smoke(folder: Path, seed: int) -> dict[str, Any]:
    """Play it in `folder`; the judgement as a JSON object.  `ok` only if all of it held."""
    began = time.perf_counter()
    steps: list[dict[str, Any]] = []
    result: dict[str, Any] = {"ok": False, "seed": seed, "steps": steps}
    try:
        with stage(
            folder,
            at=EVENING,
            seed=seed,
            home_options=("--still", "--nobody-at-door"),
            plan=True,
        ) as set_stage:
            watcher = set_stage.account("night_watcher")
            night = StaffClient(set_stage.url, watcher.email, watcher.password)
            play = Play(set_stage, night, night.live(), steps)
            steps.append({"step": "stage_set", "ok": True, "ms": _ms(began)})
            _evening(play)
            _night(play)
            _calls(play)
            _morning(play)
            _quiet_day(play)
            _outage(play)
            result |= _count(play)
            play.live.close()
    except TryggveError as error:
        result["why"] = error.text
    result["seconds"] = round(time.perf_counter() - began, 1)
    result["ok"] = (
        "why" not in result and result.get("lost") == 0 and all(step["ok"] for step in steps)
    )
    return result


def _evening(play: Play) -> None:
    """To bed; the mat's event on the page; the first check answered by the mat alone."""

    def mat_on_page() -> float:
        asked = time.perf_counter()
        play.home("to_bed")
        ms, _ = play.live.wait("mat.pressed", after=asked)
        return ms

    def in_bed() -> None:
        asked = time.perf_counter()
        play.stage.clock.set(rate=FAST)
        play.live.wait("bed.entered", after=asked)
        play.stage.clock.set(rate=1.0)

    def checked_by_sensor() -> float:
        play.home("lie_still")
        asked = time.perf_counter()
        play.jump("23:00")
        ms, _ = play.live.wait("check.done", after=asked, fits=_data(by="sensor"))
        return ms

    play.step("mat_to_page", mat_on_page)
    play.step("bed_entered", in_bed)
    play.step("check_by_sensor_no_camera", checked_by_sensor)


def _night(play: Play) -> None:
    """Up in the night and not back: a check is asked and answered, an alarm raised and closed."""

    def gone() -> None:
        asked = time.perf_counter()
        play.jump("02:20", days=1)
        play.home("get_up")
        play.stage.clock.set(rate=FAST)
        play.live.wait("bed.left", after=asked)
        play.stage.clock.set(rate=1.0)

    def watcher_asked() -> float:
        asked = time.perf_counter()
        play.jump("02:30", days=1)
        ms, event = play.live.wait("check.asked", after=asked)
        page = play.night.get("/nu")
        if event["data"]["check"] not in page:
            raise StaffError("the check is not on the page Nu")
        asked = time.perf_counter()
        play.night.post(
            "/tillsyn/svara",
            home=HOME.id,
            check=event["data"]["check"],
            finding="ok",
            looked="phone",
        )
        play.live.wait("check.done", after=asked, fits=_data(by="watcher"))
        return ms

    def alarm() -> float:
        asked = time.perf_counter()
        play.stage.clock.set(at=play.stage.clock.now() + timedelta(minutes=45))
        ms, event = play.live.wait("alarm.raised", after=asked, fits=_data(type=AlarmType.BED_EXIT))
        _acknowledge_and_resolve(play, event)
        return ms

    play.step("bed_left", gone)
    play.step("check_asked_and_answered", watcher_asked)
    play.step("alarm_raised_taken_resolved", alarm)


def _calls(play: Play) -> None:
    """A fall onto the mat beside the bed is found, and why is on the page; the pendant rings."""

    def fall_found() -> float:
        asked = time.perf_counter()
        play.home("fall")
        _, pressed = play.live.wait("mat.pressed", after=asked, fits=_device("floor"))
        play.stage.clock.set(rate=FAST)
        ms, event = play.live.wait("alarm.raised", after=asked, fits=_data(type=AlarmType.ON_FLOOR))
        play.stage.clock.set(rate=1.0)
        since, at = (datetime.fromisoformat(text) for text in (event["data"]["since"], event["at"]))
        if (took_s := (at - since).total_seconds()) > FALL_S:
            raise StaffError(f"the fall was found after {took_s:.0f} s")
        if _ref(pressed) not in event["because"]["events"]:
            raise StaffError("the alarm does not name the mat's own event as its reason")
        page = play.night.get("/nu")
        if _ref(event) not in page or not any(MAT_PRESSED in why for why in WHY.findall(page)):
            raise StaffError("the page Nu does not tell the fall's reason")
        _acknowledge_and_resolve(play, event)
        play.home("to_bed")
        return ms

    def pendant() -> float:
        asked = time.perf_counter()
        play.home("pendant")
        _, pressed = play.live.wait("pendant.pressed", after=asked)
        if pressed["data"]["verified"] is not True:
            raise StaffError("the pendant's press was not proved genuine")
        ms, event = play.live.wait("alarm.raised", after=asked, fits=_data(type=AlarmType.PENDANT))
        if _ref(event) not in play.night.get("/nu"):
            raise StaffError("the pendant's alarm is not on the page Nu")
        _acknowledge_and_resolve(play, event)
        if (count := play.live.count("pendant.pressed")) != 1:
            raise StaffError(f"one press became {count} events")
        return ms

    play.step("fall_on_floor_mat_found_with_reason", fall_found)
    play.step("pendant_to_page", pendant)


def _acknowledge_and_resolve(play: Play, alarm: dict[str, Any]) -> None:
    """A night watcher acknowledges the alarm and resolves it."""
    ref, asked = _ref(alarm), time.perf_counter()
    play.night.post("/larm/ta", alarm=ref)
    play.live.wait("alarm.acknowledged", after=asked, fits=_data(alarm=ref))
    play.night.post("/larm/avsluta", alarm=ref, outcome="helped")
    play.live.wait("alarm.resolved", after=asked, fits=_data(alarm=ref))


def _morning(play: Play) -> None:
    """A caregiver opens the sleeping lock with the phone, and locks it again when leaving."""
    carer = play.stage.account("caregiver")
    phone = StaffClient(play.stage.url, carer.email, carer.password)

    def turned(action: str) -> float:
        asked = time.perf_counter()
        grant = phone.post(f"/pass/{HOME.id}/las", device="door", action=action)["grant"]
        play.live.wait("unlock.requested", after=asked, fits=_data(grant=grant))
        if action == "unlock":
            play.live.wait("unlock.progressed", after=asked, fits=_data(step="waking"))
            asked = time.perf_counter()  # from here on it is ours; before it, somebody's hand
            play.home("take_handle")
        ms, event = play.live.wait("unlock.ended", after=asked, fits=_data(grant=grant))
        if event["data"]["outcome"] != "done":
            raise StaffError(f"the lock did not {action}: {event['data']}")
        return ms

    def planned() -> None:
        play.jump("08:05", days=1)
        page = phone.get("/pass")
        states = {what: state for state, what in STOP.findall(page)}
        if states.get(MORNING) != "next" or states.get("Lunch") != "later":
            raise StaffError(f"the plan on the page Mitt pass is {states}")

    def unlock() -> float:
        began = time.perf_counter()
        ms = turned("unlock")
        play.live.wait("visit.started", after=began, fits=_data(source="unlock"))
        return ms

    def leave() -> float:
        began = time.perf_counter()
        ms = turned("lock")
        play.live.wait("visit.ended", after=began, fits=_data(source="lock"))
        if (turns := play.home("tell")["turns"]) != 2:
            raise StageError(f"the lock's motor ran {turns} times, not twice")
        done = [row for row in VISIT.findall(phone.get("/besok")) if MORNING in row]
        if len(done) != 1:
            raise StaffError(f"{len(done)} visits on the page Besök answer the planned one")
        return ms

    play.step("plan_on_the_shift_page", planned)
    play.step("sleeping_lock_woken_and_opened", unlock)
    play.step("locked_and_visit_ended", leave)


def _quiet_day(play: Play) -> None:
    """Up, and then nothing for hours: the home asks by its light, and a button answers."""

    def asked() -> float:
        began = time.perf_counter()
        play.jump("08:40", days=1)
        play.home("get_up")
        play.stage.clock.set(rate=FAST)
        play.live.wait("motion.detected", after=began, fits=_device("bathroom"))
        play.stage.clock.set(rate=1.0)
        play.home("fall_beyond")  # no fall here: from now on nothing moves by itself
        began = time.perf_counter()
        play.home("step")
        play.live.wait("mat.released", after=began, fits=_device("floor"))
        began = time.perf_counter()
        quiet = timedelta(hours=inactivity.Settings.model_fields["quiet_h"].default)
        play.stage.clock.set(at=play.stage.clock.now() + quiet + LEFT_BED)
        ms, _ = play.live.wait("activity.prewarned", after=began)
        _await_light(play, True)
        return ms

    def answered() -> float:
        began = time.perf_counter()
        play.home("answer")
        ms, _ = play.live.wait("activity.answered", after=began, fits=_data(by="button"))
        _await_light(play, False)
        return ms

    play.step("quiet_day_asked_by_light", asked)
    play.step("answered_by_button", answered)


def _await_light(play: Play, lit: bool) -> None:
    until = time.monotonic() + LIGHT_S
    while play.home("tell")["light"] is not lit:
        if time.monotonic() > until:
            raise StageError(f"the light is not {'lit' if lit else 'dark'} after {LIGHT_S:.0f} s")
        time.sleep(0.02)


def _outage(play: Play) -> None:
    """The server is killed, the home goes on, and everything arrives when it is back."""
    stage = play.stage

    def away() -> None:
        stage.kill_staff()
        for _ in range(PRESSES):
            play.home("press")
            time.sleep(PRESS_S)
            play.home("release")
            time.sleep(PRESS_S)

    def back() -> None:
        stage.start_staff()
        until = time.monotonic() + CAUGHT_UP_S
        while time.monotonic() < until:
            numbers = play.home("tell")
            if numbers["backlog"] == 0 and numbers["durable"] == _at_server(
                stage, numbers["origin"]
            ):
                return
            time.sleep(0.05)
        raise StageError("the home did not forward everything in time")

    play.step("server_killed_home_goes_on", away)
    play.step("server_back_caught_up", back)


def _count(play: Play) -> dict[str, Any]:
    """Stop the home in order and compare both logs, number by number."""
    stage = play.stage
    numbers = play.home("tell")
    reader = LogReader(stage.home_log)
    home = {obj["seq"]: obj["hash"] for obj in reader.events() if obj["origin"] == reader.origin}
    with closing(sqlite3.connect(stage.database)) as db:
        server = dict(
            db.execute("SELECT seq, hash FROM event WHERE origin = ?", (numbers["origin"],))
        )
    held = {seq for seq, digest in home.items() if _text(server.get(seq)) == digest}
    return {
        "events": {"home": len(home), "server": len(server)},
        "lost": len(home) - len(held),
        "twice": len(server) - len(set(server)),
    }


def _at_server(stage: Stage, origin: str) -> int:
    with closing(sqlite3.connect(stage.database)) as db:
        (last,) = db.execute(
            "SELECT coalesce(max(seq), 0) FROM event WHERE origin = ?", (origin,)
        ).fetchone()
    return int(last)


def _text(digest: object) -> object:
    return digest.hex() if isinstance(digest, bytes) else digest


def _data(**wanted: str) -> Callable[[dict[str, Any]], bool]:
    return lambda event: all(event["data"].get(k) == v for k, v in wanted.items())


def _device(wanted: str) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event.get("device") == wanted


def _ref(event: dict[str, Any]) -> str:
    return f"{event['origin']}/{event['seq']}"


def _ms(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 1)
