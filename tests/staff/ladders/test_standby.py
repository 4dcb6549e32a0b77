"""A home's second path that follows its ladder, and one that is set by hand."""

from __future__ import annotations

import json

from sqlalchemy import insert, select

from gateway.events import PathChannel
from tests.staff.ladders.hand import Hand
from web.staff.channels import points
from web.staff.core.rights import Operator
from web.staff.homelink import second_path
from web.staff.ladders import definitions, standby
from web.staff.ladders.steps import Ladder, Person, Step
from web.staff.runtime.watch import Watch
from web.staff.storage import alarm_tables
from web.staff.storage.tables import home as home_table


def numbers(hand: Hand) -> list[str]:
    """Where the home's list leads now."""
    with hand.staff.db.read() as conn:
        held = second_path.held_by(conn, "h1")
    return [] if held is None else [one.address for one in held.receivers]


def follow(hand: Hand) -> bool:
    """Somebody chooses that the home follows its ladder."""
    with hand.staff.write() as tx:
        return standby.follow(hand.staff, tx, "h1", "p-boss")


def test_a_home_tells_whom_its_ladder_tells_and_follows_it(hand: Hand) -> None:
    """In the order of the steps, and only whom a home can send to; when the ladder or somebody's
    number changes, the next look tells the home, and without a change it tells nothing."""
    hand.person("p1", "push:device", "sms:+46701740605")
    hand.person("p2", "sms:+46701740606")
    hand.person("p3", "push:device")
    steps = tuple(Step(receivers=(Person(id=who),)) for who in ("p2", "p3", "p1"))
    org = Operator("org1")
    made = definitions.save(hand.staff, org, Ladder("", "Natt", steps), {"sms", "push"})
    assert follow(hand)
    assert numbers(hand) == ["+46701740606", "+46701740605"]
    with hand.staff.db.read() as conn:
        before = second_path.token(hand.staff, "h1"), second_path.follows(conn, "h1")
    standby.look(hand.staff)
    assert (second_path.token(hand.staff, "h1"), True) == before, "nothing changed: nothing is told"
    definitions.save(hand.staff, org, Ladder(made, "Natt", steps[::-1]), {"sms", "push"})
    standby.look(hand.staff)
    assert numbers(hand) == ["+46701740605", "+46701740606"]
    with hand.staff.write() as tx:
        points.gone(tx, "p1-1", hand.clock.now())
    standby.look(hand.staff)
    assert numbers(hand) == ["+46701740606"]


def test_the_server_s_watch_sees_to_it(hand: Hand) -> None:
    """Nobody calls for it: a number that is no longer is out of the home's list within a minute."""
    now_s = [1000.0]
    watch = Watch(hand.staff, monotonic=lambda: now_s[0])
    hand.person("p1", "sms:+46701740605")
    hand.person("p2", "sms:+46701740606")
    assert follow(hand)
    watch.look()
    assert len(numbers(hand)) == 2
    with hand.staff.write() as tx:
        points.gone(tx, "p1-0", hand.clock.now())
    now_s[0] += standby.EVERY_S
    watch.look()
    assert numbers(hand) == ["+46701740606"]


def test_a_list_that_is_set_by_hand_stays(hand: Hand) -> None:
    """Whoever changes it makes it their own; a ladder that reaches nobody by a home's means is not
    followed."""
    assert not follow(hand)
    hand.person("p1", "sms:+46701740605")
    own = second_path.Receiver("p1", PathChannel.SMS, "+46701740699")
    assert follow(hand)
    with hand.staff.write() as tx:
        second_path.receivers_changed(hand.staff, tx, "h1", [own], person="p-boss")
    standby.look(hand.staff)
    assert numbers(hand) == ["+46701740699"]


def test_what_a_newer_server_decided_for_one_home_holds_up_no_other(hand: Hand) -> None:
    """A list with a channel that this version does not know stays as it is; the next home's follows
    its ladder."""
    hand.person("p1", "sms:+46701740605")
    hand.person("p2", "sms:+46701740606")
    org = Operator("org1")
    step = Step(receivers=(Person(id="p1"),))
    made = definitions.save(hand.staff, org, Ladder("", "Natt", (step,)), {"sms"})
    assert follow(hand)
    t = alarm_tables.path_list
    with hand.staff.write() as tx:
        home = tx.conn.execute(select(home_table).where(home_table.c.id == "h1")).mappings().one()
        copied = {**home, "id": "h0", "label": "h0"}
        tx.conn.execute(insert(home_table).values(copied))
        newer = json.dumps({"receivers": [["p1", "satellite", "x", "care"]], "types": ["x"]})
        row = dict(tx.conn.execute(select(t)).mappings().one())
        tx.conn.execute(insert(t).values(row | {"home_id": "h0", "decided": newer}))
    step = Step(receivers=(Person(id="p2"),))
    definitions.save(hand.staff, org, Ladder(made, "Natt", (step,)), {"sms"})
    standby.look(hand.staff)
    assert numbers(hand) == ["+46701740606"]
    with hand.staff.db.read() as conn:
        assert conn.execute(select(t.c.decided).where(t.c.home_id == "h0")).scalar() == newer
