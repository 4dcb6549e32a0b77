"""SCAIP as devices and centres write it, and as Tryggve does."""

from __future__ import annotations

import json
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import BadMessage
from gateway.events import AlarmType, Severity
from gateway.scaip import codes
from gateway.scaip.alarm_codes import CODES, alarm_message
from gateway.scaip.codes import DeviceType, Location, Media, MessageType, Status, StatusCode
from gateway.scaip.message import (
    ANSWER_TAGS,
    BODY_MAX,
    REQUEST_TAGS,
    ScaipAnswer,
    ScaipRequest,
    heartbeat,
)

SEEN: list[dict[str, Any]] = json.loads(Path(__file__).with_name("seen.json").read_text())[
    "messages"
]
"""Bodies that were seen (their sources stand in the file), with what is in them."""


@pytest.mark.parametrize("seen", SEEN, ids=lambda seen: str(seen["label"]))
def test_what_was_seen_is_read(seen: dict[str, Any]) -> None:
    """Every body of public projects and devices, in whatever order its tags are."""
    kind = ScaipRequest if seen["xml"].startswith("<mrq>") else ScaipAnswer
    message = kind.read(seen["xml"].encode())
    assert message.tags() == seen["fields"]
    assert kind.read(message.write()) == message


def test_codes_are_compared_as_numbers() -> None:
    """`2`, `02` and `0002` are the local unit; no status is an alarm, and no type is one too."""
    for dty in ("2", "02", "0002", " 0 002 "):
        body = f"<mrq><ref>1</ref><cid>1</cid><dty>{dty}</dty></mrq>".encode()
        message = ScaipRequest.read(body)
        assert message.device_type == DeviceType.LOCAL_UNIT
        assert (message.type, message.status_code) == (MessageType.ALARM, StatusCode.ALARM)


def test_a_space_in_cid_is_no_part_of_it() -> None:
    """Some devices write groups of digits."""
    body = b"<mrq><dty>3</dty><cid> 2342 5663\n43454 </cid><ref>a1</ref></mrq>"
    assert ScaipRequest.read(body).cid == "2342566343454"


@pytest.mark.parametrize("stc", ["", "<stc/>", "<stc>102</stc>"])
def test_a_heartbeat_may_have_no_status(stc: str) -> None:
    """With or without `stc`, and with an empty one."""
    body = f"<mrq><mty>pi</mty><ref>9</ref><cid>7</cid><dty>2</dty>{stc}</mrq>".encode()
    assert ScaipRequest.read(body).type is MessageType.HEARTBEAT


@pytest.mark.parametrize(
    ("body", "snu"),
    [
        (b"", Status.INVALID_FORMAT),
        (b"\x00\xff", Status.INVALID_FORMAT),
        (b"<mrq>", Status.INVALID_FORMAT),
        (b"<mrs><ref>1</ref><snu>0</snu></mrs>", Status.INVALID_FORMAT),
        (b"<mrq><ref>1</ref><cid>1</cid></mrq>", Status.TAG_MISSING),
        (b"<mrq><ref>1</ref><cid>a</cid><dty>1</dty></mrq>", Status.INVALID_FORMAT),
        (b"<mrq><ref>12345678901234567</ref><cid>1</cid><dty>1</dty></mrq>", Status.INVALID_FORMAT),
        (b"<mrq>" + b"<x/>" * 65 + b"</mrq>", Status.TOO_LONG),
        (b"<mrq>" + b" " * BODY_MAX + b"</mrq>", Status.TOO_LONG),
        (b'<?xml version="1.0" encoding="klingon"?><mrq/>', Status.INVALID_FORMAT),
        (b'<!DOCTYPE m [<!ENTITY a "b">]><mrq><ref>&a;</ref></mrq>', Status.INVALID_FORMAT),
        (b'<!DOCTYPE m SYSTEM "file:///etc/passwd"><mrq/>', Status.INVALID_FORMAT),
    ],
)
def test_what_is_no_message_is_refused_with_its_number(body: bytes, snu: Status) -> None:
    """Nothing from outside is followed, and each refusal has the number that SCAIP has for it."""
    with pytest.raises(BadMessage) as caught:
        ScaipRequest.read(body)
    assert caught.value.snu == snu


def test_an_optional_tag_that_is_wrong_is_left_out() -> None:
    """An alarm with a strange room is an alarm."""
    body = b"<mrq><ref>1</ref><cid>1</cid><dty>3</dty><lco>kitchen</lco><new>1</new></mrq>"
    assert ScaipRequest.read(body) == ScaipRequest("1", "1", "3")


def test_a_billion_laughs_take_no_time() -> None:
    """Entities are refused before they are expanded."""
    names = "".join(f'<!ENTITY a{n} "&a{n - 1};&a{n - 1};">' for n in range(1, 30))
    body = f'<!DOCTYPE m [<!ENTITY a0 "ha">{names}]><mrs><ref>&a29;</ref></mrs>'.encode()
    begun = time.process_time()
    with pytest.raises(BadMessage):
        ScaipAnswer.read(body)
    assert time.process_time() - begun < 1


def test_text_is_escaped_and_control_characters_are_not_sent() -> None:
    """What is written can be read; what XML cannot hold is refused."""
    message = alarm_message("1", "1", "pendant", words="A < B & C\tD\n")
    assert ScaipRequest.read(message.write()).ite == "A < B & C D"
    with pytest.raises(BadMessage):
        ScaipRequest("1", "1", "3", ite="\x07")


@pytest.mark.parametrize(
    ("mre", "media"),
    [(None, None), ("0", None), ("00", None), ("1", 1), ("02", 2), ("03", 3), ("44", None)],
)
def test_the_call_that_an_answer_asks_for(mre: str | None, media: int | None) -> None:
    """A voice that is not known is none: nobody listens by mistake."""
    answer = ScaipAnswer("1", "0", mre=mre, cre="05", tnu="sip:voice@centre.example")
    voice = answer.voice
    assert (voice and voice.media) == (Media(media) if media else None)
    if voice:
        assert (voice.cre, voice.number) == ("05", "sip:voice@centre.example")


def test_every_status_is_known_and_another_is_no_proof() -> None:
    """`snu` as a number, whatever its zeros."""
    assert {ScaipAnswer("1", str(int(one))).status for one in Status} == set(Status)
    assert ScaipAnswer("1", "00000").status is Status.OK
    assert ScaipAnswer("1", "8").status is Status.UNDEFINED


def test_the_tables_of_tags_and_messages_are_one() -> None:
    """Each tag of the tables is a field, and the other way round."""
    for kind, tags in ((ScaipRequest, REQUEST_TAGS), (ScaipAnswer, ANSWER_TAGS)):
        assert {one.name for one in fields(kind)} == set(tags)
        assert set(kind.NEEDED) <= set(tags)


# --- our alarms -----------------------------------------------------------------------------------


@pytest.mark.parametrize("about", [*AlarmType, "of_a_newer_home"])
def test_every_alarm_can_be_told(about: str) -> None:
    """Each type has codes that are written at their width; without voice unless somebody says
    where to call."""
    message = alarm_message("Ref1", "12", about)
    assert ScaipRequest.read(message.write()) == message
    assert len(message.dty) == codes.DTY_WIDTH and len(message.stc or "") == codes.STC_WIDTH
    assert (message.crd, message.ite) == ("no-voice:", None)


@pytest.mark.parametrize(
    ("about", "room", "dty", "stc", "lco"),
    [
        ("pendant", "kitchen", 3, 10, Location.KITCHEN),
        ("pendant", "balcony", 3, 10, None),
        ("bed_exit", "hall", 12, 3, Location.BED),
        ("on_floor", "bathroom", 5, 10, Location.BATHROOM),
        ("wandering", None, 15, 10, Location.FRONT_DOOR),
        ("lock_open", None, 43, 127, Location.FRONT_DOOR),
        ("power_lost", None, 41, 85, None),
        ("home_silent", None, 50, 123, None),
        ("battery_low", None, 2, 16, None),
    ],
)
def test_the_codes_of_an_alarm(
    about: str, room: str | None, dty: int, stc: int, lco: int | None
) -> None:
    """Those that are known (docs/scaip.md); a room is told where it has a code."""
    message = alarm_message("1", "1", about, room=room)
    assert (message.device_type, message.status_code) == (dty, stc)
    assert (None if message.lco is None else int(message.lco)) == lco
    assert message.type is MessageType.ALARM


def test_what_has_no_code_is_told_by_the_home_in_words() -> None:
    """A care alarm as an alarm; what must be mended as an information, not a person in need."""
    for about in AlarmType:
        if about in CODES:
            continue
        message = alarm_message("1", "1", about, words="Något")
        assert message.device_type == DeviceType.LOCAL_UNIT and message.ite == "Något"
        informs = message.type is MessageType.INFORMATION
        assert informs == (about.severity is Severity.TECHNICAL)
    assert alarm_message("1", "1", "of_a_newer_home").type is MessageType.ALARM


def test_a_trial_and_a_heartbeat_ring_nowhere() -> None:
    """Status 102, without voice."""
    trial = alarm_message("1", "1", "on_floor", room="bathroom", trial=True)
    assert trial.lco is None
    for message in (trial, heartbeat("1", "1")):
        assert (message.device_type, message.status_code) == (2, StatusCode.TEST)
        assert message.crd == "no-voice:"
