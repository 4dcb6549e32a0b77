"""What goes wrong in a home's first hour, with both programs: the server or the Pi dies in the
middle, a key is wrong, a lock is too far away, two install at once, a code is used twice, a card is
made twice, and what the home does not take."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path

import pytest

from gateway.config.secrets import FileSecrets
from gateway.demo import home as virtual
from gateway.demo.home_process import HomeProcess
from gateway.demo.installer import FAST, Installer, at_work
from gateway.demo.staffclient import StaffClient, StaffError
from gateway.demo.stage import CODE
from gateway.demo.town import HOME, bare_toml
from gateway.errors import UserError
from gateway.link.enrolment import enroll
from tests.e2e.second_path import ask, wait
from tests.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

BED, FLOOR = f"pin-{virtual.MAT_PIN}", f"pin-{virtual.FLOOR_PIN}"
EQUIPMENT = f"/hem/{HOME.id}/utrustning"


@pytest.fixture
def who(tmp_path: Path, kept: Path) -> Iterator[Installer]:
    """An installer before a home whose Pi has reported in."""
    with at_work(tmp_path / "stage", kept=kept) as installer:
        installer.connect()
        yield installer


def touch_bed(who: Installer) -> Callable[[], None]:
    """Somebody presses the bed's mat."""
    return lambda: who.press("press", "release")


def signed_in(who: Installer, role: str) -> StaffClient:
    """Somebody else of the staff."""
    account = who.stage.account(role)
    return StaffClient(who.stage.url, account.email, account.password)


def refused(client: StaffClient, path: str, **fields: str) -> str:
    """What the page says when it refuses a form."""
    with pytest.raises(StaffError, match="was refused") as said:
        client.post(path, **fields)
    return re.sub(r"\\+u([0-9a-f]{4})", lambda at: chr(int(at[1], 16)), said.value.text)


def named(who: Installer) -> list[str]:
    """What the home is to consist of, as the page lists it."""
    page = who.phone.get(who.near)
    return re.findall(r'data-test="named-one" data-device="([^"]+)"', page)


def pendant_key(who: Installer) -> str:
    """The key in the maker's app."""
    assert who.home is not None
    return str(who.home.do("tell")["pendant_key"])


def find_pendant(who: Installer) -> None:
    """Find and name the pendant."""
    who.find(virtual.PENDANT_ADDRESS, lambda: who.act("pendant"), "pendant", "bedroom")


def test_the_server_dies_while_things_are_named(who: Installer) -> None:
    """Its plug is pulled just after a thing was named: the thing holds once it is back, the page
    hears on by itself, nothing is named twice, and the next thing is named."""
    who.hear()
    who.find(BED, touch_bed(who), "bed", "bedroom")
    who.until(lambda: who.act("step"), f'data-near="{FLOOR}" data-moves="yes"')
    floor = {"do": "add", "thing": FLOOR, "use": "floor", "room": "bedroom"}
    who.phone.post(who.near, **floor)
    who.stage.kill_staff()
    with pytest.raises(StaffError, match="does not answer"):
        who.phone.post(who.near, **floor)
    who.stage.start_staff()
    who.phone.post(who.near, **floor)  # nobody knows whether it was saved
    who.shows(who.near, 'data-state="hearing"', 'data-device="floor"', 'data-follows="yes"')
    button = f"pin-{virtual.ANSWER_PIN}"
    who.find(button, lambda: who.act("answer"), "button", "kitchen")
    assert named(who) == ["bed", "floor", "button"]


def test_the_pi_restarts_in_the_middle_of_the_trial(who: Installer) -> None:
    """What was seen stays seen and the plug is ticked by the Pi's own start; what is done while
    the server is away is ticked when it is back."""
    who.hear()
    who.find(BED, touch_bed(who), "bed", "bedroom")
    who.find(f"pin-{virtual.ANSWER_PIN}", lambda: who.act("answer"), "button", "kitchen")
    who.phone.post(who.near, do="end")
    who.phone.post(who.page, do="begin")
    who.shows(who.page, 'data-test="trial" data-left="6"')
    who.act("press")
    who.ticked("stepped_on bed")
    assert who.home is not None
    who.home.process.kill()
    who.home.stop()
    who.start_home()
    for step in ("stepped_on bed", "unplugged", "plugged_in"):
        who.ticked(step)
    who.act("press")
    who.stage.clock.set(rate=FAST)
    who.ticked("lay_down bed")
    who.stage.kill_staff()
    who.act("release")
    who.act("answer")
    who.stage.start_staff()
    for step in ("stepped_off bed", "answered button"):
        who.ticked(step)
    who.accept()


def test_a_wrong_key_twice_and_a_lock_too_far_away(who: Installer) -> None:
    """A wrong key is said, nothing is paired by it, and the right one pairs; a lock that is carried
    away while it is paired is waited for, and paired when it is back."""
    who.hear()
    find_pendant(who)
    for key in ("0" * 32, "f" * 32):
        who.pair("pendant", lambda: who.act("pendant"), key, ends="failed")
        assert "nyckeln stämmer inte" in unescape(who.phone.get(who.near))
        assert not FileSecrets(who.state_dir).has("bthome-pendant")
    who.pair("pendant", lambda: who.act("pendant"), pendant_key(who))
    assert who.home is not None
    lock = who.home.do("tell")["lock_address"]
    who.find(lock, lambda: who.act("hold_button"), "front", "hall")
    who.act("lock_away")
    who.phone.post(who.near, do="pair", device="front")
    who.shows(who.near, 'data-guided="front" data-outcome="going"', "Håll låsets knapp intryckt")
    who.act("hold_button")
    assert 'data-outcome="going"' in who.phone.get(who.near)
    who.act("lock_back")
    done = 'data-guided="front" data-outcome="done"'
    who.until(lambda: who.act("hold_button"), done)
    who.shows(who.near, 'data-follows="yes"')
    assert not ask(who.stage, "SELECT unpaired FROM config_state WHERE unpaired <> ''")


def test_two_install_at_once(who: Installer) -> None:
    """Whoever begins takes over, and the other page says who it is; what that one sends is refused
    in a sentence, and whoever presses how often, nothing is named twice.  There is one trial: both
    see it, and it is accepted once."""
    other = signed_in(who, "administrator")
    name = who.stage.account("administrator").name
    who.hear()
    who.until(touch_bed(who), f'data-near="{BED}" data-moves="yes"')
    other.post(who.near, do="begin")
    who.shows(who.near, 'data-test="idle"', f"{name} letar just nu")
    bed = {"do": "add", "thing": BED, "use": "bed", "room": "bedroom"}
    assert "Hemmet lyssnar inte längre" in refused(who.phone, who.near, **bed)

    def shown() -> bool:
        who.press("press", "release")
        return f'data-near="{BED}"' in other.get(who.near)

    wait(shown, "the other page shows no mat")
    for _ in range(3):  # a thumb that presses until something happens
        other.post(who.near, **bed)
    who.shows(who.near, 'data-device="bed"', 'data-follows="yes"')
    assert "finns redan" in other.post(who.near, **bed)["text"]
    assert named(who) == ["bed"]

    who.phone.post(who.page, do="begin")
    for step in ("stepped_on bed", "lay_down bed", "stepped_off bed", "unplugged"):
        for client in (who.phone, other):
            client.post(who.page, do="skip", step=step, why="not_possible")
    assert "Allt är inte provat än" in refused(other, who.page, do="accept")
    other.post(who.page, do="skip", step="plugged_in", why="not_possible")
    to = other.post(who.page, do="accept")["go"]
    assert "Inget prov pågår" in refused(who.phone, who.page, do="accept")
    assert name in other.get(to)


def test_what_the_home_does_not_take(who: Installer) -> None:
    """A configuration that is wrong is said in a sentence where things are named, what held goes
    on, and the next thing that is named is not refused with it.  One that comes while an alarm is
    open waits, and the page says for what."""
    who.hear()
    find_pendant(who)
    who.pair("pendant", lambda: who.act("pendant"), pendant_key(who))
    wrong = {"device": "golv", "driver": "mat_gpio", "lines": "pin = 99"}
    who.phone.post(EQUIPMENT, do="device", new="1", why="new_device", after="1", **wrong)
    who.shows(who.near, 'data-follows="refused"', "golv, pin: värdet går inte")
    who.shows(EQUIPMENT, 'data-follows="refused"', 'data-held="1"')
    assert named(who) == ["pendant"]
    who.find(FLOOR, lambda: who.act("step"), "floor", "bedroom")
    assert named(who) == ["pendant", "floor"]

    who.act("pendant")
    query = "SELECT id FROM alarm WHERE type = 'pendant' AND closed_at IS NULL"
    wait(lambda: bool(ask(who.stage, query)), "the alarm never came")
    who.until(touch_bed(who), f'data-near="{BED}" data-moves="yes"')
    who.phone.post(who.near, do="add", thing=BED, use="bed", room="bedroom")
    who.shows(who.near, 'data-follows="waiting"', "ett larm pågår")
    watcher = signed_in(who, "night_watcher")
    ref = ask(who.stage, query)[0][0]
    watcher.post("/larm/ta", alarm=ref)
    watcher.post("/larm/avsluta", alarm=ref, outcome="helped")
    who.shows(who.near, 'data-follows="yes"', 'data-device="bed"')


def test_a_mat_that_never_moves_and_a_battery_that_is_nearly_empty(who: Installer) -> None:
    """A mat that says nothing ticks nothing: it is skipped as broken, and the protocol says so.  A
    battery that is nearly empty stands beside its thing before anybody leaves the home."""
    who.hear()
    who.find(BED, touch_bed(who), "bed", "bedroom")
    find_pendant(who)
    who.pair("pendant", lambda: who.act("pendant"), pendant_key(who))
    who.phone.post(who.near, do="end")
    who.act("pendant_battery", pct=6)
    who.phone.post(who.page, do="begin")
    for step in ("pressed pendant", "called pendant"):
        who.act("pendant")
        who.ticked(step)
    who.shows(who.page, "6 %")
    for step in ("stepped_on bed", "lay_down bed", "stepped_off bed"):
        who.shows(who.page, f'data-step="{step}" data-state="left"')
        who.phone.post(who.page, do="skip", step=step, why="broken")
    for step in ("unplugged", "plugged_in"):
        who.phone.post(who.page, do="skip", step=step, why="not_possible")
    to = who.phone.post(who.page, do="accept")["go"]
    protocol = unescape(who.phone.get(to))
    assert protocol.count("Överhoppat: fungerar inte.") == 3


def test_a_code_that_is_used_up_and_a_home_with_two_cards(who: Installer, tmp_path: Path) -> None:
    """A used code and one that was replaced are refused in a sentence, and the home that is there
    goes on.  A second card with a good code has the home from then on: nobody hears the first one,
    which still runs, and on the second one holds what was set."""
    who.hear()
    who.find(FLOOR, lambda: who.act("step"), "floor", "bedroom")
    who.phone.post(who.near, do="end")
    stage, first, state = who.stage, who.home, tmp_path / "second"
    assert first is not None
    state.mkdir(mode=0o700)
    secrets = FileSecrets(state)

    def new_code() -> str:
        shown = who.phone.show(f"/administration/hem/{HOME.id}", do="code", back="install")
        code = CODE.search(shown)
        assert code is not None
        return code[0]

    replaced, code = new_code(), new_code()
    for bad in (who.code, replaced):
        with pytest.raises(UserError, match="did not take the code"):
            enroll(stage.url, bad, state, secrets, home=HOME.id)
    assert not (state / "server.json").exists()
    steps = "SELECT count(*) FROM event WHERE kind = 'mat.pressed' AND origin = ?"
    before = ask(stage, steps, "home:h1~2")[0][0]
    first.do("step")
    wait(lambda: ask(stage, steps, "home:h1~2")[0][0] > before, "the home was cut off")

    enroll(stage.url, code, state, secrets, home=HOME.id)
    state.with_suffix(".toml").write_text(bare_toml(HOME, stage.url, free_port()))
    second = HomeProcess(
        stage.home_from.module(
            *("gateway.demo.home", "--config", f"{state}.toml", "--state", str(state)),
            *("--clock", str(stage.clock_file), "--new", "lock_nuki", "--still", "--awake"),
        ),
        tmp_path / "second.log",
    )
    try:
        held = "SELECT body FROM event WHERE origin = 'home:h1~3' AND kind = 'config.held'"
        wait(
            lambda: any('"number":1' in body for (body,) in ask(stage, held)),
            "the second card never held what was set",
        )
        before = ask(stage, steps, "home:h1~2")[0][0]
        first.do("step")
        second.do("step")
        wait(lambda: ask(stage, steps, "home:h1~3")[0][0] > 0, "the second card is not heard")
        assert ask(stage, steps, "home:h1~2")[0][0] == before
        assert first.process.poll() is None
        who.shows(who.near, 'data-device="floor"', 'data-follows="yes"')
        who.shows(who.page, 'data-test="gateway" data-state="up"')
    finally:
        second.stop()
