"""Webhooks: what another program gets can be checked, and tells ids only."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from tests.staff.channels.test_contract import MESSAGE, opened
from web.staff.channels import webhook
from web.staff.channels.contract import Proof, Why
from web.staff.core.context import Staff


def test_the_receiver_can_check_it(staff: Staff, tmp_path: Path) -> None:
    """The library of the form itself verifies it, with this receiver's secret and no other; the id
    is the message's, so that a repetition is known."""
    with opened("webhook", staff, tmp_path) as (channel, twin):
        for _ in range(2):
            assert channel.send(MESSAGE, twin.address).proof is Proof.DELIVERED
        lines = twin.sent().decode().splitlines()
    headers, body = ast.literal_eval(lines[0]), lines[1]
    secret = webhook.signing_secret(staff.keys.code_key, twin.address.id)
    told = Verifier(secret).verify(body, headers)
    assert told["type"] == "alarm.raised"
    assert told["data"] == {
        "organisation": "org1",
        "home": "hem-hemligt",
        "alarm": "home:hem-hemligt/12",
        "severity": "care",
        "raised_at": "2026-11-23T01:14:00.000Z",
        "more_homes": 0,
        "round": 1,
        "url": MESSAGE.url,
    }
    assert headers["webhook-id"] == ast.literal_eval(lines[2])["webhook-id"] == MESSAGE.id
    other = webhook.signing_secret(staff.keys.code_key, "centre3")
    with pytest.raises(WebhookVerificationError):
        Verifier(other).verify(body, headers)


def test_a_page_leads_to_no_private_network(staff: Staff, tmp_path: Path) -> None:
    """An address that a coordinator writes is no way to ask the server's neighbours."""
    with opened("webhook", staff, tmp_path) as (channel, twin):
        strict = webhook.Webhook(webhook.Config(), staff.keys.code_key)
        assert strict.send(MESSAGE, twin.address).why is Why.BAD
        assert strict.send(MESSAGE, replace(twin.address, value="file:///etc")).why is Why.BAD
        assert twin.sent() == b""
        channel.send(replace(MESSAGE, test=True), twin.address)
        assert json.loads(twin.sent().splitlines()[1])["type"] == "alarm.test"
