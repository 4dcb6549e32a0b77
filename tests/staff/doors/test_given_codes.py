"""Codes of the second form: for the run of a home that it is in, and with a key for the phone."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from gateway.access import codes, given_codes
from gateway.envelope import Draft
from gateway.events import (
    CodeGiven,
    GatewayStarted,
    LockOperationRequested,
    PageDescribed,
    PageOpened,
    PreviousRun,
)
from tests.staff.doors.test_lock_orders import told
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import EnrolledHome
from web.staff.audit import access_log
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.doors import door_codes, revocation
from web.staff.events.projections.rebuild import rebuild_home
from web.staff.runtime.watch import Watch
from web.staff.storage import tables

Make = Callable[..., Actor]

FINGERPRINT = "ab" * 32
URL = "https://tryggve.local:8080"


def describe(home: EnrolledHome, url: str = URL) -> Ed25519PrivateKey:
    """The home starts and tells of its page; the key of that run."""
    run = Ed25519PrivateKey.generate()
    key = given_codes.page_key_text(run.public_key())
    started = GatewayStarted(version="0.2.0", config_sha256="", previous=PreviousRun.CLEAN)
    home.send(started, PageDescribed(url=url, fingerprint=FINGERPRINT, page_key=key))
    return run


def given(staff: Staff) -> list[tuple[Any, CodeGiven]]:
    """Each code as it was told, with its event."""
    return [(event, code) for event in told(staff, "codes.given") for code in event.data.codes]


def opens(
    staff: Staff, run: Ed25519PrivateKey, person: str, event: Any, code: CodeGiven, proof: str
) -> bool:
    """What the home asks of a code that was typed."""
    server = staff.keys.private.public_key()
    return (
        event.person == person
        and given_codes.is_sealed(server, "h1", person, code)
        and given_codes.fits(run, server, "h1", person, code, proof)
    )


def test_a_home_with_a_page_is_told_for_its_run(
    home: EnrolledHome, staff: Staff, make_user: Make
) -> None:
    """The home can check the digits in this run and in no other, and what the phone signs; neither
    the digits nor the phone's keys are in any event or table."""
    run = describe(home)
    (mine,) = door_codes.shift_codes(staff, make_user("p1", ["caregiver"], homes=["h1"]))
    assert (mine.page.url, mine.page.fingerprint) == (URL, FINGERPRINT) if mine.page else False
    assert told(staff, "codes.issued") == []
    by_id = {code.id: (event, code) for event, code in given(staff)}
    stored = json.dumps([row.body for row in rows(staff, tables.event)])
    for shown in mine.codes:
        event, code = by_id[shown.id]
        number, proof = codes.split(shown.digits) or (0, "")
        assert (code.number, code.device) == (number, shown.device)
        assert opens(staff, run, "p1", event, code, proof)
        assert not opens(staff, Ed25519PrivateKey.generate(), "p1", event, code, proof)
        text = given_codes.proof_text("h1", code, FINGERPRINT, "word")
        assert given_codes.is_proof(code, text, _sign(dict(shown.phone_key or {}), text))
        assert shown.phone_key is not None
        assert proof not in set(re.findall(r"\w+", stored)), "but by chance in a random number"
        assert shown.phone_key["d"] not in stored
    assert len({code.phone_key for _, code in given(staff)}) == door_codes.PER_HOME


def _sign(key: dict[str, str], text: bytes) -> str:
    """As a browser signs with a JSON Web Key."""
    x, y, d = (int.from_bytes(base64.urlsafe_b64decode(key[name] + "=="), "big") for name in "xyd")
    private = ec.EllipticCurvePrivateNumbers(d, ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()))
    r, s = decode_dss_signature(private.private_key().sign(text, ec.ECDSA(SHA256())))
    return f"{r:064x}{s:064x}"


def test_a_home_that_starts_anew_is_told_again(
    home: EnrolledHome, staff: Staff, make_user: Make
) -> None:
    """The same ids and digits for the new run, of each person, once; not what was used, revoked or
    is over, and the phone is told that the home may not have them yet."""
    describe(home)
    people = [make_user(person, ["caregiver"], homes=["h1"]) for person in ("p1", "p2")]
    before = [door_codes.shift_codes(staff, one)[0] for one in people]
    home.down_have = max(event.seq for event, _ in given(staff))
    home.send(
        LockOperationRequested(
            grant=before[0].codes[0].id, action="unlock", reason="planned_visit"
        ),
        Draft(PageOpened(grant=before[0].codes[1].id), person="p1"),
    )
    door_codes.look(staff)
    assert len(given(staff)) == 2 * door_codes.PER_HOME, "nothing is new"
    run = describe(home)
    watch = Watch(staff)  # its rounds do it, by themselves
    watch.look()
    watch.look()
    again = given(staff)[2 * door_codes.PER_HOME :]
    assert len(again) == 2 * door_codes.PER_HOME - 2
    shown = {code.id: code for one in before for code in one.codes}
    for event, code in again:
        proof = (codes.split(shown[code.id].digits) or (0, ""))[1]
        assert opens(staff, run, event.person, event, code, proof)
    (now,) = door_codes.shift_codes(staff, people[1])
    assert [code.digits for code in now.codes] == [code.digits for code in before[1].codes]
    assert not any(code.there for code in now.codes)
    staff.clock.advance(codes.LIFE_H * 3600)  # type: ignore[attr-defined]
    describe(home)
    door_codes.look(staff)
    assert len(given(staff)) == 4 * door_codes.PER_HOME - 2


def test_codes_of_the_first_form_are_told_anew_when_a_home_was_updated(
    home: EnrolledHome, staff: Staff, make_user: Make
) -> None:
    """A home that knows no other form is told the first; updated, it is told the second of the
    same codes; gone back, it is told the first of new ones."""
    carer = make_user("p1", ["caregiver"], homes=["h1"])
    (before,) = door_codes.shift_codes(staff, carer)
    assert (before.page, [code.phone_key for code in before.codes]) == (None, [None] * 3)
    run = describe(home)
    door_codes.look(staff)
    shown = {code.id: code for code in before.codes}
    assert {code.id for _, code in given(staff)} == set(shown)
    for event, code in given(staff):
        assert opens(
            staff, run, "p1", event, code, (codes.split(shown[code.id].digits) or (0, ""))[1]
        )
    home.send(GatewayStarted(version="0.1.0", config_sha256="", previous=PreviousRun.CLEAN))
    other = make_user("p2", ["caregiver"], homes=["h1"])
    assert door_codes.shift_codes(staff, other) == [], "it may be about to tell of its page"
    staff.clock.advance(door_codes.STARTED_S)  # type: ignore[attr-defined]
    (back,) = door_codes.shift_codes(staff, other)
    assert back.page is None
    assert len(told(staff, "codes.issued")) == 2


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "http://tryggve.local:8080",
        "https://tryggve.local:8080/../evil",
        "https://user@evil.example",
        "https://evil.example#",
        "",
    ],
)
def test_a_phone_goes_to_a_page_only(
    home: EnrolledHome, staff: Staff, make_user: Make, url: str
) -> None:
    """What a home says of its page is an address of a host over HTTPS, or it has no page."""
    describe(home, url)
    (mine,) = door_codes.shift_codes(_later(staff), make_user("p1", ["caregiver"], homes=["h1"]))
    assert mine.page is None


def _later(staff: Staff) -> Staff:
    staff.clock.advance(door_codes.STARTED_S)  # type: ignore[attr-defined]
    return staff


def test_a_key_that_is_none_gets_the_first_form(
    home: EnrolledHome, staff: Staff, make_user: Make
) -> None:
    """A home whose key cannot be read, or agreed on, harms nobody's page."""
    home.send(PageDescribed(url=URL, fingerprint=FINGERPRINT, page_key="no key"))
    (mine,) = door_codes.shift_codes(staff, make_user("p1", ["caregiver"], homes=["h1"]))
    assert mine.page is None
    identity = "01" + "00" * 31
    home.send(PageDescribed(url=URL, fingerprint=FINGERPRINT, page_key=identity))
    door_codes.look(staff)
    assert given(staff) == []


def test_who_opened_the_homes_page_stands_in_the_access_log(
    home: EnrolledHome, staff: Staff, make_user: Make
) -> None:
    """Under their name; the code is used up by it; a rebuild changes nothing."""
    describe(home)
    (mine,) = door_codes.shift_codes(staff, make_user("p1", ["caregiver"], homes=["h1"]))
    code = mine.codes[0].id
    (opened,) = home.send(Draft(PageOpened(grant=code), person="p1"))
    with staff.db.read() as conn:
        now = staff.clock.now()
        seen = access_log.read(conn, ["h1"], now.replace(year=2000), now.replace(year=2100))
    assert [(row.ref, row.action, row.person) for row in seen] == [
        (opened.ref, "page.opened", "p1")
    ]
    (row,) = rows(staff, tables.door_code, id=code)
    assert row.ended_at is not None
    folded = (tables.door_code, tables.home_state)
    before = [sorted(map(repr, rows(staff, table))) for table in folded]
    with staff.db.write() as tx:
        rebuild_home(tx.conn, "h1")
    assert [sorted(map(repr, rows(staff, table))) for table in folded] == before


def test_a_seal_binds_all_of_a_code(home: EnrolledHome, staff: Staff, make_user: Make) -> None:
    """Whatever is changed, the home takes it for nobody's."""
    describe(home)
    door_codes.shift_codes(staff, make_user("p1", ["caregiver"], homes=["h1"]))
    server = staff.keys.private.public_key()
    code = given(staff)[0][1]
    assert given_codes.is_sealed(server, "h1", "p1", code)
    assert not given_codes.is_sealed(server, "h2", "p1", code)
    assert not given_codes.is_sealed(server, "h1", "p2", code)
    for change in (
        {"id": "code-x"},
        {"number": code.number + 1},
        {"device": "terrace"},
        {"expires": code.expires.replace(year=2100)},
        {"not_before": code.not_before.replace(year=2000)},
        {"phone_key": "00" * 64},
        {"page_key": "00" * 32},
        {"salt": "00"},
        {"hash": "00"},
        {"seal": ""},
        {"seal": "zz"},
    ):
        assert not given_codes.is_sealed(server, "h1", "p1", replace(code, **change)), change


def test_what_is_revoked_is_not_told_again(
    home: EnrolledHome, staff: Staff, make_user: Make
) -> None:
    """Access taken back stays taken back over a start of the home."""
    describe(home)
    carer = make_user("p1", ["caregiver"], homes=["h1"])
    door_codes.shift_codes(staff, carer)
    with staff.write() as tx:
        revocation.revoke_person(staff, tx, "h1", "p1")
    describe(home)
    door_codes.look(staff)
    assert len(given(staff)) == door_codes.PER_HOME
