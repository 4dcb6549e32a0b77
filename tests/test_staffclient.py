"""The demo's and the tests' client of the pages: what is no answer to a form is one sentence."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from gateway.demo.staffclient import StaffClient, StaffError


@dataclass
class Answer:
    """Of a server."""

    status: int
    data: bytes


@pytest.mark.parametrize("status", [200, 303])
def test_a_page_instead_of_an_answer_is_told(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was signed in for long is asked again who they are, by a page: it is no reply to read."""
    client = StaffClient.__new__(StaffClient)
    client._token = "x"
    answer = Answer(status, b"<!doctype html><title>Redirecting</title>")
    monkeypatch.setattr(client, "_send", lambda *_, **__: answer)
    with pytest.raises(StaffError, match=rf"/a was answered with a page \(HTTP {status}\)"):
        client.post("/a", do="b")
    answer.data = b""
    assert client.post("/a", do="b") == {}
