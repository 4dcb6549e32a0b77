"""Text messages: the form of 46elks, another provider by a template, reports, answers, numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from pydantic import ValidationError

from tests.staff.channels import receiver
from tests.staff.channels.test_contract import MESSAGE, opened
from web.staff.channels import door, sms
from web.staff.channels.contract import Address, Incoming, Outcome, Proof, Reply, Report, Why
from web.staff.core.context import Staff

GSM_7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""GSM 03.38's basic alphabet: with any other letter a message has 70 characters instead of 160."""

TO = Address("c1", "+46701234567")


@contextmanager
def templated(good: bytes = b"{}", **template: Any) -> Iterator[tuple[sms.Sms, receiver.Receiver]]:
    """A channel to another provider."""
    with receiver.running(good) as provider:
        filled = {"url": f"{provider.url}/send", "json": {"to": "{to}", "text": "{text}"}}
        config = sms.Config.model_validate(
            {"from": "+46766861234", "template": {**filled, **template}}
        )
        yield sms.Sms(config, "key", "https://us.example/kanal/sms/x"), provider


def test_what_46elks_gets(staff: Staff, tmp_path: Path) -> None:
    """Its form, with HTTP basic, and where it is to report."""
    with opened("sms", staff, tmp_path) as (channel, twin):
        outcome = channel.send(MESSAGE, twin.address)
        path, body = twin.sent().decode().split("\n")
        url = f"https://trygg.kommun.example/kanal/sms/{door(staff, 'sms')}"
    assert outcome == Outcome(Proof.SENT, provider_ref="s17a6dafb12d6b1cabc053d57dac2b9d8")
    assert path == "/a1/sms"
    assert parse_qs(body) == {
        "from": ["+46766861234"],
        "to": ["+46701234567"],
        "message": [f"Larm 02:14. Svara OK för att ta larmet. {MESSAGE.url}"],
        "whendelivered": [url],
    }


@pytest.mark.parametrize("locale", ["sv", "en"])
@pytest.mark.parametrize(
    "changed", [{}, {"others": 36}, {"repeat": 12}, {"trial": True}, {"others": 499, "repeat": 3}]
)
def test_a_text_is_one_message(locale: str, changed: dict[str, Any]) -> None:
    """At most 160 letters of the alphabet that phones send seven bits for."""
    from web.staff.channels import _words

    said = _words.text(replace(MESSAGE, **changed), locale, reply=True)
    assert len(said) <= 160
    assert set(said) <= GSM_7


def test_a_sender_that_takes_no_answer_asks_for_none() -> None:
    """A name as sender cannot be answered."""
    with receiver.running(b'{"id": "1"}') as provider:
        config = sms.Config.model_validate(
            {"from": "Tryggve", "user": "u", "url": provider.url + "/a1"}
        )
        sms.Sms(config, "s", None).send(MESSAGE, TO)
        assert b"Svara" not in provider.asked[0].body


def test_a_probe_sends_no_text(staff: Staff, tmp_path: Path) -> None:
    """The daily probe is silent: the provider is asked for our account, and nobody is woken."""
    with opened("sms", staff, tmp_path) as (channel, twin):
        assert channel.send(replace(MESSAGE, test=True), twin.address).proof is Proof.SENT
        assert twin.sent() == b"/a1/me\n"
        twin.behave("401")
        assert channel.send(replace(MESSAGE, test=True), twin.address).why is Why.REFUSED


def test_a_code_goes_to_the_number(staff: Staff, tmp_path: Path) -> None:
    """What proves that a number is its owner's."""
    with opened("sms", staff, tmp_path) as (channel, twin):
        assert isinstance(channel, sms.Sms)
        assert channel.send_code("123456", twin.address).proof is Proof.SENT
        assert b"123456" in twin.sent()


@pytest.mark.parametrize(
    ("form", "report"),
    [
        ({"id": "s1", "status": "delivered"}, Report(Proof.DELIVERED, None, "s1")),
        ({"id": "s1", "status": "failed"}, Report(None, None, "s1", Why.NOT_DELIVERED)),
        ({"id": "s1", "status": "created"}, None),
        ({"id": "s1", "status": "read"}, None),
        ({"id": "s1"}, None),
        ({"status": "delivered"}, None),
        ({"id": "x" * 501, "status": "delivered"}, None),
    ],
)
def test_delivery_reports(
    form: dict[str, str], report: Report | None, staff: Staff, tmp_path: Path
) -> None:
    """Delivered and failed count; every other word says nothing."""
    with opened("sms", staff, tmp_path) as (channel, _):
        found = channel.incoming({}, form, b"")
        assert found == Incoming(reports=(report,) if report else ())


def test_delivered_is_never_seen(staff: Staff, tmp_path: Path) -> None:
    """Operators report messages for phones that are off as delivered: it proves no more than that,
    and a later "failed" of the same message counts."""
    with opened("sms", staff, tmp_path) as (channel, _):
        said = [
            report
            for status in ("delivered", "failed")
            for report in channel.incoming({}, {"id": "s1", "status": status}, b"").reports
        ]
        assert channel.proof is Proof.DELIVERED
        assert [(one.proof, one.why) for one in said] == [
            (Proof.DELIVERED, None),
            (None, Why.NOT_DELIVERED),
        ]


def test_an_answer_comes_with_its_number(staff: Staff, tmp_path: Path) -> None:
    """46elks's form of a text to our number; the sender is in E.164 form, or there is no answer."""
    form = {
        "direction": "incoming",
        "id": "s2",
        "from": "+46701234567",
        "to": "+4676",
        "message": " ok ",
    }
    with opened("sms", staff, tmp_path) as (channel, _):
        assert channel.incoming({}, form, b"") == Incoming(replies=(Reply("+46701234567", "ok"),))
        assert channel.incoming({}, {**form, "from": "Banken"}, b"") == Incoming()
        long = channel.incoming({}, {**form, "message": "x" * 9000}, b"").replies[0]
        assert len(long.text) == 500


@pytest.mark.parametrize(
    ("written", "is_"),
    [
        ("070-123 45 67", "+46701234567"),
        ("0046 70 123 45 67", "+46701234567"),
        ("+46 (70) 123.45.67", "+46701234567"),
        ("+4670", None),
        ("", None),
        ("112", None),
        ("+0701234567", None),
        ("0701234567; drop", None),
        ("+467012345678901234", None),
        ("+46٧01234567", None),
    ],
)
def test_numbers(written: str, is_: str | None) -> None:
    """As people write them, in one form; what is none is none."""
    assert sms.number(written) == is_


def test_another_provider_by_a_template() -> None:
    """JSON, a key in a header, an id deep in the answer; a placeholder never becomes structure."""
    body = {"messages": [{"to": "{to}", "body": "{text}", "ref": "{id}", "cb": "{report_url}"}]}
    with templated(
        b'{"messages": [{"id": 77}]}',
        headers={"Authorization": "Bearer {secret}"},
        json=body,
        id_at="messages.0.id",
    ) as (channel, provider):
        said = replace(MESSAGE, url='https://a.example/"},{"to":"+1')
        assert channel.send(said, TO) == Outcome(Proof.SENT, provider_ref="77")
        [asked] = provider.asked
    assert asked.headers["authorization"] == "Bearer key"
    [sent] = json.loads(asked.body)["messages"]
    assert sent["to"] == TO.value
    assert sent["ref"] == MESSAGE.id
    assert sent["body"].endswith('"},{"to":"+1')
    assert sent["cb"].startswith("https://us.example/")


def test_a_template_in_the_address() -> None:
    """GET with everything in the query: what is filled in is quoted."""
    with receiver.running() as provider:
        url = f"{provider.url}/s?to={{to}}&t={{text}}"
        config = sms.Config.model_validate(
            {"from": "A", "template": {"url": url, "method": "GET", "id_at": ""}}
        )
        assert sms.Sms(config, "key", None).send(MESSAGE, TO).proof is Proof.SENT
        assert provider.asked[0].path.startswith("/s?to=%2B46701234567&t=Larm%2002%3A14.")


def test_a_templates_reports() -> None:
    """The field names and words of that provider, as JSON; by our own id where it says so."""
    report = {"id": "ref", "ours": True, "status": "state", "delivered": ["DELIVRD"]}
    reply = {"sender": "msisdn", "text": "body"}
    with templated(report=report, reply=reply) as (channel, _):
        kind = {"content-type": "application/json"}
        body = json.dumps({"ref": "m1", "state": "DELIVRD"}).encode()
        assert channel.incoming(kind, {}, body).reports == (Report(Proof.DELIVERED, "m1"),)
        body = json.dumps({"msisdn": "0701234567", "body": "OK"}).encode()
        assert channel.incoming(kind, {}, body).replies == (Reply("+46701234567", "OK"),)
        assert channel.delivered_within_s == sms.DELIVERED_WITHIN_S
    with templated(report=None) as (channel, _):
        assert channel.delivered_within_s is None
        assert channel.incoming({}, {"id": "1", "status": "delivered"}, b"") == Incoming()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"user": ""}, "account's name"),
        ({"from": "Hemtjänsten"}, "from"),
        ({"from": "070123"}, "from"),
        ({"template": {"url": "https://a.example", "form": {"a": "{what}"}}}, "{?what"),
        ({"template": {"url": "https://a.example", "form": {"a": "{to}"}}}, "text"),
        ({"template": {"url": "https://a.example", "form": {}, "json": {}}}, "not both"),
    ],
)
def test_wrong_settings_are_one_sentence(changed: dict[str, Any], said: str) -> None:
    """A sender that no operator takes, a placeholder that is none, a text that is not sent."""
    with pytest.raises(ValidationError, match=said):
        sms.Config.model_validate({"from": "+46766861234", "user": "u1", **changed})
