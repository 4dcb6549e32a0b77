"""Web Push: what a device gets, what it answers, and who is asked."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.errors import ConfigError, SecretError
from tests.staff.channels.test_contract import MESSAGE, given, opened
from tests.staff.channels.twin_push import Device
from web.staff import channels
from web.staff.channels import push
from web.staff.channels.contract import Address, Forged, Incoming, Proof, Reply, Report, Why
from web.staff.core.context import Staff
from web.staff.core.secret_files import SecretFiles


def answered(channel: Any, token: object, what: str) -> Incoming:
    body = json.dumps({"token": token, "what": what}).encode()
    found: Incoming = channel.incoming({"Content-Type": "application/json"}, {}, body)
    return found


def test_what_a_device_gets(staff: Staff, tmp_path: Path) -> None:
    """Encrypted for it, urgent, kept a while, one for each alarm, signed by us for its service."""
    with opened("push", staff, tmp_path) as (channel, twin):
        assert isinstance(channel, push.Push)
        for _ in range(2):
            assert channel.send(MESSAGE, twin.address).proof is Proof.SENT
        [headers, told], [second, _] = (json.loads(line) for line in twin.sent().splitlines())
        point = push._unpacked(channel.application_key)
    assert told.pop("token")
    assert told == {
        "title": "Larm 02:14",
        "body": "Öppna för att se var det är.",
        "url": MESSAGE.url,
        "tag": told["tag"],
        "lang": "sv",
        "test": False,
        "quiet": False,
        "report": f"/kanal/push/{channels.door(staff, 'push')}",
        "actions": [
            {"action": "take", "title": "Ta larmet"},
            {"action": "open", "title": "Öppna"},
        ],
        "failed": "Larmet kunde inte tas härifrån. Öppna det.",
    }
    assert (headers["urgency"], headers["ttl"]) == ("high", "900")
    assert headers["content-encoding"] == "aes128gcm"
    assert len(headers["topic"]) == 32
    assert headers["topic"] == second["topic"]
    scheme, _, pair = headers["authorization"].partition(" ")
    said = dict(part.split("=", 1) for part in pair.split(","))
    assert scheme == "vapid"
    assert said["k"] == channel.application_key
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    origin = json.loads(twin.address.value)["endpoint"].removesuffix("/p/abc")
    claims = jwt.decode(said["t"], key, algorithms=["ES256"], audience=origin)
    assert claims["sub"] == "mailto:drift@kommun.example"
    assert claims["exp"] - time.time() < 24 * 3600
    assert second["authorization"] == headers["authorization"], "signed once for both"


def test_a_signature_of_a_clock_that_was_ahead_is_made_anew(
    staff: Staff, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Services refuse one that holds for longer than a day from now: a server whose clock is set
    right goes on being heard."""
    with opened("push", staff, tmp_path) as (channel, twin):
        with monkeypatch.context() as ahead:
            ahead.setattr(time, "time", lambda now=time.time: now() + 20 * 3600)
            channel.send(MESSAGE, twin.address)
        channel.send(MESSAGE, twin.address)
        pairs = [json.loads(line)[0]["authorization"] for line in twin.sent().splitlines()]
    until = []
    for pair in pairs:
        said = dict(part.split("=", 1) for part in pair.partition(" ")[2].split(","))
        until.append(jwt.decode(said["t"], options={"verify_signature": False})["exp"])
    assert until[0] - time.time() > 24 * 3600
    assert until[1] - time.time() < 24 * 3600


def test_a_device_answers_for_its_own_message(staff: Staff, tmp_path: Path) -> None:
    """Shown, come, taken: with the token that came with the message; `taken` names message and
    address, so that it can count once, and for that person."""
    with opened("push", staff, tmp_path) as (channel, twin):
        channel.send(MESSAGE, twin.address)
        token = json.loads(twin.sent())[1]["token"]
        shown = Report(Proof.SHOWN, MESSAGE.id)
        assert answered(channel, token, "shown") == Incoming((shown,))
        assert answered(channel, token, "delivered").reports[0].proof is Proof.DELIVERED
        taken = Incoming((shown,), (Reply(twin.address.id, "OK", MESSAGE.id),))
        assert answered(channel, token, "taken") == taken
        assert answered(channel, token, "danced") == Incoming()


def test_nobody_answers_for_another(
    staff: Staff, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that was changed, made up, of another server, or from last night, is forged."""
    with opened("push", staff, tmp_path) as (channel, twin):
        channel.send(MESSAGE, twin.address)
        token = json.loads(twin.sent())[1]["token"]
        said, _, mac = token.partition(".")
        other = push._packed(json.dumps(["m2", "c9", int(time.time()) + 999]).encode())
        flipped = mac[:5] + ("A" if mac[5] != "A" else "B") + mac[6:]
        made_up: list[object] = [f"{other}.{mac}", f"{said}.{flipped}", f"{said}.", said, "", "."]
        made_up += [None, 7, {}, "å.å", "x" * 700, f"{said}.{mac}.{mac}"]
        for wrong in made_up:
            with pytest.raises(Forged):
                answered(channel, wrong, "taken")
        later = time.time() + push.TOKEN_H * 3600 + 1
        monkeypatch.setattr(time, "time", lambda: later)
        with pytest.raises(Forged):
            answered(channel, token, "taken")


@pytest.mark.parametrize(
    "value",
    [
        *("", "{", "[]", '{"endpoint": "https://a.example/x"}'),
        json.dumps({"endpoint": "https://a.example/x", "keys": {"p256dh": "AAAA", "auth": "AAAA"}}),
        Device().subscription("javascript:alert(1)//"),
        Device().subscription("https://user:pass@a.example/x"),
        Device().subscription("https://a.example/" + "x" * 1000),
    ],
)
def test_what_is_no_subscription_is_gone(value: str, staff: Staff, tmp_path: Path) -> None:
    """Nonsense from a browser is refused when it comes, and asked nowhere."""
    with opened("push", staff, tmp_path) as (channel, _):
        assert push.read_subscription(value) is None
        assert channel.send(MESSAGE, Address("c", value)).why is Why.GONE


def test_a_subscription_leads_to_no_private_network(staff: Staff, tmp_path: Path) -> None:
    """A browser says where its push service is: never inside."""
    with opened("push", staff, tmp_path) as (channel, twin):
        config = push.Config(contact="mailto:a@b.example")
        seal, key = b"s", ec.generate_private_key(ec.SECP256R1())
        strict = push.Push(config, key, "mailto:a@b.example", seal, "/x")
        assert channel.send(MESSAGE, twin.address).why is None
        assert strict.send(MESSAGE, twin.address).why is Why.BAD
        assert len(twin.sent().splitlines()) == 1


def test_a_trial_has_no_button_to_take_it(staff: Staff, tmp_path: Path) -> None:
    """Nobody takes a test alarm; the daily probe says that it is one, and is closed again."""
    with opened("push", staff, tmp_path) as (channel, twin):
        channel.send(replace(MESSAGE, trial=True), twin.address)
        channel.send(replace(MESSAGE, test=True), twin.address)
        [_, trial], [_, probe] = (json.loads(line) for line in twin.sent().splitlines())
    assert (trial["title"], trial["actions"], trial["test"]) == ("Provlarm 02:14", [], False)
    assert probe["test"] is True
    assert trial["tag"] == push._tag(replace(MESSAGE, trial=True)) != push._tag(MESSAGE)


def test_a_check_asks_the_services_that_were_used(staff: Staff, tmp_path: Path) -> None:
    """Before anything was sent nothing is known to be wrong; a service that is down then is."""
    with opened("push", staff, tmp_path) as (channel, twin):
        twin.behave("503")
        assert channel.check().ok
        twin.behave("ok")
        channel.send(MESSAGE, twin.address)
        twin.behave("404")
        assert channel.check().ok, "it answers, and has no page there"
        twin.behave("503")
        assert channel.check().why is Why.BUSY


def test_its_key_must_be_one(staff: Staff) -> None:
    """Another kind of key is one sentence at the start; so is nobody to write to."""
    secrets = SecretFiles(staff.config.secrets_dir)
    update: dict[str, Any] = {"channels": {"push": {"contact": "mailto:a@b.example"}}}
    staff.config = staff.config.model_copy(update=update)
    for wrong in ("x" * 60, secrets.read("signing_key")):
        given(secrets, {"push_key": wrong})
        with pytest.raises(SecretError, match="no P-256 key"):
            channels.open_all(staff, secrets)
    staff.config = staff.config.model_copy(update={"channels": {"push": {}}})
    with pytest.raises(ConfigError, match="whom to write to"):
        channels.open_all(staff, secrets)


def test_init_makes_the_key(tmp_path: Path) -> None:
    """`tryggve staff init` makes it, also where the other secrets are there already."""
    secrets = SecretFiles(tmp_path / "secrets")
    assert "push_key" in secrets.make_missing()
    (tmp_path / "secrets" / "push_key").unlink()
    assert secrets.make_missing() == ["push_key"]
    assert isinstance(push._key(secrets), ec.EllipticCurvePrivateKey)
