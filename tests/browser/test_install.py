"""A home's first hour on a technician's phone, in a real browser."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from gateway.access.listen_orders import ListenAction, ListenOrder
from gateway.config.secrets import FileSecrets
from gateway.demo import home as virtual
from gateway.demo.home_process import HomeProcess
from gateway.demo.tree import HERE
from gateway.doors import install_code
from gateway.envelope import Draft
from gateway.events import (
    AlarmRaised,
    AlarmType,
    BedEntered,
    ConfigHeld,
    DeviceTold,
    HomeDescribed,
    LockLocked,
    LockUnlocked,
    MatPressed,
    MatReleased,
    PendantPressed,
    PowerLost,
    PowerRestored,
)
from gateway.wire import make_code
from tests.browser.conftest import PHONE, LiveServer
from tests.browser.crooked import crooked
from tests.browser.night import Night
from tests.ports import free_port
from tests.staff.installs.parts import DEVICES, furnish
from tests.staff.installs.test_hearing import listening, order_on, tell
from tests.staff.installs.test_trial import ALL
from tests.staff.parts import add_user, parts_of
from web.staff.core.context import Staff
from web.staff.core.rights import Role
from web.staff.installs.hearing import SILENT
from web.staff.storage import install_tables

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

SHOTS = os.environ.get("TRYGGVE_SHOTS")
"""A folder for pictures of the pages; None: none are taken."""


def looked_at(page: Any, name: str) -> None:
    """Nothing is cut off, on a narrow phone neither; and a picture, where somebody wants one."""
    page.wait_for_load_state()  # without its style sheets a page is of any width
    assert page.evaluate(WIDER) <= 0, name
    faults = crooked(page)
    assert not faults, f"{name}: {faults}"
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


IN_SIGHT = """(test) => {
  const box = document.querySelector(`[data-test=${test}]`).getBoundingClientRect();
  const top = document.querySelector(".top").getBoundingClientRect().bottom;
  return box.top >= top - 1 && box.bottom <= innerHeight;
}"""
"""Whether a part of the page is seen whole, nobody having scrolled."""

SEEN = (
    ("bed", (MatPressed(), BedEntered(), MatReleased())),
    ("floor", (MatPressed(), AlarmType.ON_FLOOR, MatReleased())),
    ("pendant", (PendantPressed(verified=True),)),
    ("front", (LockUnlocked(), LockLocked())),
    (None, (PowerLost(), PowerRestored())),
)
"""What the home tells of, thing by thing: stepped on, lain down, stepped off; fallen; pressed;
unlocked and locked; the plug pulled and put back."""


def test_a_home_is_tried_on_a_phone(
    open_page: Callable[..., Any],
    sign_in: Callable[..., None],
    night: Night,
    live_server: LiveServer,
) -> None:
    """The code is shown to a camera and in letters; each step is ticked by its own event while the
    page is looked at, though what a bed says is care and no technician's; half-written words stay;
    what is skipped needs a reason; what was done is said where one looks; the protocol says who,
    when, what was seen and what was skipped and why, and is printed without what is pressed."""
    add_user(night.app, "p-tech", [Role.TECHNICIAN])
    furnish(night.homes["h1"])
    page = open_page(PHONE)
    sign_in(page, "p-tech")
    page.goto(f"{live_server.url}/hem/h1")
    page.get_by_test_id("to-install").click()
    page.locator("#code summary").click()
    page.get_by_test_id("code").click()
    page.get_by_test_id("enrol-code").wait_for()
    assert page.locator("svg.qr").bounding_box()["width"] >= 200
    looked_at(page, "phone-install-code")
    page.goto(f"{live_server.url}/hem/h1/installera")
    looked_at(page, "phone-install-begin")
    home = night.homes["h1"]
    home.send(Draft(MatReleased(), device="bed"))  # somebody lay there
    page.get_by_test_id("begin").click()
    page.get_by_test_id("progress").wait_for()
    assert page.evaluate(IN_SIGHT, "flashes"), "what was done is said where one looks"
    page.locator('[data-step="lay_down bed"] summary').click()
    words = page.locator('[data-step="lay_down bed"]').get_by_test_id("words")
    words.fill("sov")
    home.send(Draft(MatPressed(), device="bed"))
    page.locator('[data-step="stepped_on bed"][data-state="seen"]').wait_for()
    assert words.input_value() == "sov", "what is being written stays"
    for device, told in SEEN:
        for one in told:
            data = one if not isinstance(one, AlarmType) else AlarmRaised.usual(one, night.now)
            home.send(Draft(data, device=None if isinstance(data, BedEntered) else device))
    page.locator('[data-step="plugged_in"][data-state="seen"]').wait_for()
    looked_at(page, "phone-install-trial")
    left = page.locator('[data-test="step"]:not([data-state="seen"])')
    assert [one.get_attribute("data-step") for one in left.all()] == ["called pendant"]
    assert page.get_by_test_id("accept").is_disabled()
    left.locator("summary").click()
    left.get_by_test_id("why").select_option("other")
    left.get_by_test_id("words").fill("Larmcentralen är inte inkopplad")
    left.get_by_test_id("skip").click()
    page.locator('[data-step="called pendant"][data-state="skipped"]').wait_for()
    assert page.evaluate(IN_SIGHT, "flashes"), "what was done is said where one looks"
    page.get_by_test_id("accept").click()
    lines = page.get_by_test_id("lines")
    lines.wait_for()
    looked_at(page, "phone-install-protocol")
    assert page.get_by_test_id("who").inner_text().count("Prov p-tech") == 2
    assert lines.locator('[data-test="line"]:not([data-seen=""])').count() == len(ALL) - 1
    skipped = lines.locator('[data-step="called"]').inner_text()
    assert "Larmcentralen är inte inkopplad" in skipped and "Prov p-tech" in skipped
    page.emulate_media(media="print")
    for pressed in ("header.top", ".flashes", "button", "main a"):
        assert not page.locator(pressed).first.is_visible(), pressed
    assert lines.is_visible()
    looked_at(page, "print-install-protocol")
    page.emulate_media(media="screen")
    page.evaluate("window.print = () => { window.printed = true; }")
    page.get_by_test_id("print").click()
    assert page.evaluate("window.printed")


LOCK = {"address": "54:D2:72:00:00:01", "driver": "lock_nuki", "name": "Nuki_1", "rssi": -55}
SENSOR = {"address": "AA:00:00:00:00:02", "driver": "bthome", "rssi": -90}
FILE = '{"devices":{"bed":{"driver":"mat_adc","role":"bed","channels":[0]}},"rules":{}}'


def test_things_are_found_named_paired_and_calibrated_on_a_phone(
    open_page: Callable[..., Any],
    sign_in: Callable[..., None],
    night: Night,
    live_server: LiveServer,
) -> None:
    """What is touched stands first, with the radio's strength in words; pictures that were chosen
    and a key that is being typed stay while the page is brought up every second; the mat is
    calibrated by what the page asks; a home that went silent is said, and heard again."""
    home, staff = night.homes["h1"], parts_of(night.app)
    add_user(night.app, "p-tech", [Role.TECHNICIAN])
    home.send(ConfigHeld(number=0, text=FILE))
    stream = listening(home)
    page = open_page(PHONE)
    sign_in(page, "p-tech")
    page.goto(f"{live_server.url}/hem/h1/installera/hitta")
    looked_at(page, "phone-nearby-begin")
    page.get_by_test_id("begin").click()
    page.get_by_test_id("hearing").wait_for()
    hearing = order_on(stream, staff).hearing

    def hears(pin: int = 17, **more: Any) -> None:
        things = [{**LOCK, "moved_s": 1, "wants": True}, SENSOR]
        pins = [{"pin": pin, "closed": True, "moves": 1, "moved_s": 30}]
        assert tell(home, hearing, things=things, pins=pins, **more) == 200

    hears()
    first = page.get_by_test_id("near-one").first
    page.locator(f'[data-near="{LOCK["address"]}"][data-moves="yes"]').wait_for()
    assert first.get_attribute("data-near") == LOCK["address"]
    assert "mycket bra radio" in first.inner_text()
    assert "för svag radio" in page.locator(f'[data-near="{SENSOR["address"]}"]').inner_text()
    first.locator("summary").click()
    first.locator("label", has=page.get_by_test_id("use-front")).click()
    hears(radio="no adapter")
    page.get_by_test_id("radio").wait_for()
    assert first.get_by_test_id("use-front").is_checked(), "what was chosen stays"
    first.locator("label", has=page.get_by_test_id("room-hall")).click()
    looked_at(page, "phone-nearby-name")
    first.get_by_test_id("add").click()
    page.locator('[data-test="named-one"][data-device="front"]').wait_for()
    named = (*DEVICES, DeviceTold(id="front", driver="lock_nuki", type="lock", role="front_door"))
    home.send(
        HomeDescribed(devices=named, timezone="Europe/Stockholm"),
        ConfigHeld(number=1, text="", unpaired=("front",)),
    )
    page.locator('[data-test="named"][data-follows="yes"]').wait_for()

    page.get_by_test_id("guide-front").click()
    order = orders_but(stream, staff, ListenAction.GO_ON)
    assert (order.action, order.device) == (ListenAction.PAIR, "front")
    asks = {"device": "front", "what": "pair", "said": ["Hold the lock's button for five seconds"]}
    hears(guided={**asks, "number": 1, "question": "Offline key, 32", "hidden": True})
    answer = page.get_by_test_id("answer")
    answer.fill("0123")
    hears(27, guided={**asks, "number": 1, "question": "Offline key, 32", "hidden": True})
    page.locator('[data-near="pin-27"]').wait_for()
    assert "sluten" in page.locator('[data-near="pin-27"]').inner_text()
    assert answer.input_value() == "0123", "what is being typed stays"
    assert answer.get_attribute("type") == "password"
    looked_at(page, "phone-nearby-key")
    page.get_by_test_id("send-answer").click()
    order = orders_but(stream, staff, ListenAction.GO_ON)
    assert (order.action, order.question, order.text) == (ListenAction.ANSWER, 1, "0123")
    hears(guided={**asks, "outcome": "failed", "code": "not_paired"})
    page.locator('[data-guided="front"][data-outcome="failed"]').wait_for()
    assert "Nyckeln stämmer inte med låset." in page.get_by_test_id("guided").inner_text()
    looked_at(page, "phone-nearby-wrong-key")

    page.get_by_test_id("guide-again").click()
    order = orders_but(stream, staff, ListenAction.GO_ON)
    assert (order.action, order.device) == (ListenAction.PAIR, "front"), "tried again from there"
    page.get_by_test_id("guide-bed").click()
    order = orders_but(stream, staff, ListenAction.GO_ON)
    assert (order.action, order.device) == (ListenAction.CALIBRATE, "bed")
    mat = {"device": "bed", "what": "calibrate", "number": 1}
    ask = "Make the bed as usual, let nobody touch it, and press Enter."
    hears(guided={**mat, "question": ask})
    page.get_by_text("Bädda som vanligt").wait_for()
    assert page.get_by_test_id("answer").count() == 0, "nothing is to be written"
    looked_at(page, "phone-nearby-calibrate")
    page.get_by_test_id("send-answer").click()
    assert orders_but(stream, staff, ListenAction.GO_ON).question == 1
    hears(guided={**mat, "outcome": "done"})
    page.locator('[data-guided="bed"][data-outcome="done"]').wait_for()

    with staff.write() as tx:
        tx.conn.execute(
            update(install_tables.hearing).values(told_at=datetime.now(UTC) - 2 * SILENT)
        )
    page.locator('[data-test="hearing"][data-state="silent"]').wait_for()
    looked_at(page, "phone-nearby-silent")
    hears()
    page.locator('[data-test="hearing"][data-state="hearing"]').wait_for()


def orders_but(stream: Iterator[bytes], staff: Staff, passed: ListenAction) -> ListenOrder:
    """The next order that is not one of these."""
    while (order := order_on(stream, staff)).action is passed:
        pass
    return order


PI_TOML = """\
[home]
id = "h9"
timezone = "Europe/Stockholm"

[gpio]
factory = "mock"

[web]
port = {port}
"""


def test_a_home_without_a_server_is_installed_on_a_phone(
    open_page: Callable[..., Any], tmp_path: Path
) -> None:
    """On the page that the Pi itself serves: the code, a mat that is touched and named by pictures,
    which stay chosen while the page is brought up; the lock is paired; the trial is ticked while it
    is looked at, and its protocol stands there."""
    state, port = tmp_path / "home", free_port()
    state.mkdir(mode=0o700)
    (tmp_path / "home.toml").write_text(PI_TOML.format(port=port))
    code = make_code(bytes(range(7)), bytes(32))
    install_code.keep(FileSecrets(state), code, datetime.now(UTC))
    command = ["--config", str(tmp_path / "home.toml"), "--state", str(state)]
    options = ["--new", "lock_nuki", "--still", "--awake"]
    home = HomeProcess(HERE.module("gateway.demo.home", *command, *options), tmp_path / "home.log")
    try:
        page = open_page(PHONE, ignore_https_errors=True)
        page.goto(f"https://localhost:{port}/")
        looked_at(page, "phone-pi-entry")
        page.locator("#install").fill(code)
        page.locator("#install + button").click()
        page.get_by_test_id("to-nearby").wait_for()
        looked_at(page, "phone-pi-begin")
        page.get_by_test_id("to-nearby").click()
        page.get_by_test_id("begin").click()
        page.get_by_test_id("hearing").wait_for()
        home.do("step")
        mat = page.locator(f'[data-near="pin-{virtual.FLOOR_PIN}"]')
        mat.locator("summary").click()
        mat.locator("label", has=page.get_by_test_id("use-floor")).click()
        home.do("answer")  # the page is brought up with one more
        page.locator(f'[data-near="pin-{virtual.ANSWER_PIN}"]').wait_for()
        assert mat.get_by_test_id("use-floor").is_checked(), "what was chosen stays"
        mat.locator("label", has=page.get_by_test_id("room-bedroom")).click()
        looked_at(page, "phone-pi-name")
        mat.get_by_test_id("add").click()
        page.locator('[data-test="named-one"][data-device="floor"]').wait_for()

        home.do("hold_button")
        lock = page.locator(f'[data-near="{home.do("tell")["lock_address"]}"]')
        lock.locator("summary").click()
        lock.locator("label", has=page.get_by_test_id("use-front")).click()
        lock.locator("label", has=page.get_by_test_id("room-hall")).click()
        lock.get_by_test_id("add").click()
        page.get_by_test_id("guide-front").click()
        home.do("hold_button")
        page.locator('[data-guided="front"][data-outcome="done"]').wait_for()
        looked_at(page, "phone-pi-paired")

        page.get_by_test_id("to-trial").click()
        page.get_by_test_id("begin").click()
        home.do("step")
        page.locator('[data-step="stepped_off floor"][data-state="seen"]').wait_for()
        looked_at(page, "phone-pi-trial")
        for key in ("fell floor", "unlocked front", "locked front", "unplugged", "plugged_in"):
            step = page.locator(f'[data-step="{key}"]')
            step.locator("summary").click()
            step.get_by_test_id("why").select_option("not_possible")
            step.get_by_test_id("skip").click()
            page.locator(f'[data-step="{key}"][data-state="skipped"]').wait_for()
        page.get_by_test_id("accept").click()
        page.get_by_test_id("lines").wait_for()
        looked_at(page, "phone-pi-protocol")
        page.get_by_test_id("leave").click()
        page.locator("#pin").wait_for()
        assert page.locator("#install").count() == 0, "the code is used up"
    finally:
        home.stop()
