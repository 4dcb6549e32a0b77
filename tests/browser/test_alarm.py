"""An alarm on two phones: one takes it, the other sees who, and its page tells how it went."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.envelope import Draft
from gateway.events import (
    AlarmCancelled,
    AlarmEscalated,
    AlarmRepeated,
    AlarmSent,
    AlarmShown,
    AlarmUndelivered,
    Climbed,
    Stamp,
    VisitStarted,
)
from tests.browser.conftest import PHONE, LiveServer
from tests.browser.night import Night
from tests.staff.care.test_alarm_life import said
from tests.staff.parts import add_user, parts_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Open = Callable[..., Any]
SignIn = Callable[..., None]


def test_one_takes_it_and_the_other_sees_who(
    open_page: Open, sign_in: SignIn, night: Night, live_server: LiveServer
) -> None:
    """Without a reload: taken, on the way, there; what repeats adds to it; closed with what it was.
    The other's page of the alarm tells each step as it happens."""
    from playwright.sync_api import expect

    add_user(night.app, "p8", ["caregiver"], homes=["h1"])
    mine, other = open_page(PHONE), open_page(PHONE)
    sign_in(mine)
    sign_in(other, "p8")
    ref = night.raise_bed_exit()
    staff = parts_of(night.app)
    said(staff, AlarmEscalated(alarm=ref, step=1, round=1, why=Climbed.BEGUN, ladder="l"))
    said(staff, AlarmSent(alarm=ref, message="m1", channel="push", step=1), "p8")
    said(staff, AlarmShown(alarm=ref, message="m1"), "p8")
    said(staff, AlarmSent(alarm=ref, message="m2", channel="sms", step=1), "p7")
    said(staff, AlarmUndelivered(alarm=ref, message="m2", why="gone"), "p7")
    cards = [page.locator(f'[data-test="alarm"][data-alarm="{ref}"]') for page in (mine, other)]
    for card in cards:
        expect(card.get_by_test_id("untaken")).to_be_visible()
    cards[0].get_by_test_id("acknowledge").click()
    expect(cards[1].get_by_test_id("acknowledged-by")).to_contain_text("Prov p7 har tagit larmet")
    expect(cards[1].get_by_test_id("acknowledge")).to_have_count(0)
    cards[1].get_by_test_id("to-alarm").click()
    other.wait_for_url("**/larm/home:h1/*")
    steps = other.get_by_test_id("step")
    expect(steps.filter(has_text="Push")).to_contain_text("visat")
    expect(steps.filter(has_text="SMS")).to_contain_text("adressen finns inte längre")
    expect(steps.filter(has_text="Öppen sida").filter(has_text="Prov p7")).to_have_count(1)
    cards[0].get_by_test_id("set-out").click()
    expect(other.get_by_test_id("on-the-way")).to_contain_text("Prov p7 är på väg")
    night.homes["h1"].send(AlarmRepeated(alarm=ref))
    expect(other.get_by_test_id("repeats")).to_contain_text("Igen 1 gång")
    begun = VisitStarted(since=night.now, source=Stamp.UNLOCK)
    night.homes["h1"].send(Draft(begun, person="p7"))
    expect(other.get_by_test_id("arrived")).to_contain_text("Prov p7 är framme")
    other.get_by_test_id("note").fill("Satt på sängkanten")
    other.get_by_test_id("note-save").click()
    expect(other.locator("q")).to_have_text("Satt på sängkanten")
    cards[0].get_by_test_id("finding-fall").check()
    cards[0].get_by_test_id("resolve").click()
    expect(other.get_by_test_id("closed")).to_contain_text("Hade ramlat")
    expect(cards[0]).to_have_count(0)


def test_what_was_taken_back_in_the_home_stays_on_now(
    open_page: Open, sign_in: SignIn, night: Night
) -> None:
    """Who had taken it sees that, and by whom; a tap leads to the alarm."""
    from playwright.sync_api import expect

    page = open_page(PHONE)
    sign_in(page)
    ref = night.raise_bed_exit()
    page.get_by_test_id("acknowledge").click()
    expect(page.get_by_test_id("acknowledged-by")).to_be_visible()
    night.homes["h1"].send(AlarmCancelled(alarm=ref, reason="wearer"))
    told = page.get_by_test_id("taken-back")
    expect(told).to_contain_text("brukaren tog tillbaka larmet")
    expect(told).to_contain_text("Du hade tagit larmet.")
    told.get_by_role("link").click()
    expect(page.get_by_test_id("closed")).to_contain_text("Återtaget")
