"""What holds for every channel.  A new one is found by itself, and must bring its other side."""

from __future__ import annotations

import importlib
import inspect
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ConfigError, SecretError
from gateway.events import Ref, Severity
from web.staff import channels
from web.staff.channels.contract import Channel, Forged, Incoming, Message, Proof, Why
from web.staff.core.context import Staff
from web.staff.core.secret_files import SecretFiles

NAMES = channels.names()
SLACK_S = 30.0
"""Seconds that a slow machine adds to a channel's own time-out."""

PATIENT_S = 10.0
"""A channel's time-out where nothing is to time out: a busy machine answers late."""

NAME = "Asta Hemlig-Person"
"""Stands wherever a message could carry a name."""

MESSAGE = Message(
    id="m1f2e3d4c5b6a7988",
    org="org1",
    home="hem-hemligt",
    alarm=Ref("home:hem-hemligt/12"),
    type="fall",
    severity=Severity.CARE,
    raised_at=datetime(2026, 11, 23, 1, 14, tzinfo=UTC),
    url="https://trygg.kommun.example/larm/a1b2c3",
    home_name=NAME,
)

each_channel = pytest.mark.parametrize("name", NAMES)


def twin_of(name: str) -> Any:
    return importlib.import_module(f"tests.staff.channels.twin_{name}")


def faults() -> list[tuple[str, str, Why | None]]:
    return [(name, *fault) for name in NAMES for fault in twin_of(name).FAULTS.items()]


def given(secrets: SecretFiles, values: dict[str, str]) -> None:
    for name, value in values.items():
        (secrets.folder / name).write_text(value)
        (secrets.folder / name).chmod(0o600)


@contextmanager
def opened(
    name: str, staff: Staff, folder: Path, *, short: bool = False
) -> Iterator[tuple[Channel, Any]]:
    """The channel with its other side; `short`: with the twin's own time-out, for what never
    answers."""
    with twin_of(name).running(folder) as twin:
        if not short and "timeout_s" in twin.settings:
            twin.settings["timeout_s"] = PATIENT_S
        secrets = SecretFiles(staff.config.secrets_dir)
        given(secrets, twin.secrets)
        update = {
            "channels": {name: twin.settings},
            "public_url": "https://trygg.kommun.example",
        }
        staff.config = staff.config.model_copy(update=update)
        twin.meet(staff)
        channel = channels.open_all(staff, secrets)[name]
        try:
            yield channel, twin
        finally:
            channel.close()
            channel.close()


@each_channel
def test_shape(name: str) -> None:
    """A docstring that says what it is not for, a frozen Config that refuses unknown keys, and one
    function that opens it."""
    module = importlib.import_module(f"web.staff.channels.{name}")
    assert "Not for:" in (module.__doc__ or "")
    assert module.Config.model_config["extra"] == "forbid"
    assert module.Config.model_config["frozen"] is True
    assert list(inspect.signature(module.open_channel).parameters) == ["config", "staff", "secrets"]


@each_channel
def test_well(name: str, staff: Staff, tmp_path: Path) -> None:
    """A message goes out with no more proof than the channel claims, and its check is good."""
    with opened(name, staff, tmp_path) as (channel, twin):
        assert channel.name == name
        outcome = channel.send(MESSAGE, twin.address)
        assert outcome.why is None, outcome
        assert outcome.proof is not None
        assert Proof.SENT <= outcome.proof <= channel.proof
        assert channel.check().ok, channel.check()


@pytest.mark.parametrize(("name", "fault", "why"), faults())
def test_fault(
    name: str,
    fault: str,
    why: Why | None,
    staff: Staff,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever the other side does, the channel answers in time, says why, and tells no secret."""
    caplog.set_level(logging.DEBUG)
    silent = Why.NOT_DELIVERED if name == "scaip" else Why.UNREACHABLE  # it tries each once more
    with opened(name, staff, tmp_path, short=why is silent) as (channel, twin):
        twin.behave(fault)
        began = time.monotonic()
        outcome = channel.send(MESSAGE, twin.address)
        health = channel.check()
        took = time.monotonic() - began
        assert outcome.why is why, outcome
        assert (outcome.proof is None) is (why is not None)
        assert took < 2 * twin.settings.get("timeout_s", 0.5) + SLACK_S
        if why in (Why.BUSY, Why.UNREACHABLE):
            assert outcome.again_s is not None and 1 <= outcome.again_s <= 60, outcome
        elif why is not None:
            assert outcome.again_s is None, outcome
        said = f"{outcome} {health} {channel!r} {caplog.text}"
        for secret in twin.secrets.values():
            assert secret not in said
        assert name == "live_page" or twin.address.value not in said
        assert (not outcome.text) is (why is None)


@each_channel
def test_nothing_personal_leaves(name: str, staff: Staff, tmp_path: Path) -> None:
    """No name, and (but for who must know) neither which home nor what happened; the link and the
    time are enough."""
    with opened(name, staff, tmp_path) as (channel, twin):
        assert channel.send(MESSAGE, twin.address).why is None
        sent = twin.sent()
        assert sent or name == "live_page"
        for part in NAME.split():
            assert part.encode() not in sent
        for field, word in (("home", b"hem-hemligt"), ("type", b"fall")):
            assert field in twin.may_say or word not in sent.lower(), field


@each_channel
def test_what_comes_in_is_judged(name: str, staff: Staff, tmp_path: Path) -> None:
    """Nonsense at the channel's door is nothing, or forged; never an error."""
    bodies = [b"", b"{", b"[]", b"null", b'{"id": {}}', b"\xff\xfe", b"id=1&" * 3000, b"[" * 20_000]
    kinds = ["application/json", "application/x-www-form-urlencoded", "text/plain", ""]
    with opened(name, staff, tmp_path) as (channel, _):
        for body in bodies:
            for kind in kinds:
                for form in ({}, {"id": "x", "status": "?"}, {"from": "nobody", "message": "OK"}):
                    try:
                        found = channel.incoming({"Content-Type": kind}, form, body)
                    except Forged:
                        continue
                    assert found == Incoming()


@each_channel
def test_settings_are_strict(name: str, staff: Staff, tmp_path: Path) -> None:
    """An unknown setting is refused by its name; a missing secret by its file."""
    secrets = SecretFiles(staff.config.secrets_dir)
    with twin_of(name).running(tmp_path) as twin:
        wrong = {name: {**twin.settings, "surprise": 1}}
        staff.config = staff.config.model_copy(update={"channels": wrong})
        with pytest.raises(ConfigError, match=rf"channels\.{name}\.surprise"):
            channels.open_all(staff, secrets)
        staff.config = staff.config.model_copy(update={"channels": {name: twin.settings}})
        for secret in twin.secrets:
            with pytest.raises(SecretError, match=secret):
                channels.open_all(staff, secrets)


def test_an_unknown_channel_is_refused(staff: Staff) -> None:
    """`[channels.smoke]` is one sentence at the start, not a channel that nobody misses."""
    staff.config = staff.config.model_copy(update={"channels": {"smoke": {}}})
    with pytest.raises(ConfigError, match="no such channel"):
        channels.open_all(staff, SecretFiles(staff.config.secrets_dir))
