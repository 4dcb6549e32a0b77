"""A form brings no more than it may, whoever sends it, and however its size is said."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.staff.parts import add_user, sign_in
from web.staff.runtime.web_security import FORM_MAX_BYTES, PROGRAMS
from web.staff.visits.plan_api import BODY_MAX_BYTES

HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'

LINES = b"a;b;c\r\n" * 9_000

BRING = ("pages.planning_change", "pages.rotas_calendar")
"""Forms that bring a file."""

READ_AHEAD = 70_000
"""Bytes that werkzeug reads at once."""


class Endless:
    """A body that never ends, and how much of it was read."""

    def __init__(self) -> None:
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        """The next of it."""
        assert size >= 0, "somebody wants all of it"
        said = ((b"" if self.taken else HEAD) + LINES)[: min(size, len(LINES))]
        self.taken += len(said)
        assert self.taken < 3 * BODY_MAX_BYTES, "it is read without end"
        return said

    readline = read


def sent(client: FlaskClient, path: str, *, said: bool) -> tuple[int, int]:
    """Post a file without end; the status, and how much was read.  `said`: its size is told."""
    body = Endless()
    asked: dict[str, Any] = {"wsgi.input": body, "wsgi.input_terminated": True}
    asked |= {"CONTENT_TYPE": "multipart/form-data; boundary=x"}
    if said:
        asked["CONTENT_LENGTH"] = str(10**12)
    return client.post(path, environ_overrides=asked).status_code, body.taken


@contextmanager
def left_open() -> Iterator[None]:
    """What a form parser had begun to keep is closed by nobody but the collector: once, for it goes
    through all that the suite has."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


@pytest.mark.parametrize("said", [True, False])
@left_open()
def test_a_stranger_brings_no_file(staff_app: Flask, client: FlaskClient, said: bool) -> None:
    """To no address of a browser: it would be written to the disk before anybody looks at it."""
    tried = 0
    for rule in staff_app.url_map.iter_rules():
        if "POST" not in (rule.methods or ()) or rule.endpoint.partition(".")[0] in PROGRAMS:
            continue
        known = dict.fromkeys(rule.arguments, "1")
        path = staff_app.url_map.bind("localhost").build(rule.endpoint, known, method="POST")
        status, taken = sent(client, path, said=said)
        is_led_out = status == 303 and rule.endpoint in BRING  # to the sign-in
        assert 400 <= status < 500 or is_led_out, rule
        assert taken <= FORM_MAX_BYTES + READ_AHEAD, rule
        tried += 1
    assert tried > 60
    assert sent(client, "/nowhere", said=said) == (404, 0)


@left_open()
def test_a_file_is_as_large_as_its_form_says(staff_app: Flask, client: FlaskClient) -> None:
    """Who is signed in brings one where a page takes one, and nowhere else."""
    add_user(staff_app, "p7", ["coordinator"])
    sign_in(client, "p7")
    status, taken = sent(client, "/larm/ta", said=False)
    assert (status, taken <= FORM_MAX_BYTES + READ_AHEAD) == (413, True)
    status, taken = sent(client, "/administration/planering", said=False)
    assert (status, taken <= BODY_MAX_BYTES + FORM_MAX_BYTES + READ_AHEAD) == (413, True)
    assert taken > BODY_MAX_BYTES
