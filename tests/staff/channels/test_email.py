"""E-mail: only over TLS, to the server whose certificate it is, and never more than a title."""

from __future__ import annotations

import email
import email.policy
import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.staff.channels.test_contract import MESSAGE, opened
from web.staff.channels import email as channel_email
from web.staff.channels.contract import Address, Outcome, Proof, Why
from web.staff.core.context import Staff


def test_what_a_mail_says(staff: Staff, tmp_path: Path) -> None:
    """Title, time and link; the same id when it is sent again; no answer is asked for."""
    with opened("email", staff, tmp_path) as (channel, twin):
        channel.send(MESSAGE, twin.address)
        mail: Any = email.message_from_bytes(twin.sent(), policy=email.policy.default)
    assert mail["Subject"] == "Larm 02:14"
    assert mail["To"] == "nora@kommun.example"
    assert mail["Message-ID"] == f"<{MESSAGE.id}@kommun.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content().strip() == f"Larm 02:14. {MESSAGE.url}"


def test_a_probe_sends_no_mail(staff: Staff, tmp_path: Path) -> None:
    """The daily probe signs in and sends nothing; a code goes to the address."""
    with opened("email", staff, tmp_path) as (channel, twin):
        assert channel.send(replace(MESSAGE, test=True), twin.address).proof is Proof.SENT
        assert twin.sent() == b""
        assert isinstance(channel, channel_email.Email)
        assert channel.send_code("123456", twin.address).proof is Proof.SENT
        assert b"123456" in twin.sent()
        line = replace(twin.address, value="a@b.example\nBcc: x@y.example")
        assert channel.send(MESSAGE, line).why is Why.GONE


def test_a_name_that_is_not_looked_up_holds_up_no_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's look-up hangs: the mail is given up in its time, and another way is tried."""
    hangs = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        hangs.wait(120)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    config = channel_email.Config.model_validate(
        {"host": "mail.example", "from": "larm@kommun.example", "timeout_s": 0.2}
    )
    became: list[Outcome] = []
    to = Address("a", "p1@kommun.example")
    channel = channel_email.Email(config, "")
    sender = threading.Thread(target=lambda: became.append(channel.send(MESSAGE, to)), daemon=True)
    sender.start()
    sender.join(60)
    hung = not became
    hangs.set()
    sender.join(60)
    assert not hung
    assert (became[0].proof, became[0].why) == (None, Why.UNREACHABLE)


def test_another_certificate_is_refused(staff: Staff, tmp_path: Path) -> None:
    """A server that shows a certificate that nobody trusted signed gets no password and no mail."""
    with opened("email", staff, tmp_path) as (_, twin):
        settings = {name: value for name, value in twin.settings.items() if name != "ca_file"}
        strict = channel_email.Email(channel_email.Config(**settings), "password")
        refused = strict.send(MESSAGE, twin.address)
        assert refused.why is strict.check().why is Why.REFUSED
        assert "certificate" in refused.text, "before any password"
        assert twin.sent() == b""


@pytest.mark.parametrize(
    "changed",
    [{"security": "none"}, {"security": "none", "host": "localhost"}, {"from": "Tryggve"}],
)
def test_nothing_goes_in_the_clear(changed: dict[str, str]) -> None:
    """Without TLS only to this machine, and without a password."""
    good = {"host": "mail.example", "from": "a@b.example", "user": "u"}
    with pytest.raises(ValidationError):
        channel_email.Config.model_validate(good | changed)
