"""Alarms to an alarm centre from the server: who is told, with what, and what is kept of it."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import delete, insert, select, update

from gateway.demo.alarm_centre import AlarmCentre, Manner
from gateway.events import Severity
from gateway.scaip.message import ScaipAnswer
from gateway.scaip.sender import Patience
from tests.staff.channels.test_contract import MESSAGE
from tests.staff.channels.twin_scaip import LOCAL, served
from web.staff.channels import scaip
from web.staff.channels.contract import Address, Outcome, Proof, Why
from web.staff.core.context import Staff
from web.staff.storage import tables
from web.staff.storage.alarm_tables import alarm_centre, home_care_id, scaip_message
from web.staff.texts.words import ALARMS

TO = Address("centre1", "what the outbox says is not asked")
SETTINGS = {"domain": LOCAL, "cid": "99", "listen": LOCAL, "port": 0, "timeout_s": 5.0}
PRESSED = dataclasses.replace(MESSAGE, type="pendant", home="h1")


@pytest.fixture(autouse=True)
def of_the_organisation(staff: Staff) -> Iterator[None]:
    """An organisation with the home `h1`, whose care id is 10149471."""
    now = datetime.now(UTC)
    with staff.db.write() as tx:
        tx.conn.execute(insert(tables.organisation).values(id="org1", name="Provkommunen"))
        tx.conn.execute(insert(tables.organisation).values(id="org2", name="En annan"))
        tx.conn.execute(
            insert(tables.home).values(id="h1", org_id="org1", label="x", timezone="Europe/Oslo")
        )
        tx.conn.execute(insert(home_care_id).values(home_id="h1", cid="10149471", set_at=now))
    yield
    with staff.db.write() as tx:
        for table in (home_care_id, tables.home, alarm_centre, tables.organisation):
            tx.conn.execute(delete(table))


@contextmanager
def centres(
    staff: Staff, *manners: Manner, **settings: Any
) -> Iterator[tuple[scaip.Scaip, list[AlarmCentre]]]:
    """The channel, and a centre with one address or two, each of which has its manner."""
    with served() as first, served() as second:
        peers = [first, second][: len(manners)]
        for peer, manner in zip(peers, manners, strict=True):
            peer.manner = manner
        row: dict[str, Any] = {
            "id": "centre1",
            "org_id": "org1",
            "name": "Larmcentralen",
            "channel": "scaip",
        }
        row |= {"value": first.uri, "second_value": second.uri if len(manners) > 1 else None}
        with staff.db.write() as tx:
            tx.conn.execute(insert(alarm_centre).values(**row, created_at=datetime.now(UTC)))
        config = scaip.Config.model_validate({**SETTINGS, **settings})
        channel = scaip.Scaip(config, staff, None)
        try:
            yield channel, peers
        finally:
            channel.close()


def test_an_alarm_is_told_under_the_homes_own_number(staff: Staff) -> None:
    """Its care id and its codes, and where the centre may call the home; its word is the proof."""
    call_back = "sip:{cid}@voice.kommun.example"
    with centres(staff, Manner.PROPER, call_back=call_back) as (channel, (peer,)):
        peer.media, peer.call = "01", "sip:svar@centre.example"
        outcome = channel.send(PRESSED, TO)
        told = peer.heard[0].request
        assert outcome == Outcome(
            Proof.DELIVERED,
            provider_ref=told.ref,
            answer={
                "ref": told.ref,
                "centre": "centre1",
                "media": "duplex",
                "number": "sip:svar@centre.example",
            },
        )
        assert (told.cid, told.device_type, told.status_code) == ("10149471", 3, 10)
        assert told.crd == "sip:10149471@voice.kommun.example"
        assert (told.ite, told.lco) == (None, None)


def test_without_a_number_of_its_own_the_alarm_goes_all_the_same(staff: Staff) -> None:
    """Under the server's: the centre asks us which home it is."""
    with centres(staff, Manner.IN_BODY) as (channel, (peer,)):
        assert channel.send(dataclasses.replace(PRESSED, home="h2"), TO).proof
        assert peer.heard[0].request.cid == "99"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"type": "check_help"}, ALARMS["check_help"]),
        ({"type": "pendant"}, None),
        ({"type": "power_lost", "others": 499, "home_name": None}, "i 500 hem"),
        ({"type": "check_help", "home_name": None}, None),
    ],
)
def test_words_are_said_where_codes_do_not_do(
    staff: Staff, changes: dict[str, Any], words: str | None
) -> None:
    """What has no code is named, with how many homes have it; of a home of protected identity
    nothing is said."""
    with centres(staff, Manner.IN_BODY) as (channel, (peer,)):
        assert channel.send(dataclasses.replace(PRESSED, **changes), TO).proof
        said = peer.heard[0].request.ite
        assert said == words if words is None else words in (said or "")


def test_a_test_is_told_as_one(staff: Staff) -> None:
    """Of whatever alarm it looks like."""
    with centres(staff, Manner.IN_BODY) as (channel, (peer,)):
        for field in ("test", "trial"):
            changes: dict[str, Any] = {"id": field, field: True, "type": "on_floor"}
            assert channel.send(dataclasses.replace(PRESSED, **changes), TO).proof
        assert [one.request.status_code for one in peer.heard] == [102, 102]


def test_the_second_address_is_told_when_the_first_refuses(staff: Staff) -> None:
    """Both tries with the first end soon, so the second has its whole time in the same send."""
    with centres(staff, Manner.BUSY, Manner.PROPER) as (channel, (first, second)):
        assert channel.send(PRESSED, TO).proof is Proof.DELIVERED
        assert len(first.heard) == 2 and set(first.alarms) == set(second.alarms)


def test_what_takes_its_time_is_left_to_the_next_send(staff: Staff) -> None:
    """A silent centre takes the whole of a send; the next ones go on where it stood: the first
    address again, then the second."""
    manners = (Manner.MUTE, Manner.PROPER)
    with centres(staff, *manners, timeout_s=2.0) as (channel, (first, second)):
        clock = iter([0.0, 24.9, 30.0, 54.9, 60.0, 61.0])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(scaip, "monotonic", lambda: next(clock))
            outcomes = [channel.send(PRESSED, TO) for _ in range(2)]
            channel._started()._sender._patience = Patience()  # this one answers
            outcomes.append(channel.send(PRESSED, TO))
        assert [one.why for one in outcomes] == [Why.UNREACHABLE, Why.UNREACHABLE, None]
        assert [one.again_s for one in outcomes] == [1.0, 1.0, None]
        assert (len(first.heard), len(second.heard)) == (2, 1)


def test_who_is_busy_says_for_how_long(staff: Staff) -> None:
    """`Retry-After` goes to the ladder when there is no time left to wait for it here."""
    with centres(staff, Manner.AWAY, Manner.PROPER) as (channel, (first, _)):
        first.retry_after_s = 7
        clock = iter([0.0, 20.0])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(scaip, "monotonic", lambda: next(clock))
            outcome = channel.send(PRESSED, TO)
        assert (outcome.why, outcome.again_s) == (Why.BUSY, 7.0)
        assert outcome.text == "The alarm centre has no time now (SIP 503)."


def test_a_server_that_died_in_between_tells_once_more_and_it_is_one_alarm(staff: Staff) -> None:
    """The centre got it, and nobody noted its answer: another process sends the same message."""
    with centres(staff, Manner.PROPER) as (channel, (peer,)):
        assert channel.send(PRESSED, TO).proof
        with staff.db.write() as tx:
            gone = {"answered_at": None, "answer": None, "status": None}
            tx.conn.execute(update(scaip_message).values(**gone))
        other = scaip.Scaip(scaip.Config.model_validate(SETTINGS), staff, None)
        assert other.send(PRESSED, TO).proof is Proof.DELIVERED
        other.close()
        assert len(peer.heard) == 2 and len(peer.alarms) == 1


def test_an_answer_that_came_late_is_found_by_the_next_send(staff: Staff) -> None:
    """Nothing is sent again: the centre has it."""
    with centres(staff, Manner.PROPER, timeout_s=0.3) as (channel, (peer,)):
        peer.delay_s = 2.0  # two threads: neither waits for the other
        clock = iter([0.0, 24.9, 30.0])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(scaip, "monotonic", lambda: next(clock))
            assert channel.send(PRESSED, TO).why is Why.UNREACHABLE
            ends = time.monotonic() + 60
            while not peer.answers and time.monotonic() < ends:
                time.sleep(0.01)
            assert list(peer.answers) == [200]
            assert channel.send(PRESSED, TO).proof is Proof.DELIVERED
        assert len(peer.heard) == 1


def test_a_late_answer_counts_only_from_the_centre_that_was_told(staff: Staff) -> None:
    """By its address; and for a message that there is."""
    with centres(staff, Manner.MUTE, timeout_s=0.3) as (channel, (peer,)):
        channel.send(PRESSED, TO)
        answer = ScaipAnswer(peer.heard[0].request.ref, "0")
        late = channel._late
        assert asyncio.run(late(answer, "127.0.0.9")) is False
        assert asyncio.run(late(ScaipAnswer("nothing", "0"), LOCAL)) is False
        assert channel.send(PRESSED, TO).proof is None
        assert asyncio.run(late(ScaipAnswer(answer.ref, "6"), LOCAL)) is True
        assert channel.send(PRESSED, TO).proof is None
        assert asyncio.run(late(answer, LOCAL)) is True
        proved = channel.send(PRESSED, TO)
        assert proved.proof is Proof.DELIVERED
        assert asyncio.run(late(ScaipAnswer(answer.ref, "0", mre="1"), LOCAL)) is True
        assert channel.send(PRESSED, TO) == proved


def test_another_organisations_centre_is_not_told(staff: Staff) -> None:
    """Whatever row the outbox names."""
    with centres(staff, Manner.PROPER) as (channel, (peer,)):
        outcome = channel.send(dataclasses.replace(PRESSED, org="org2"), TO)
        assert (outcome.proof, outcome.why) == (None, Why.GONE)
        assert not peer.heard


def test_a_check_asks_every_address_and_names_who_is_silent(staff: Staff) -> None:
    """A heartbeat under the server's own number; what is old is forgotten with it."""
    with centres(staff, Manner.IN_BODY, Manner.BUSY) as (channel, (first, second)):
        old = datetime.now(UTC) - timedelta(days=31)
        row = {"centre_id": "centre1", "tries": 1, "told_at": old}
        with staff.db.write() as tx:
            tx.conn.execute(insert(scaip_message).values(ref="old", **row))
        health = channel.check()
        assert (health.ok, health.why) == (False, Why.BUSY)
        assert health.text == "The alarm centre has no time now: Larmcentralen."
        second.manner = Manner.PROPER
        assert channel.check().ok
        for peer in (first, second):
            assert {(one.request.mty, one.request.cid) for one in peer.heard} == {("PI", "99")}
        with staff.db.read() as conn:
            assert conn.execute(select(scaip_message.c.ref)).all() == []


def test_a_port_that_others_have_is_passed_over(staff: Staff) -> None:
    """Each worker of the server listens on one of its own."""
    with centres(staff, Manner.PROPER) as (first, (peer,)):
        assert first.send(PRESSED, TO).proof
        taken = int(peer.heard[0].sender.rpartition(":")[2])
        config = scaip.Config.model_validate({**SETTINGS, "port": taken})
        second = scaip.Scaip(config, staff, None)
        assert second.send(dataclasses.replace(PRESSED, id="another"), TO).proof
        assert int(peer.heard[1].sender.rpartition(":")[2]) > taken
        second.close()


def test_a_disk_that_takes_nothing_keeps_no_alarm_back(
    staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be noted is told all the same, and only as often as it would be."""

    def refuse(*_: object, **__: object) -> None:
        raise ConnectionError("away")

    monkeypatch.setattr(type(staff.db), "write", refuse)
    with served() as peer:
        channel = scaip.Scaip(scaip.Config.model_validate(SETTINGS), staff, None)
        assert channel.send(PRESSED, Address("c9", peer.uri)).proof is Proof.DELIVERED
        peer.manner = Manner.BUSY
        assert channel.send(PRESSED, Address("c9", peer.uri)).why is Why.NOT_DELIVERED
        assert len(peer.heard) == 3
        channel.close()


def test_refs_are_of_the_protocol_and_each_messages_own() -> None:
    """Sixteen letters and digits, the same for the same message."""
    refs = {scaip.ref_of(f"m{number}") for number in range(500)}
    assert len(refs) == 500 and all(ScaipAnswer(ref, "0") and len(ref) == 16 for ref in refs)
    assert scaip.ref_of("m1") == scaip.ref_of("m1")


@pytest.mark.parametrize(
    "wrong",
    [
        {"cid": "12a"},
        {"domain": "a b"},
        {"certificate": "/a.pem"},
        {"ca": "a.pem"},
        {"call_back": "sip:{home}@x"},
        {"timeout_s": 21},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(wrong: dict[str, Any]) -> None:
    """At the start, not with the first alarm."""
    with pytest.raises(ValidationError):
        scaip.Config.model_validate({**SETTINGS, **wrong})


def test_the_alarms_own_severity_counts(staff: Staff) -> None:
    """What has no code is an information when something must be mended, and an alarm when this one
    concerns care."""
    with centres(staff, Manner.IN_BODY) as (channel, (peer,)):
        for severity in (Severity.TECHNICAL, Severity.CARE):
            changes: dict[str, Any] = {"type": "mat_poor", "severity": severity, "id": severity}
            assert channel.send(dataclasses.replace(PRESSED, **changes), TO).proof
        assert [one.request.type for one in peer.heard] == ["IN", "ME"]
