"""What the page tests share: signed-in clients, and reading rendered pages.

Pages run on SQLite here; one test file runs their queries on PostgreSQL too (`test_queries`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.staff.parts import sign_in


@pytest.fixture
def as_role(staff_app: Flask, make_user: Callable[..., object]) -> Callable[..., FlaskClient]:
    """`as_role("caregiver")`: a client signed in as a new person with these roles, assigned to
    `h1` (or to `homes`)."""

    def make(*roles: str, person: str = "p7", homes: tuple[str, ...] = ("h1",)) -> FlaskClient:
        make_user(person, list(roles), homes=list(homes))
        client = staff_app.test_client()
        assert sign_in(client, person).status_code == 302
        return client

    return make


@pytest.fixture
def carer(as_role: Callable[..., FlaskClient]) -> FlaskClient:
    """A caregiver who also watches at night, assigned to `h1`."""
    return as_role("caregiver", "night_watcher")


def text_of(client: FlaskClient, path: str, status: int = 200) -> str:
    """The page's HTML; fails on another status."""
    answer = client.get(path)
    assert answer.status_code == status, f"{path}: {answer.status_code}"
    return answer.get_data(as_text=True)


def post(client: FlaskClient, path: str, **fields: str) -> Any:
    """Send a form as our script does, with the page's token; returns the answer."""
    page = text_of(client, "/nu")
    token = page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    return client.post(
        path, data=fields | {"csrf_token": token}, headers={"Accept": "application/json"}
    )
