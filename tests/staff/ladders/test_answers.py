"""Answers by a channel: who may, which alarm is meant, who is first, and what stops a ladder."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert
from sqlalchemy.exc import OperationalError

from gateway.events import AlarmOutcome, AlarmType
from tests.staff.ladders.hand import Hand
from tests.staff.parts import add_home
from web.staff import channels
from web.staff.care import actions
from web.staff.channels.contract import Reply
from web.staff.ladders import answers, progress
from web.staff.ladders.answers import Became
from web.staff.ladders.outbox import reply_code
from web.staff.storage.ladder_tables import alarm_message


def answer(hand: Hand, sender: str, text: str = "OK", **more: Any) -> Became:
    """Somebody writes back."""
    became = answers.reply(hand.staff, hand.dispatcher, "sms", Reply(sender, text, **more))
    hand.settle()
    return became


def post(client: FlaskClient, hand: Hand, said: object, **headers: str) -> int:
    """The provider speaks to the server; returns the status."""
    url = f"/kanal/sms/{channels.door(hand.staff, 'sms')}"
    head = {"X-Word": "word"} | headers
    return client.post(url, data=json.dumps(said), headers=head).status_code


def test_ok_by_text_acknowledges(hand: Hand, client: FlaskClient) -> None:
    """As the person whose number it is; they hear that it was taken, without a name."""
    hand.person("p1", "sms:ok-1")
    alarm = hand.ring()
    hand.settle()
    said = {"replies": [{"sender": "ok-1", "text": " ok! "}]}
    assert post(client, hand, said) == 204
    hand.settle()
    assert hand.told()[-1] == "acknowledged p1"
    told = hand.provider.got[-1]
    assert told["said"] == f"Tack, du har tagit larmet. /larm/{alarm}"
    hand.later(600)
    assert len(hand.provider.got) == 2


def test_only_who_was_told_may_answer(hand: Hand) -> None:
    """A number that is nobody's, one of somebody who was not told, and words that are no answer."""
    hand.person("p1", "sms:ok-1")
    hand.person("p2", "sms:ok-2", roles=["coordinator"], homes=[])
    hand.ring()
    hand.settle()
    assert answer(hand, "ok-9") is Became.NOTHING
    assert answer(hand, "ok-2") is Became.NOTHING
    assert answer(hand, "ok-1", "Okänt nummer") is Became.NOTHING
    assert hand.told()[-1] == "sent p1"


def test_two_at_once_one_wins_and_the_other_hears_of_it(hand: Hand) -> None:
    """Both answer in the same moment."""
    hand.person("p1", "sms:ok-1")
    hand.person("p2", "sms:ok-2")
    hand.ring()
    hand.settle()
    became: list[Became] = []

    def write(sender: str) -> None:
        said = Reply(sender, "OK")
        became.append(answers.reply(hand.staff, hand.dispatcher, "sms", said))

    threads = [threading.Thread(target=write, args=(f"ok-{n}",)) for n in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    hand.settle()
    assert sorted(became) == [Became.OTHERS, Became.TAKEN]
    assert sum(word.startswith("acknowledged") for word in hand.told()) == 1
    said = sorted(one["said"][:22] for one in hand.provider.got[2:])
    assert said == ["Larmet är redan taget.", "Tack, du har tagit lar"]


def test_which_of_two_alarms_is_meant(hand: Hand) -> None:
    """A plain OK asks back; with the digits of its message it takes that one."""
    add_home(hand.app, "h2")
    hand.person("p1", "sms:ok-1", homes=["h1", "h2"])
    first, second = hand.ring(), hand.ring(home="h2")
    hand.settle()
    assert answer(hand, "ok-1") is Became.WHICH
    said = hand.provider.got[-1]["said"]
    assert said.startswith("Flera larm väntar.")
    assert f"OK {reply_code(first)}" in said
    assert hand.provider.got[0]["reply"] in said
    assert answer(hand, "ok-1", f"OK {reply_code(second)}") is Became.TAKEN
    assert hand.told("h2")[-1] == "acknowledged p1"
    assert answer(hand, "ok-1") is Became.TAKEN, "one is left"
    assert hand.told()[-1] == "acknowledged p1"


def test_two_alarms_with_the_same_digits(hand: Hand) -> None:
    """Are taken one after the other, the one that was told first before the next: nobody is asked
    which of the two is meant for ever."""
    digits = reply_code("staff:h1/1")
    same = next(f"h{n}" for n in range(2, 500) if reply_code(f"staff:h{n}/1") == digits)
    add_home(hand.app, same)
    hand.person("p1", "sms:ok-1", homes=["h1", same])
    hand.ring()
    hand.settle()
    hand.later(1)
    hand.ring(home=same)
    hand.settle()
    assert answer(hand, "ok-1") is Became.WHICH
    assert hand.provider.got[-1]["said"] == f"Flera larm väntar. Svara OK {digits}."
    assert answer(hand, "ok-1", f"OK {digits}") is Became.TAKEN
    assert hand.told()[-1] == "acknowledged p1"
    assert not any(word.startswith("acknowledged") for word in hand.told(same))
    assert answer(hand, "ok-1", f"OK {digits}") is Became.TAKEN
    assert hand.told(same)[-1] == "acknowledged p1"


def test_an_alarm_is_found_behind_what_another_one_told_since(hand: Hand) -> None:
    """Who has been told of one alarm sixty times answers the other."""
    add_home(hand.app, "h2")
    hand.person("p1", "sms:ok-1", homes=["h1", "h2"])
    first = hand.ring(AlarmType.ON_FLOOR)
    hand.later(1)
    hand.ring(home="h2")
    hand.settle()
    last = hand.messages()[-1]
    more = [
        {**last._mapping, "id": f"m{n}", "made_at": last.made_at + timedelta(seconds=n)}
        for n in range(1, 61)
    ]
    assert last.home_id == "h2"
    with hand.staff.db.write() as tx:
        tx.conn.execute(insert(alarm_message), more)
    assert answer(hand, "ok-1", f"OK {reply_code(first)}") is Became.TAKEN
    assert hand.told()[-1] == "acknowledged p1"


def test_a_button_works_once(hand: Hand) -> None:
    """By the message it was on; pressed again it does nothing."""
    hand.person("p1", "sms:ok-1")
    hand.ring()
    hand.settle()
    (message,) = hand.messages()
    assert answer(hand, "p1-0", message=message.id) is Became.TAKEN
    assert answer(hand, "p1-0", message=message.id) is Became.USED
    assert answer(hand, "ok-9", message=message.id) is Became.NOTHING


def test_a_press_that_the_database_lost_is_pressed_again(
    hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database goes away in the middle: the device tries again by itself, and then the alarm is
    taken."""
    hand.person("p1", "sms:ok-1")
    hand.ring()
    hand.settle()
    (message,) = hand.messages()
    take = actions.acknowledge

    def away(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("the server closed the connection"))

    monkeypatch.setattr(actions, "acknowledge", away)
    with pytest.raises(OperationalError):
        answer(hand, "p1-0", message=message.id)
    monkeypatch.setattr(actions, "acknowledge", take)
    assert answer(hand, "p1-0", message=message.id) is Became.TAKEN
    assert "acknowledged p1" in hand.told()
    assert answer(hand, "p1-0", message=message.id) is Became.USED


def test_acknowledged_by_text_and_resolved_on_the_page(hand: Hand) -> None:
    """The ladder ends; a later answer hears that it is over."""
    carer = hand.person("p1", "sms:ok-1")
    alarm = hand.ring()
    hand.settle()
    answer(hand, "ok-1")
    actions.resolve(hand.staff, carer, alarm, AlarmOutcome.HELPED)
    hand.settle()
    assert hand.ladder(alarm).state == "ended"
    assert answer(hand, "ok-1") is Became.CLOSED
    hand.later(7200)
    assert hand.told()[-1] == "resolved p1"


def test_acknowledged_and_nothing_more(hand: Hand) -> None:
    """A quarter of an hour later the alarm is open to others, and the ladder goes on."""
    hand.person("p1", "sms:ok-1")
    other = hand.person("p2", "push:ok-2", roles=["caregiver", "coordinator"], homes=[])
    alarm = hand.ring()
    hand.settle()
    answer(hand, "ok-1")
    hand.later(15 * 60 - 1)
    assert hand.told()[-1] == "acknowledged p1"
    hand.later(1)
    steps = ["lapsed p1", "escalated 2.1 lapsed", "escalated 3.1 undelivered"]
    assert hand.told()[-5:-2] == steps
    assert sorted(hand.told()[-2:]) == ["sent p1", "sent p2"], "who had it hears so"
    actions.acknowledge(hand.staff, other, alarm)
    hand.settle()
    assert hand.ladder(alarm).state == "taken"
    assert hand.told()[-1] == "acknowledged p2"


def test_the_address_of_a_channel_is_a_secret(hand: Hand, client: FlaskClient) -> None:
    """A wrong one is no page; what the channel does not believe is refused; who goes on guessing is
    slowed, and nobody else."""
    hand.person("p1", "sms:ok-1")
    hand.ring()
    hand.settle()
    said = {"replies": [{"sender": "ok-1", "text": "OK"}]}
    assert post(client, hand, said, **{"X-Word": "another"}) == 403
    assert client.post("/kanal/sms/wrong", json=said).status_code == 404
    assert client.post(f"/kanal/fax/{channels.door(hand.staff, 'fax')}").status_code == 404
    url = f"/kanal/sms/{channels.door(hand.staff, 'sms')}"
    assert client.post(url, data=b"x" * 70_000).status_code == 413
    guesses = [client.post("/kanal/sms/wrong", json=said).status_code for _ in range(30)]
    assert guesses[-1] == 429
    assert hand.told()[-1] == "sent p1"


def test_progress_is_told(hand: Hand) -> None:
    """Who was told by what, how far it came, and when the next step is due."""
    hand.person("p1", "sms:ok-1")
    alarm = hand.ring()
    hand.settle()
    hand.clock.advance(30)
    with hand.staff.db.read() as conn:
        found = progress.of_alarm(hand.staff, conn, alarm)
        assert progress.of_alarm(hand.staff, conn, "home:h1/999") is None
    assert found is not None
    assert (found.state, found.step, found.round, found.is_last) == ("climbing", 1, 1, False)
    assert found.next_at is not None
    assert (found.next_at - hand.clock.now()).total_seconds() == 90
    (told,) = found.told
    assert (told.person, told.channel, told.state) == ("p1", "sms", "sent")
