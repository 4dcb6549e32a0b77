"""Mina larmvägar: adding, proving, trying, ordering and removing one's own ways; who has none."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from weakref import WeakKeyDictionary

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from tests.staff.channels import twin_push, twin_sms
from tests.staff.channels.test_contract import given
from tests.staff.channels.twin import Twin
from tests.staff.pages.conftest import text_of
from tests.staff.parts import add_user, sign_in
from web.staff import channels
from web.staff.channels import points
from web.staff.channels.contract import Proof, Report, Why
from web.staff.core.context import Staff
from web.staff.core.secret_files import SecretFiles
from web.staff.storage import tables
from web.staff.storage.alarm_tables import contact_code, contact_point


@pytest.fixture
def ways(staff_app: Flask, staff: Staff, tmp_path: Path) -> Iterator[dict[str, Twin]]:
    """The server sends texts and pushes; what reached the providers, by channel."""
    secrets = SecretFiles(staff.config.secrets_dir)
    with twin_sms.running(tmp_path) as sms, twin_push.running(tmp_path) as push:
        twins = {"sms": sms, "push": push}
        for twin in twins.values():
            given(secrets, twin.secrets)
        settings = {name: twin.settings for name, twin in twins.items()}
        update = {"channels": settings, "public_url": "https://trygg.kommun.example"}
        staff.config = staff.config.model_copy(update=update)
        staff_app.extensions[channels.EXTENSION] = channels.open_all(staff, secrets)
        yield twins


_tokens: WeakKeyDictionary[FlaskClient, str] = WeakKeyDictionary()


def send(client: FlaskClient, what: str, **fields: str) -> tuple[int, str]:
    """A form of the page: status and sentence."""
    if client not in _tokens:
        page = text_of(client, "/larmvagar")
        _tokens[client] = page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    answer = client.post(
        f"/larmvagar/{what}",
        data=fields | {"csrf_token": _tokens[client]},
        headers={"Accept": "application/json"},
    )
    return answer.status_code, answer.get_json()["text"]


def ids(client: FlaskClient) -> list[str]:
    """The page's ways, in its order."""
    page = text_of(client, "/larmvagar")
    return re.findall(r'data-key="(\w+)" data-test="way"', page)


def code_of(twin: Twin) -> str:
    """The code in the last text."""
    [text] = parse_qs(twin.sent().decode().splitlines()[-1])["message"]
    return str(re.findall(r"\b\d{6}\b", text)[0])


def trial_of(client: FlaskClient) -> str:
    [said] = re.findall(r'data-test="trial">([^<]*)<', text_of(client, "/larmvagar"))
    return str(said)


def test_a_number_is_used_once_its_code_came_back(
    carer: FlaskClient, ways: dict[str, Twin]
) -> None:
    """Written as people write it, a code goes there, and only the right one proves it."""
    assert send(carer, "ny", channel="sms", value="070-123 45 67")[0] == 200
    [way] = ids(carer)
    assert 'data-test="unproved"' in text_of(carer, "/larmvagar")
    code = code_of(ways["sms"])
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    assert send(carer, "kod", way=way, code=wrong)[0] == 422
    assert send(carer, "prova", way=way)[0] == 422, "nothing is sent to a stranger"
    assert send(carer, "kod", way=way, code=f" {code[:3]} {code[3:]} ")[0] == 200
    page = text_of(carer, "/larmvagar")
    assert 'data-test="proved"' in page
    assert "+46701234567" in page
    assert send(carer, "kod", way=way, code=code)[0] == 422, "a code is used once"


def test_a_code_is_not_guessed(carer: FlaskClient, ways: dict[str, Twin], staff: Staff) -> None:
    """After five guesses the right one is wrong too; ten codes are sent in a day, also when the
    number is taken away and added again."""
    send(carer, "ny", channel="sms", value="0701234567")
    [way] = ids(carer)
    code = code_of(ways["sms"])
    for guess in range(points.CODE_TRIES):
        send(carer, "kod", way=way, code=f"{(int(code) + 1 + guess) % 1_000_000:06}")
    assert send(carer, "kod", way=way, code=code)[0] == 422
    for _ in range(points.CODES_A_DAY):
        [way] = ids(carer)
        send(carer, "ta-bort", way=way)
        status, text = send(carer, "ny", channel="sms", value="0701234567")
    assert (status, text) == (422, "Det är många koder på ett dygn. Försök igen i morgon.")
    assert len(ways["sms"].sent().splitlines()) == 2 * points.CODES_A_DAY
    with staff.db.read() as conn:
        kept = conn.execute(select(contact_code.c.code_sha256)).scalars().all()
    assert not any(code in one for one in kept), "no code is kept as it is"


def test_a_device_is_proved_by_what_it_shows(
    carer: FlaskClient, ways: dict[str, Twin], staff: Staff
) -> None:
    """A test alarm goes to a device that is added; when it says that it showed it, the page tells
    both times and uses it."""
    value = ways["push"].address.value
    assert send(carer, "ny", channel="push", value=value, label="Jobbmobilen")[0] == 200
    page = text_of(carer, "/larmvagar")
    assert "Jobbmobilen" in page
    assert 'data-test="unproved"' in page
    assert re.fullmatch(r"Provlarm skickat \d\d:\d\d, inte framme än\.", trial_of(carer))
    told = json.loads(ways["push"].sent())[1]
    assert (told["title"][:9], told["url"]) == (
        "Provlarm ",
        "https://trygg.kommun.example/larmvagar",
    )
    body = json.dumps({"token": told["token"], "what": "shown"}).encode()
    channel = channels.open_all(staff, SecretFiles(staff.config.secrets_dir))["push"]
    [shown] = channel.incoming({}, {}, body).reports
    assert points.report(staff, "push", shown)
    assert not points.report(staff, "sms", shown), "only of its own channel"
    assert re.fullmatch(r"Provlarm skickat \d\d:\d\d, framme \d\d:\d\d\.", trial_of(carer))
    assert 'data-test="proved"' in text_of(carer, "/larmvagar")


def test_a_subscription_that_the_browser_replaced(
    carer: FlaskClient, ways: dict[str, Twin], staff: Staff, staff_app: Flask
) -> None:
    """The device's service worker says so, without a session: the way is the new one's, and used
    again once a test alarm was shown there, which goes out at once."""
    before = json.loads(ways["push"].address.value)
    send(carer, "ny", channel="push", value=json.dumps(before))
    [way] = ids(carer)
    with staff.write() as tx:
        points.vouch(tx, way, staff.clock.now())
    after = before | {"endpoint": before["endpoint"] + "-2"}
    body = {"before": before, "after": after}
    assert staff_app.test_client().post("/kanal/push-byte", json=body).status_code == 204
    assert ids(carer) == [way]
    page = text_of(carer, "/larmvagar")
    assert 'data-test="unproved"' in page
    assert "inte framme än" in trial_of(carer)
    told = json.loads(ways["push"].sent().splitlines()[-1])[1]
    channel = staff_app.extensions[channels.EXTENSION]["push"]
    said = json.dumps({"token": told["token"], "what": "shown"}).encode()
    for report in channel.incoming({}, {}, said).reports:
        points.report(staff, "push", report)
    assert 'data-test="proved"' in text_of(carer, "/larmvagar")
    with staff.db.read() as conn:
        kept = json.loads(conn.execute(select(contact_point.c.value)).scalar_one())
    assert kept["endpoint"] == after["endpoint"]
    assert staff_app.test_client().post("/kanal/push-byte", json=body).status_code == 404, "once"


def test_nobody_moves_anothers_device(
    carer: FlaskClient, ways: dict[str, Twin], staff: Staff, staff_app: Flask
) -> None:
    """Who has not the keys of the one before, or wants a place that is somebody's, is told nothing;
    nonsense likewise."""
    mine = json.loads(ways["push"].address.value)
    send(carer, "ny", channel="push", value=json.dumps(mine))
    add_user(staff_app, "p8", ["caregiver"], homes=["h1"])
    other = staff_app.test_client()
    sign_in(other, "p8")
    theirs = json.loads(twin_push.Device().subscription(mine["endpoint"] + "-8"))
    send(other, "ny", channel="push", value=json.dumps(theirs))
    new = json.loads(twin_push.Device().subscription(mine["endpoint"] + "-9"))
    guessed = json.loads(twin_push.Device().subscription(mine["endpoint"]))
    tried = [
        {"before": guessed, "after": new},
        {"before": theirs, "after": mine},
        {"before": mine, "after": {"endpoint": "http://"}},
        {"before": mine},
        [],
        "x",
    ]
    for body in tried:
        assert staff_app.test_client().post("/kanal/push-byte", json=body).status_code == 404
    with staff.db.read() as conn:
        kept = set(conn.execute(select(contact_point.c.value)).scalars())
    assert {json.loads(one)["endpoint"] for one in kept} == {mine["endpoint"], theirs["endpoint"]}


def test_a_device_that_is_gone_is_told_of(carer: FlaskClient, ways: dict[str, Twin]) -> None:
    """404 and 410 of the push service: it is not used, its owner sees it, and adding it again
    begins anew."""
    value = ways["push"].address.value
    send(carer, "ny", channel="push", value=value)
    [way] = ids(carer)
    ways["push"].behave("410")
    assert "finns inte längre" in send(carer, "prova", way=way)[1]
    assert 'data-test="gone"' in text_of(carer, "/larmvagar")
    ways["push"].behave("ok")
    assert send(carer, "ny", channel="push", value=value)[0] == 200
    assert ids(carer) == [way]
    assert 'data-test="gone"' not in text_of(carer, "/larmvagar")


def test_a_text_that_never_came(carer: FlaskClient, ways: dict[str, Twin], staff: Staff) -> None:
    """What the provider says of a test alarm by its own id stands on the page; another's does
    not."""
    send(carer, "ny", channel="sms", value="0701234567")
    [way] = ids(carer)
    send(carer, "kod", way=way, code=code_of(ways["sms"]))
    send(carer, "prova", way=way)
    ref = "s17a6dafb12d6b1cabc053d57dac2b9d8"
    assert not points.report(staff, "sms", Report(None, None, "s-other", Why.NOT_DELIVERED))
    assert not points.report(staff, "sms", Report(None))
    assert points.report(staff, "sms", Report(None, None, ref, Why.NOT_DELIVERED))
    assert "kom inte fram: det kom aldrig fram." in trial_of(carer)
    ways["sms"].behave("never")
    assert "leverantören svarar inte" in send(carer, "prova", way=way)[1]
    assert points.report(staff, "sms", Report(Proof.DELIVERED, None, ref)) is False


def test_order_and_removal(carer: FlaskClient, ways: dict[str, Twin]) -> None:
    """The topmost is tried first; nothing is there twice; ten at the most."""
    for n in range(3):
        send(carer, "ny", channel="sms", value=f"070123456{n}")
    send(carer, "ny", channel="sms", value="+46 70 123 45 60")
    first, second, third = ids(carer)
    send(carer, "upp", way=third)
    assert ids(carer) == [first, third, second]
    send(carer, "upp", way=first)
    send(carer, "ta-bort", way=first)
    assert ids(carer) == [third, second]
    for n in range(8):
        send(
            carer,
            "ny",
            channel="push",
            value=twin_push.Device().subscription(f"https://a.example/{n}"),
        )
    status, text = send(
        carer, "ny", channel="push", value=twin_push.Device().subscription("https://a.example/9")
    )
    assert (status, text) == (422, "Du har redan tio larmvägar. Ta bort en först.")


@pytest.mark.parametrize(
    ("channel", "value"),
    [
        *(("sms", "112"), ("sms", ""), ("email", "x"), ("fax", "1"), ("", ""), ("push", "{}")),
        *(("push", "x" * 5000), ("live_page", "1")),
    ],
)
def test_nonsense_is_one_sentence(
    channel: str, value: str, carer: FlaskClient, ways: dict[str, Twin]
) -> None:
    """Whatever a form is made to send."""
    status, text = send(carer, "ny", channel=channel, value=value)
    assert status == 422
    assert text
    assert ids(carer) == []


def test_another_ones_way_is_not_there(
    carer: FlaskClient, as_role: Callable[..., FlaskClient], ways: dict[str, Twin]
) -> None:
    """Nobody proves, tries, moves or removes what is another person's."""
    send(carer, "ny", channel="sms", value="0701234567")
    [way] = ids(carer)
    other = as_role("administrator", person="p9")
    assert ids(other) == []
    for what in ("kod", "ny-kod", "prova", "upp", "ta-bort"):
        assert send(other, what, way=way, code=code_of(ways["sms"]))[0] == 422
    assert ids(carer) == [way]


def test_a_shared_phone_is_whoever_added_it_last(
    carer: FlaskClient, as_role: Callable[..., FlaskClient], ways: dict[str, Twin]
) -> None:
    """A device that changes hands shows nobody else's alarms."""
    value = ways["push"].address.value
    send(carer, "ny", channel="push", value=value)
    other = as_role("caregiver", person="p9")
    send(other, "ny", channel="push", value=value)
    assert ids(carer) == []
    assert len(ids(other)) == 1


def test_who_has_no_way_is_seen_by_who_plans(
    staff_app: Flask, client: FlaskClient, ways: dict[str, Twin], staff: Staff
) -> None:
    """The coordinator sees who is reached only by an open page: not who is proved, nor another
    organisation's; a way that is gone is none."""
    for person in ("p1", "p2", "p3"):
        add_user(staff_app, person, ["caregiver"], homes=["h1"])
    add_user(staff_app, "boss", ["coordinator"])
    with staff.write() as tx:
        rows = tx.conn.execute(select(tables.user.c.person_id, tables.user.c.id)).all()
        ids_of = {row.person_id: row.id for row in rows}
        tx.conn.execute(tables.organisation.insert().values(id="org2", name="Andra"))
        for person in ("p1", "p2"):
            points.add(staff, tx, ids_of[person], "sms", f"070123456{person[1]}")
        tx.conn.execute(update(contact_point).values(proved_at=staff.clock.now()))
    add_user(staff_app, "q1", ["caregiver"], org="org2")
    with staff.write() as tx:
        c = contact_point.c
        gone = select(c.id).where(c.user_id == ids_of["p2"])
        points.gone(tx, tx.conn.execute(gone).scalar_one(), staff.clock.now())
    sign_in(client, "boss")
    page = text_of(client, "/larmvagar")
    assert re.findall(r'data-test="without-one">Prov (\w+)<', page) == ["boss", "p2", "p3"]
    names = {"boss": "Ärla", "p2": "Åsa", "p3": "eva"}
    with staff.write() as tx:
        for person, name in names.items():
            u = tables.user
            tx.conn.execute(update(u).where(u.c.person_id == person).values(name=name))
    listed = re.findall(r'data-test="without-one">(\w+)<', text_of(client, "/larmvagar"))
    assert listed == ["eva", "Åsa", "Ärla"]
    carer = staff_app.test_client()
    sign_in(carer, "p1")
    assert 'data-test="without"' not in text_of(carer, "/larmvagar")


def test_without_channels_the_page_says_so(carer: FlaskClient) -> None:
    """A server that sends nothing offers nothing, and does not fail."""
    page: Any = text_of(carer, "/larmvagar")
    assert 'data-test="none"' in page
    assert 'id="this-device"' not in page
    assert send(carer, "ny", channel="sms", value="0701234567")[0] == 422
