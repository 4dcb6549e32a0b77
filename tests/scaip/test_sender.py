"""An alarm to an alarm centre that answers well, late, wrongly, twice or never; on UDP and TCP."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from gateway.demo.alarm_centre import Manner
from gateway.scaip.codes import Media, Status
from gateway.scaip.here import Here
from gateway.scaip.message import ScaipAnswer, ScaipRequest
from gateway.scaip.sender import Centre, Try, Verdict
from tests.scaip.parts import CALM, CID, LOCAL, SHORT, alarm, both, sender


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("manner", [Manner.PROPER, Manner.IN_BODY, Manner.BEFORE, Manner.TWICE])
async def test_an_answer_is_a_proof_whichever_way_it_comes(manner: Manner, transport: str) -> None:
    """In a MESSAGE of its own, before or after the 200, twice, or in the body of the 200."""
    async with both(manner, transport=transport) as (mine, (peer,), places):
        peer.media, peer.call = "01", "sip:voice@centre.example"
        message = alarm(room="bathroom", words="Larm från larmknapp")
        sent = await mine.send(message, places)
        assert sent.received and len(sent.tries) == 1
        assert [one.request for one in peer.heard] == [message]
        assert sent.answer is not None and sent.answer.status is Status.OK
        voice = sent.answer.voice
        assert voice is not None
        assert (voice.media, voice.number) == (Media.DUPLEX, "sip:voice@centre.example")


async def test_a_message_of_the_centre_is_answered_with_200() -> None:
    """Also when it comes a second time: else the centre would go on sending it."""
    async with both(Manner.TWICE) as (mine, (peer,), places):
        assert (await mine.send(alarm(), places)).received
        async with asyncio.timeout(60):
            while len(peer.answers) < 2:
                await asyncio.sleep(0.01)
        assert peer.answers[0] == 200


@pytest.mark.parametrize(
    ("manner", "verdict"),
    [
        (Manner.MUTE, Verdict.SILENT),
        (Manner.DEAF, Verdict.SILENT),
        (Manner.WRONG_REF, Verdict.SILENT),
        (Manner.ELSEWHERE, Verdict.SILENT),
        (Manner.GARBAGE, Verdict.SILENT),
        (Manner.BUSY, Verdict.BUSY),
    ],
)
async def test_who_gives_no_proof_is_told_twice_and_then_the_second(
    manner: Manner, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 200 alone is no proof, nor is an answer to something else or from somebody else."""
    async with both(manner, Manner.PROPER, patience=SHORT) as (mine, (first, second), places):
        message, once = alarm(), mine.once

        async def patient_with_the_second(told: ScaipRequest, place: Centre) -> Try:
            mine._patience = SHORT if place == places[0] else CALM
            return await once(told, place)

        monkeypatch.setattr(mine, "once", patient_with_the_second)
        sent = await mine.send(message, places)
        assert [one.verdict for one in sent.tries] == [verdict, verdict, Verdict.RECEIVED]
        assert set(first.alarms) == set(second.alarms) == {message.ref}


async def test_a_forged_answer_is_refused_and_not_believed() -> None:
    """It names the right message and comes from an address that was told nothing."""
    async with both(Manner.ELSEWHERE, patience=SHORT) as (mine, (peer,), places):
        assert not (await mine.send(alarm(), places)).received
        assert set(peer.answers) == {403}


async def test_another_address_of_the_centre_can_be_named() -> None:
    """A centre whose answers leave from another machine than the one that is told."""
    async with both(Manner.ELSEWHERE) as (mine, _, places):
        place = dataclasses.replace(places[0], answers_from=("127.0.0.9",))
        assert (await mine.send(alarm(), [place])).received


async def test_garbage_is_answered_400_and_survived() -> None:
    """The next alarm goes as if nothing had been."""
    async with both(Manner.GARBAGE, patience=SHORT) as (mine, (peer,), places):
        assert not (await mine.send(alarm(), places)).received
        assert set(peer.answers) == {400}
        peer.manner, mine._patience = Manner.PROPER, CALM
        assert (await mine.send(alarm(), places)).received


async def test_nobody_is_reached_and_nothing_is_claimed() -> None:
    """Both silent: four tries with one `ref`, and no proof."""
    async with both(Manner.MUTE, Manner.DEAF, patience=SHORT) as (mine, peers, places):
        sent = await mine.send(alarm(), places)
        assert [one.verdict for one in sent.tries] == [Verdict.SILENT] * 4
        assert not sent.received and sent.answer is None
        assert [len(peer.alarms) for peer in peers] == [1, 1]


async def test_a_lost_datagram_is_sent_again_and_is_one_alarm() -> None:
    """Over UDP a request is repeated after T1, 2 T1 …: the centre knows it by its branch."""
    async with both(Manner.PROPER) as (mine, (peer,), places):
        lost: list[bytes] = []
        real = peer._agent.datagram

        def deaf_at_first(data: bytes, address: tuple[str, int]) -> None:
            if len(lost) < 2 and data.startswith(b"MESSAGE"):
                lost.append(data)
            else:
                real(data, address)

        peer._agent.datagram = deaf_at_first  # type: ignore[method-assign]
        sent = await mine.send(alarm(), places)
        assert sent.received and len(sent.tries) == 1
        assert len(lost) == 2 and lost[0] == lost[1] and len(peer.heard) == 1


async def test_a_second_word_of_a_deaf_centre_is_the_same_alarm() -> None:
    """The repeat after the time-out has the same `ref` in a request of its own."""
    async with both(Manner.DEAF_ONCE, patience=SHORT) as (mine, (peer,), places):
        sent = await mine.send(alarm(), places)
        assert [one.verdict for one in sent.tries] == [Verdict.SILENT, Verdict.RECEIVED]
        assert len(peer.heard) == 2 and len(peer.alarms) == 1


@pytest.mark.parametrize("status", [Status.HOLD, Status.NOT_TREATED, Status.BUSY])
async def test_a_centre_that_has_no_time_is_asked_once_more(status: Status) -> None:
    """`snu` 4, 5 and 6: not treated, so not received."""
    async with both(Manner.PROPER, Manner.PROPER) as (mine, (first, _), places):
        first.status = status
        sent = await mine.send(alarm(), places)
        assert [one.verdict for one in sent.tries] == [
            *(Verdict.BUSY, Verdict.BUSY, Verdict.RECEIVED),
        ]


async def test_retry_after_is_waited_for_within_bounds() -> None:
    """One second is waited; an hour is not: the second centre is told at once."""
    async with both(Manner.AWAY, Manner.PROPER) as (mine, (first, _), places):
        sent = await mine.send(alarm(), places)
        assert [(one.code, one.retry_after_s) for one in sent.tries[:2]] == [(503, 1.0)] * 2
        first.retry_after_s = 3600
        sent = await mine.send(alarm(), places)
        assert [one.verdict for one in sent.tries] == [Verdict.BUSY, Verdict.RECEIVED]


async def test_who_cannot_use_a_message_gets_it_bare() -> None:
    """A centre that refuses what it need not have gets the alarm all the same."""
    async with both(Manner.PICKY) as (mine, (peer,), places):
        message = alarm(words="Larm")
        sent = await mine.send(message, places)
        assert [one.verdict for one in sent.tries] == [Verdict.REFUSED, Verdict.RECEIVED]
        assert peer.alarms[message.ref] == message.bare()


@pytest.mark.parametrize("status", [7, 99, 12345])
async def test_a_number_that_says_nothing_good_is_no_proof(status: int) -> None:
    """A missing tag, "undefined" and a number that nobody knows."""
    async with both(Manner.IN_BODY) as (mine, (peer,), places):
        peer.status = status
        sent = await mine.send(alarm(), places)
        assert not sent.received
        assert sent.last.verdict is (Verdict.REFUSED if status == 7 else Verdict.UNCLEAR)


async def test_no_such_host_and_no_such_port_are_unreachable() -> None:
    """One sentence for a technician, no error, and the next centre is told."""
    async with both(Manner.PROPER) as (mine, _, places):
        nowhere = [Centre("sip:x@nobody.invalid"), Centre("sip:x@127.0.0.1:1;transport=tcp")]
        sent = await mine.send(alarm(), [*nowhere, *places])
        assert [one.verdict for one in sent.tries] == [*[Verdict.UNREACHABLE] * 4, Verdict.RECEIVED]
        assert "nobody.invalid" in sent.tries[0].detail


@pytest.mark.parametrize(
    "uri", ["", "larm", "tel:+46", "sip:a:secret@b", "sip:a@b;transport=sctp", "sip:a@b;self=1"]
)
async def test_an_address_that_is_none_is_unreachable(uri: str) -> None:
    """Whatever stands in the table, sending raises nothing."""
    async with sender() as mine:
        assert (await mine.send(alarm(), [Centre(uri)])).last.verdict is Verdict.UNREACHABLE


async def test_an_answer_that_nobody_waits_for_is_handed_on() -> None:
    """It came late, or to another worker: who asked is told, with where it came from."""
    told: list[tuple[ScaipAnswer, str]] = []

    async def unmatched(answer: ScaipAnswer, host: str) -> bool:
        told.append((answer, host))
        return True

    patience = dataclasses.replace(SHORT, answer_s=0.3, tries=1)
    async with both(Manner.PROPER, patience=patience, unmatched=unmatched) as (mine, peers, places):
        peers[0].delay_s = 0.5
        message = alarm()
        assert not (await mine.send(message, places)).received
        async with asyncio.timeout(60):
            while not peers[0].answers:
                await asyncio.sleep(0.01)
        assert [(answer.ref, host) for answer, host in told] == [(message.ref, LOCAL)]
        assert list(peers[0].answers) == [200]


async def test_what_cannot_be_noted_is_answered_500() -> None:
    """The centre sends its answer again when our database does not answer."""

    async def broken(answer: ScaipAnswer, host: str) -> bool:
        raise RuntimeError("no database")

    patience = dataclasses.replace(SHORT, tries=1)
    async with both(Manner.WRONG_REF, patience=patience, unmatched=broken) as (mine, peers, places):
        await mine.send(alarm(), places)
        assert list(peers[0].answers) == [500]


@pytest.mark.parametrize("manner", [Manner.PROPER, Manner.IN_BODY, Manner.MUTE])
async def test_a_heartbeat_says_whether_the_centre_is_there(manner: Manner) -> None:
    """Once, without a repeat; what it says is a heartbeat of the home's own unit."""
    patience = SHORT if manner is Manner.MUTE else CALM
    async with both(manner, patience=patience) as (mine, (peer,), places):
        beat = await mine.beat(CID, places[0])
        assert (beat.verdict is Verdict.RECEIVED) == (manner is not Manner.MUTE)
        assert [(one.request.mty, one.request.cid) for one in peer.heard] == [("PI", CID)]


async def test_many_alarms_at_once_are_each_answered() -> None:
    """Fifty on one socket, and on one connection."""
    for transport in ("udp", "tcp"):
        async with both(Manner.PROPER, transport=transport) as (mine, (peer,), places):
            sent = await asyncio.gather(*(mine.send(alarm(), places) for _ in range(50)))
            assert all(one.received for one in sent)
            assert len(peer.alarms) == 50


async def test_a_connection_that_died_is_opened_anew() -> None:
    """A centre that was restarted since the last alarm is told at the first try."""
    async with both(Manner.PROPER, transport="tcp") as (mine, (peer,), places):
        assert (await mine.send(alarm(), places)).received
        for task in list(peer._agent._tasks):
            task.cancel()
        sent = await mine.send(alarm(), places)
        assert sent.received and len(sent.tries) == 1


async def test_who_we_are_is_what_was_configured() -> None:
    """The sender's address is where a centre may answer to."""
    here = Here(LOCAL, user="tryggve7", host=LOCAL)
    async with both(Manner.PROPER, here=here) as (mine, (peer,), places):
        assert (await mine.send(alarm(), places)).received
        assert peer.heard[0].sender == f"sip:tryggve7@{LOCAL}:{mine.port}"
