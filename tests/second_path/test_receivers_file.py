"""Whom the home tells: kept in a file of its own at mode 0600, believed when the server signed it
and the log's event names it."""

from __future__ import annotations

import hashlib
import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.access import receiver_lists, tokens
from gateway.access.receiver_lists import BadList, ReceiverList
from gateway.config.secrets import FileSecrets
from gateway.envelope import Event, from_json
from gateway.events import (
    AlarmType,
    Data,
    HomeSecondPathSet,
    PathChannel,
    Severity,
    alarm_type,
    to_fields,
)
from gateway.second_path.receivers_file import FILE, ReceiversFile
from tests.second_path.home import BEGIN, KEY, LISTED, NUMBERS, settings, token
from tests.test_newer_server import Writer


def opened(folder: Path) -> ReceiversFile:
    """The file of a home that starts."""
    keys = {"k1": KEY.public_key()}
    return ReceiversFile("h1", FileSecrets(folder), lambda: keys, lambda do: do())


def decided(data: Data, seq: int = 1, origin: str = "staff:h1") -> Event:
    """An event of the server's."""
    return Event(origin, seq, BEGIN, "synced", "b", 0.0, data)


def test_it_outlives_a_restart_and_the_logs_pruning(tmp_path: Path) -> None:
    """A home that starts with a log in which the event is no more knows whom to tell; only its own
    user can read the numbers."""
    first = opened(tmp_path)
    first.apply(decided(settings()))
    assert not first.complete
    first.offered(token())
    assert first.complete
    kept = tmp_path / "secrets" / FILE
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    again = opened(tmp_path)
    assert again.settings == settings()
    assert [one.id for one in again.receivers(Severity.CARE)] == ["p1", "p2"]
    assert [one.id for one in again.receivers(Severity.TECHNICAL)] == ["tech"]
    assert again.address("p1") == NUMBERS["p1"]
    assert (again.label, again.complete) == ("Lgh 1203", True)


def test_the_list_may_come_before_its_event(tmp_path: Path) -> None:
    """As after a log that began anew: it waits."""
    file = opened(tmp_path)
    file.offered(token())
    assert file.address("p1") is None
    file.apply(decided(settings()))
    assert file.address("p1") == NUMBERS["p1"]
    assert opened(tmp_path).address("p1") == NUMBERS["p1"], "and is kept with it"


def test_another_decision_about_the_same_list_keeps_its_numbers(tmp_path: Path) -> None:
    """How long somebody has to answer was changed: nobody sends the list again for that."""
    file = opened(tmp_path)
    file.apply(decided(settings(), 4))
    file.offered(token())
    file.apply(decided(settings(wait_s=60.0), 7))
    assert file.address("p1") == NUMBERS["p1"]
    again = opened(tmp_path)
    assert again.address("p1") == NUMBERS["p1"]
    assert again.settings == settings(wait_s=60.0)


def test_a_newer_decision_takes_the_older_ones_place(tmp_path: Path) -> None:
    """By the server's number: what is read again from the log changes nothing, and the numbers of
    before are not used for the list of now."""
    file = opened(tmp_path)
    file.apply(decided(settings(), 4))
    file.offered(token())
    other = ReceiverList("h1", {"p1": "+46705555555"}, "1" * 32, None)
    file.apply(decided(settings(other, wait_s=60.0), 7))
    assert file.address("p1") is None
    file.offered(token())
    assert file.address("p1") is None
    file.offered(token(other))
    assert (file.address("p1"), file.label) == ("+46705555555", None)
    file.apply(decided(settings(), 4))
    assert file.address("p1") == "+46705555555"
    assert opened(tmp_path).address("p1") == "+46705555555"


@pytest.mark.parametrize("how", ["forged", "other_home", "unknown_key", "no_token", "long"])
def test_a_list_that_is_not_the_servers(tmp_path: Path, how: str) -> None:
    """Signed by somebody else, meant for another home, or no list: passed over."""
    file = opened(tmp_path)
    file.apply(decided(settings()))
    theirs = {
        "forged": token(key=Ed25519PrivateKey.generate()),
        "other_home": token(replace(LISTED, home="h2")),
        "unknown_key": receiver_lists.sign(LISTED, KEY, "k9"),
        "no_token": "x.y.z",
        "long": "x" * 20_000,
    }[how]
    file.offered(theirs)
    assert file.address("p1") is None
    assert not file.complete


def test_another_homes_event_is_not_ours(tmp_path: Path) -> None:
    """Only what the server decided about this home counts."""
    file = opened(tmp_path)
    file.apply(decided(settings(), origin="home:h1"))
    file.apply(decided(settings(), origin="staff:h2"))
    assert file.settings is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"seq": 1}', '{"seq":1,"set":{},"list":null}'])
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str) -> None:
    """Is none: the home starts, and the server's stream brings it again."""
    FileSecrets(tmp_path).write(FILE, text or " ")
    file = opened(tmp_path)
    assert file.settings is None
    file.apply(decided(settings()))
    file.offered(token())
    assert opened(tmp_path).complete


def test_a_file_that_was_changed(tmp_path: Path) -> None:
    """Numbers that the event does not name are not used."""
    file = opened(tmp_path)
    file.apply(decided(settings()))
    file.offered(token())
    kept = json.loads(FileSecrets(tmp_path).read(FILE))
    kept["list"] = token(replace(LISTED, to={"p1": "+46700000666"}))
    FileSecrets(tmp_path).write(FILE, json.dumps(kept))
    assert opened(tmp_path).address("p1") is None


def test_a_list_is_read_as_it_was_signed() -> None:
    """And an older key of the server is good for one that the log names."""
    assert receiver_lists.read(token(), "h1", {"k1": KEY.public_key()}) == LISTED
    assert receiver_lists.read(token(), "h1", None) == LISTED
    with pytest.raises(BadList):
        receiver_lists.read(token(), "h1", {})
    assert replace(LISTED, salt="1").digest() != LISTED.digest()


def test_a_list_that_says_more_is_held_to_what_was_signed(tmp_path: Path) -> None:
    """A newer server's digest is of all that it signed: its list is taken, and an address in a form
    that is not known is left out; the others are told.  One that lacks what this version adds
    too."""
    address = {"sip": "sip:x@example.org", "tel": "+46700000009"}
    more = {"aud": "h1", "to": {**NUMBERS, "p2": address}, "salt": "0" * 32, "sure": [1, None]}
    for claims in ({**more, "label": "Lgh 1203", "cid": None}, more):
        digest = hashlib.sha256(
            json.dumps(claims, sort_keys=True, separators=(",", ":")).encode()
        ).hexdigest()
        signed = tokens.sign(receiver_lists.TYP, claims, KEY, "k1")
        file = opened(tmp_path)
        file.apply(decided(replace(settings(), digest=digest), file._seq + 1))
        assert not file.complete
        file.offered(signed)
        assert file.complete
        assert file.address("p1") == NUMBERS["p1"]
        assert file.address("p2") is None
        assert opened(tmp_path).address("p1") == NUMBERS["p1"], "also after a restart"


def newer(**more: object) -> Event:
    """What a newer server decided, as it comes."""
    fields = {**to_fields(settings()), **more}
    return from_json(Writer("staff:h1").write("home.second_path_set", fields))


def test_what_a_newer_server_decided_is_held_as_far_as_it_can_be_read(tmp_path: Path) -> None:
    """Who can be told is; a way that is not known here is one that cannot be used; whoever is told
    of alarms of a new sort is told of care.  The rest is kept for the version that reads it."""
    told = to_fields(settings())["receivers"]
    first, second, third = ({**one} for one in told)
    said = {
        "receivers": [
            {**first, "nights": True},
            {**second, "channel": "satellite"},
            {**third, "told": "grave"},
            {"channel": "sms"},
        ],
        "types": [*to_fields(settings())["types"], "gas"],
        "only_at_night": True,
    }
    event = newer(**said)
    assert isinstance(event.data, HomeSecondPathSet)
    file = opened(tmp_path)
    file.apply(event)
    file.offered(token())
    assert file.complete
    ways = [(one.id, one.channel) for one in file.receivers(Severity.CARE)]
    assert ways == [
        ("p1", PathChannel.SMS),
        ("p2", PathChannel.UNKNOWN),
        ("tech", PathChannel.SMS),
    ]
    kept = json.loads((tmp_path / "secrets" / FILE).read_text())
    assert kept["set"] == {**to_fields(settings()), **said}
    again = opened(tmp_path)
    assert again.settings == file.settings
    again.offered(token())
    assert json.loads((tmp_path / "secrets" / FILE).read_text()) == kept


@pytest.mark.parametrize("field", ["types", "reply", "wait_s"])
def test_what_cannot_be_read_of_it_silences_nobody(tmp_path: Path, field: str) -> None:
    """Of which alarms, with which word, within which time: as usual, or of all."""
    file = opened(tmp_path)
    file.apply(newer(**{field: {"of": "another form"}}))
    file.offered(token())
    assert file.settings is not None
    assert (file.settings.reply, file.settings.wait_s) == ("OK", 120.0)
    assert [one.id for one in file.wanted(AlarmType.PENDANT, Severity.CARE)] == ["p1", "p2"]


def test_an_alarm_that_is_not_understood_is_told_too(tmp_path: Path) -> None:
    """One of a type that this version knows only where the server says so."""
    file = opened(tmp_path)
    assert file.wanted(AlarmType.PENDANT, Severity.CARE) == ()
    file.apply(decided(settings()))
    file.offered(token())
    assert file.wanted(AlarmType.LOCK_OPEN, Severity.CARE) == ()
    for about in (AlarmType.PENDANT, AlarmType.NOT_UNDERSTOOD, alarm_type("gas")):
        assert [one.id for one in file.wanted(about, Severity.CARE)] == ["p1", "p2"], about
