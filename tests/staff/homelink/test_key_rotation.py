"""The server's key for grants is changed, and every home follows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from gateway.access.grants import Action, Grant, Reason, read, sign
from gateway.errors import GrantRefused, UserError
from gateway.events import ServerKeyTrusted
from gateway.link import enrolment
from gateway.link.server_keys import ServerKeys
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import EnrolledHome
from web.staff.core.context import Staff
from web.staff.core.keys import load_keys
from web.staff.core.secret_files import SIGNING_KEY, SecretFiles
from web.staff.homelink import key_rotation
from web.staff.storage import tables
from web.staff.storage.event_store import to_event


def home_keys(staff: Staff) -> ServerKeys:
    """What a home has pinned before the rotation."""
    return ServerKeys(
        "h1",
        {staff.keys.kid: staff.keys.private.public_key()},
        {},
        read=enrolment.public_key,
        keep=lambda _: None,
    )


def offered(staff: Staff) -> list[Any]:
    return [
        to_event(row.body, row.hash).data
        for row in rows(staff, tables.event, kind="server.key_added")
    ]


def grant(staff: Staff) -> Grant:
    now = staff.clock.now()
    return Grant(
        id="g1",
        home="h1",
        device="front",
        action=Action.UNLOCK,
        person="p1",
        reason=Reason.PLANNED_VISIT,
        ref=None,
        not_before=now,
        expires=now + timedelta(seconds=60),
    )


def test_homes_learn_the_new_key_and_keep_the_old_for_a_while(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """What is signed with either opens meanwhile; afterwards only the new one; and the secret file
    holds the new one alone."""
    secrets = SecretFiles(staff.config.secrets_dir)
    home = home_keys(staff)
    new = key_rotation.rotate(staff, secrets, keep_hours=1)
    assert load_keys(secrets).kid == new.kid != staff.keys.kid
    assert not (secrets.folder / f"{SIGNING_KEY}.new").exists()
    (added,) = offered(staff)
    assert home.offered(added) == ServerKeyTrusted(kid=new.kid)
    now = staff.clock.now()
    old_token = sign(grant(staff), staff.keys.private, staff.keys.kid)
    new_token = sign(grant(staff), new.private, new.kid)
    assert read(old_token, home.good(now)).id == read(new_token, home.good(now)).id == "g1"
    later = now + timedelta(hours=1)
    assert read(new_token, home.good(later)).id == "g1"
    with pytest.raises(GrantRefused):
        read(old_token, home.good(later))


def test_a_rotation_that_was_cut_is_taken_up_again(
    enrolled_home: EnrolledHome, staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The homes were told of a key that was not put in place: the next try uses that very key."""
    secrets = SecretFiles(staff.config.secrets_dir)
    with monkeypatch.context() as cut:
        cut.setattr(secrets, "put_in_place", lambda _name: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            key_rotation.rotate(staff, secrets)
    assert load_keys(secrets).kid == staff.keys.kid, "the old one goes on"
    new = key_rotation.rotate(staff, secrets)
    home = home_keys(staff)
    first, second = offered(staff)
    assert first.kid == second.kid == new.kid
    assert home.offered(first) == ServerKeyTrusted(kid=new.kid)
    assert home.offered(second) is None


def test_a_home_enrolled_afterwards_pins_the_new_key_alone(
    enrolled_home: EnrolledHome, staff_app: Flask, staff: Staff
) -> None:
    """The old key is on its way out: nobody begins with it."""
    new = key_rotation.rotate(staff, SecretFiles(staff.config.secrets_dir))
    staff.keys = new  # the server was started again
    enrolled_home.enroll()
    assert [key["kid"] for key in enrolled_home.answer["keys"]] == [new.kid]


def test_a_key_that_comes_from_elsewhere_is_not_replaced(staff: Staff) -> None:
    """A systemd credential cannot be written: say what to do, and tell no home."""
    secrets = SecretFiles(staff.config.secrets_dir)
    (secrets.folder / SIGNING_KEY).unlink()
    with pytest.raises(UserError, match="credential"):
        key_rotation.rotate(staff, secrets)
    assert offered(staff) == []
