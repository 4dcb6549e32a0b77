"""Who sets out for an alarm and does not arrive: asked in the time that the organisation gave the
way, and without an answer the alarm is others' too."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from gateway.envelope import Draft
from gateway.events import (
    AlarmFinding,
    AlarmResponderArrived,
    AlarmType,
    Stamp,
    VisitEnded,
    VisitStarted,
)
from tests.staff.channels.test_contract import MESSAGE
from tests.staff.channels.test_sms import GSM_7
from tests.staff.ladders.hand import Hand
from tests.staff.ladders.test_answers import answer
from tests.staff.ladders.test_definitions import draft, save
from tests.staff.pages.test_statements import counted
from tests.staff.parts import EnrolledHome, add_home, add_user
from web.staff.care import actions
from web.staff.care.actions import Refused, Why
from web.staff.channels import _words
from web.staff.core.rights import Actor
from web.staff.events import append
from web.staff.ladders import climbing, held, progress
from web.staff.ladders.answers import Became
from web.staff.ladders.dispatcher import Dispatcher
from web.staff.ladders.outbox import reply_code
from web.staff.ladders.steps import Assigned
from web.staff.storage import tables

HALF_HOUR = 30 * 60
MIN = 60


def on_the_way(hand: Hand) -> tuple[Actor, Actor, str]:
    """Who set out, who is next, and the alarm; a minute went by before they took it."""
    carer = hand.person("p1", "sms:ok-1")
    other = hand.person("p2", "push:ok-2", roles=["caregiver", "coordinator"], homes=[])
    alarm = hand.ring()
    hand.later(MIN)
    actions.acknowledge(hand.staff, carer, alarm)
    hand.later(MIN)
    actions.set_out(hand.staff, carer, alarm)
    hand.settle()
    return carer, other, alarm


def said_to(hand: Hand, address: str) -> list[str | None]:
    """What somebody was told: None is the alarm itself."""
    return [one["said"] for one in hand.provider.to(address)]


def test_who_sets_out_and_does_not_arrive(hand: Hand) -> None:
    """Is asked after half an hour; five minutes later the alarm goes to others, and who had it is
    told so.  Each of it is an event, with the person."""
    _carer, other, alarm = on_the_way(hand)
    hand.later(HALF_HOUR - 1)
    assert hand.told()[-1] == "responder_departed p1"
    hand.later(1)
    assert hand.told()[-2:] == ["arrival_asked p1", "sent p1"]
    assert said_to(hand, "ok-1")[-1] == f"Är du framme? Svara här: /larm/{alarm}"
    by_text = f"Eller svara OK {reply_code(alarm)} om du är på väg, FRAMME om du är där."
    assert hand.provider.to("ok-1")[-1]["said_reply"] == by_text
    with hand.staff.db.read() as conn:
        far = progress.of_alarm(hand.staff, conn, alarm)
    assert far is not None
    assert far.state == "asked"
    assert far.next_at == hand.clock.now() + timedelta(minutes=5)
    hand.later(5 * MIN - 1)
    assert hand.told()[-1] == "sent p1"
    hand.later(1)
    assert hand.told()[-5:-2] == ["lapsed p1", "escalated 2.1 lapsed", "escalated 3.1 undelivered"]
    assert sorted(hand.told()[-2:]) == ["sent p1", "sent p2"]
    assert said_to(hand, "ok-1")[-1] == (
        f"Larmet går nu vidare till andra, för ingen har kommit fram. /larm/{alarm}"
    )
    assert said_to(hand, "ok-2") == [None]
    actions.acknowledge(hand.staff, other, alarm)
    hand.settle()
    assert hand.ladder(alarm).state == "taken"


@pytest.mark.parametrize("by", ["page", "text"])
def test_on_the_way_still_is_asked_again(hand: Hand, by: str) -> None:
    """They keep it, and are asked as long after their answer; never is a second ladder begun."""
    carer, _other, alarm = on_the_way(hand)
    hand.later(HALF_HOUR)
    hand.later(3 * MIN)
    if by == "page":
        actions.answer_arrival(hand.staff, carer, alarm, there=False)
        actions.answer_arrival(hand.staff, carer, alarm, there=False)
    else:
        assert answer(hand, "ok-1") is Became.STILL
        assert said_to(hand, "ok-1")[-1] == f"Tack. Larmet är ditt, och du är på väg. /larm/{alarm}"
    hand.settle()
    assert hand.told().count("arrival_answered p1") == 1
    hand.later(HALF_HOUR - 1)
    assert hand.told()[-1] == "arrival_answered p1"
    hand.later(1)
    assert hand.told()[-2:] == ["arrival_asked p1", "sent p1"]
    assert hand.ladder(alarm).ended_at is None
    hand.later(5 * MIN)
    assert hand.told().count("lapsed p1") == 1


@pytest.mark.parametrize("by", ["page", "text", "visit"])
def test_who_is_there_is_asked_no_more(hand: Hand, by: str) -> None:
    """By their word, or because the visit began."""
    carer, _other, alarm = on_the_way(hand)
    hand.later(HALF_HOUR)
    if by == "page":
        actions.answer_arrival(hand.staff, carer, alarm, there=True)
    elif by == "text":
        assert answer(hand, "ok-1", "Framme!") is Became.THERE
        assert answer(hand, "ok-1", "Framme!") is Became.NOTHING, "nobody asks any more"
    else:
        with hand.staff.write() as tx:
            arrived = AlarmResponderArrived(alarm=alarm, visit="home:h1/9")
            append.write(hand.staff, tx, "h1", Draft(arrived, person="p1"))
    hand.settle()
    last = hand.told()[-1]
    for _ in range(5):
        hand.later(HALF_HOUR)
    assert hand.told()[-1] == last
    assert last in ("arrival_answered p1", "responder_arrived p1")
    assert hand.ladder(alarm).state == "there"


@pytest.mark.parametrize("locale", ["sv", "en"])
@pytest.mark.parametrize("says", list(held.Says))
def test_what_is_said_is_one_text(locale: str, says: held.Says) -> None:
    """With how to answer it, where an answer comes back by the same way, and only there."""
    said, by_text = held.said(says, locale, MESSAGE.url, "OK 47")
    message = replace(MESSAGE, said=said, said_reply=by_text)
    text = _words.text(message, locale, reply=True)
    assert len(text) <= 160
    assert set(text) <= GSM_7
    assert ("OK 47" in text) is (says is held.Says.ASKS)
    assert _words.text(message, locale, reply=False) == _words.below(message, locale) == said


def test_who_arrives_in_time_is_not_asked(hand: Hand) -> None:
    """The visit began before."""
    _carer, _other, alarm = on_the_way(hand)
    hand.later(10 * MIN)
    with hand.staff.write() as tx:
        arrived = AlarmResponderArrived(alarm=alarm, visit="home:h1/9")
        append.write(hand.staff, tx, "h1", Draft(arrived, person="p1"))
    for _ in range(5):
        hand.later(HALF_HOUR)
    assert hand.told()[-1] == "responder_arrived p1"


def test_the_ladder_says_how_long_the_way_may_be(hand: Hand) -> None:
    """The organisation's own minutes, shorter than those in which somebody has to set out, too."""
    carer = hand.person("p3", "sms:ok-3")
    save(hand, add_user(hand.app, "boss", ["coordinator"]), draft(Assigned(), arrive_min=8))
    alarm = hand.ring()
    hand.settle()
    actions.set_out(hand.staff, carer, alarm)
    hand.settle()
    hand.later(8 * MIN - 1)
    assert hand.told()[-1] == "responder_departed p3"
    hand.later(1)
    assert hand.told()[-2:] == ["arrival_asked p3", "sent p3"]


def test_a_restart_keeps_the_question_and_its_time(hand: Hand) -> None:
    """Another process goes on; a clock set an hour on moves nothing."""
    on_the_way(hand)
    hand.later(HALF_HOUR - 10)
    hand.dispatcher.stop()
    hand.dispatcher = Dispatcher(hand.staff, hand.dispatcher.channels)
    hand.clock.step(3600)
    hand.settle()
    assert hand.told()[-1] == "responder_departed p1"
    hand.later(10)
    assert hand.told()[-2:] == ["arrival_asked p1", "sent p1"]
    hand.dispatcher.stop()
    hand.dispatcher = Dispatcher(hand.staff, hand.dispatcher.channels)
    hand.later(5 * MIN - 1)
    assert hand.told()[-1] == "sent p1"
    hand.later(1)
    assert "lapsed p1" in hand.told()


def test_two_workers_ask_once(hand: Hand) -> None:
    """And give it back once."""
    _carer, _other, alarm = on_the_way(hand)
    second = Dispatcher(hand.staff, hand.dispatcher.channels)
    for seconds in (HALF_HOUR, 5 * MIN):
        hand.clock.advance(seconds)
        both = [threading.Thread(target=one.step) for one in (hand.dispatcher, second)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        hand.rounds(lambda: not hand.busy() and not second.step())
        hand.settle()
    second.stop()
    hand.settle()
    assert hand.told().count("arrival_asked p1") == 1
    assert hand.told().count("lapsed p1") == 1
    assert len(said_to(hand, "ok-1")) == 3
    assert hand.ladder(alarm).state == "climbing"


def test_an_answer_overtakes_the_question(hand: Hand) -> None:
    """What was answered before it went out is not sent any more."""
    carer, _other, alarm = on_the_way(hand)
    hand.clock.advance(HALF_HOUR)
    climbing.look(hand.staff, hand.dispatcher.channels.keys())
    (asked,) = [one for one in hand.messages(alarm) if one.says == "asks"]
    assert asked.state == "queued"
    actions.answer_arrival(hand.staff, carer, alarm, there=True)
    hand.settle()
    (asked,) = [one for one in hand.messages(alarm) if one.says == "asks"]
    assert asked.state == "dropped"
    assert said_to(hand, "ok-1") == [None]


def test_who_takes_it_again_sets_out_again(hand: Hand) -> None:
    """An answer that comes too late takes the alarm anew where nobody has it; where another one has
    it, that one keeps it."""
    carer, other, alarm = on_the_way(hand)
    hand.later(HALF_HOUR)
    hand.later(5 * MIN)
    actions.answer_arrival(hand.staff, carer, alarm, there=False)
    hand.settle()
    assert hand.told()[-2:] == ["acknowledged p1", "arrival_answered p1"]
    hand.later(HALF_HOUR)
    hand.later(5 * MIN)
    assert hand.told().count("lapsed p1") == 2
    actions.set_out(hand.staff, carer, alarm)
    hand.settle()
    assert hand.told()[-2:] == ["acknowledged p1", "responder_departed p1"]
    hand.later(20 * MIN)
    assert hand.told()[-1] == "responder_departed p1", "it is known that they set out again"
    hand.later(10 * MIN)
    hand.later(5 * MIN)
    actions.acknowledge(hand.staff, other, alarm)
    with pytest.raises(Refused) as refused:
        actions.answer_arrival(hand.staff, carer, alarm, there=True)
    assert refused.value.why is Why.NOT_FIRST


def test_who_leaves_and_forgets_to_close_it_is_told_once(
    hand: Hand, enrolled_home: EnrolledHome
) -> None:
    """Within the hour after the visit has ended; not while somebody is there."""
    carer, _other, alarm = on_the_way(hand)
    now = hand.clock.now()
    begun = VisitStarted(since=now, source=Stamp.UNLOCK)
    (visit,) = enrolled_home.send(Draft(begun, person="p1"))
    hand.settle()
    assert hand.told()[-1] == "responder_arrived p1"
    hand.later(3600)
    assert said_to(hand, "ok-1") == [None]
    ended = VisitEnded(visit=visit.ref, until=hand.clock.now(), source=Stamp.LOCK)
    enrolled_home.send(Draft(ended, person="p1"))
    hand.later(3600)
    said = f"Besöket är slut, men larmet är inte avslutat. Avsluta det här: /larm/{alarm}"
    assert said_to(hand, "ok-1") == [None, said]
    for _ in range(3):
        hand.later(3600)
    assert said_to(hand, "ok-1") == [None, said]
    actions.explain(hand.staff, carer, alarm, AlarmFinding.NO_NEED)
    hand.settle()
    assert hand.ladder(alarm).state == "ended"


def test_nobody_to_ask(hand: Hand) -> None:
    """Whose account is closed meanwhile, or who has no address, is asked on the page at the most:
    five minutes later it goes to others all the same."""
    _carer, _other, alarm = on_the_way(hand)
    with hand.staff.db.write() as tx:
        closed = update(tables.user).where(tables.user.c.person_id == "p1")
        tx.conn.execute(closed.values(active=False))
    hand.later(HALF_HOUR)
    assert hand.told()[-1] == "arrival_asked p1"
    hand.later(5 * MIN)
    assert hand.told()[-1] == "sent p2"
    assert hand.ladder(alarm).state == "climbing"


@pytest.mark.parametrize(("hours", "state"), [(20, "asked"), (30, "coming")])
def test_who_set_out_under_a_version_that_asked_nobody(hand: Hand, hours: int, state: str) -> None:
    """Is asked, unless that was more than a day ago: nobody is woken by an update."""
    _carer, _other, alarm = on_the_way(hand)
    a = tables.alarm.c
    long_ago = hand.clock.now() - timedelta(hours=hours)
    before = {"acknowledged_at": long_ago, "departed_at": long_ago}
    with hand.staff.db.write() as tx:
        columns = dict.fromkeys(("coming", "coming_at", "coming_seq"))
        tx.conn.execute(update(tables.alarm).values(**columns, **before))
    hand.later(HALF_HOUR)
    with hand.staff.db.read() as conn:
        assert conn.execute(select(a.coming_seq)).scalar_one() is None or state == "asked"
    assert hand.ladder(alarm).state == state


def test_many_homes_cost_no_more_statements_than_one(hand: Hand) -> None:
    """Asked, and given back, in one round."""
    hand.person("p2", "sms:ok-2", roles=["coordinator"], homes=[])
    homes = [f"m{n}" for n in range(12)]
    for home in homes:
        add_home(hand.app, home)
    carer = hand.person("p3", "sms:ok-3", homes=["h1", *homes])

    def cost(rung: list[str]) -> list[int]:
        alarms = [hand.ring(AlarmType.PENDANT, home=home) for home in rung]
        hand.settle()
        for alarm in alarms:
            actions.set_out(hand.staff, carer, alarm)
        hand.settle()
        counts = []
        for seconds in (HALF_HOUR, 5 * MIN):
            hand.clock.advance(seconds)
            with counted(hand.app) as seen:
                climbing.look(hand.staff, hand.dispatcher.channels.keys())
            counts.append(len(seen.statements))
            hand.settle()
        for alarm in alarms:
            actions.explain(hand.staff, carer, alarm, AlarmFinding.NO_NEED)
        hand.settle()
        return counts

    few, many = cost(homes[:2]), cost(homes)
    assert all(b <= a * 1.5 for a, b in zip(few, many, strict=True)), (few, many)
