"""The engine's edge: what breaks at an event takes neither the event nor anybody else with it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from gateway.app.home import Home as WholeHome
from gateway.clock import SystemClock
from gateway.config import home_file
from gateway.engine.event_log import EventLog
from gateway.envelope import Draft, Event
from gateway.events import (
    AlarmRaised,
    DeviceFailed,
    PendantPressed,
    RuleFailed,
    Severity,
    alarm_type,
)
from gateway.rules import Decision, Rule, RuleSettings, Tick
from tests.conftest import START
from tests.test_engine import Home, running


def unwritable_rule(name: str, *, kind: str = "", at: datetime | None = None) -> Rule:
    """Decides at every event of `kind`, and once at `at`, what no log can hold."""

    def step(
        due: datetime | None, event: Event | Tick, _settings: RuleSettings
    ) -> tuple[datetime | None, Sequence[Decision]]:
        due = None if isinstance(event, Tick) else due
        return due, [Decision(DeviceFailed(error="\udc80", text="", retry_s=1.0))]

    return Rule(
        name=name,
        version=1,
        kinds=frozenset({kind}),
        settings=RuleSettings(),
        start=lambda _settings: at,
        step=step,
        wake_at=lambda due, _settings: due,
    )


def alarm_rule() -> Rule:
    """Raises an alarm at each press."""

    def step(
        state: None, event: Event | Tick, _settings: RuleSettings
    ) -> tuple[None, Sequence[Decision]]:
        assert isinstance(event, Event)
        alarm = AlarmRaised(type=alarm_type("pendant"), severity=Severity.CARE, since=event.at)
        return state, [Decision(alarm, rests_on=(event.ref,))]

    return Rule(
        name="pressed",
        version=1,
        kinds=frozenset({"pendant.pressed"}),
        settings=RuleSettings(),
        start=lambda _settings: None,
        step=step,
        wake_at=lambda _state, _settings: None,
    )


async def test_a_decision_that_cannot_be_written_takes_nothing_with_it(tmp_path: Path) -> None:
    """Another rule's alarm at the same press, and a press before which a tick was due: both are in
    the log, and the rule that said it is told."""
    before = unwritable_rule("before", kind="pendant.pressed")
    due = unwritable_rule("due", at=START + timedelta(seconds=1))
    async with running(Home(tmp_path, rules=[before, due, alarm_rule()])) as home:
        home.clock.step(1)  # no turn comes between the tick's moment and the press
        press = await home.engine.write(Draft(PendantPressed(verified=True), device="pendant"))
        assert press.kind == "pendant.pressed"
        await home.until(lambda: any(isinstance(one.data, AlarmRaised) for one in home.urgent))
    told = [event.data for event, _ in EventLog.open(tmp_path / "events.sqlite", "home:h1").since()]
    assert [type(data) for data in told] == [RuleFailed, PendantPressed, RuleFailed, AlarmRaised]
    assert [data.rule for data in told if isinstance(data, RuleFailed)] == ["due", "before"]


async def test_one_part_that_breaks_keeps_no_other_from_an_event(tmp_path: Path) -> None:
    """A home whose looks break at a press, as it is folded and as it is seen: what is folded after
    them has it, the door looks again, who watches sees it, and it is told."""
    toml = b'[home]\nid = "h1"\n[web]\nenabled = false\n'
    home = WholeHome(
        home_file.parse(toml, tmp_path / "home.toml"), state_dir=tmp_path, clock=SystemClock()
    )

    def breaks(event: Event) -> None:
        if event.kind == "pendant.pressed":
            raise KeyError("pendant")

    folded: list[str] = []
    seen: list[str] = []
    began, told = asyncio.Event(), asyncio.Event()

    def fold(event: Event) -> None:
        folded.append(event.kind)

    def see(event: Event) -> None:
        seen.append(event.kind)
        began.set()
        if isinstance(event.data, RuleFailed):
            told.set()

    home.media.apply = breaks  # type: ignore[method-assign]
    home.root_parts.apply = fold  # type: ignore[method-assign]
    home.lock_orders.reconsider = lambda: seen.append("door")  # type: ignore[method-assign]
    home.watchers.insert(0, breaks)
    home.watchers.append(see)
    task = asyncio.create_task(home.run())
    async with asyncio.timeout(60):
        await began.wait()
        await home.engine.write(Draft(PendantPressed(verified=True), device="pendant"))
        await told.wait()
        home.stop()
        await task
    assert "pendant.pressed" in folded
    place = seen.index("pendant.pressed")
    assert seen[place - 1] == "door"
