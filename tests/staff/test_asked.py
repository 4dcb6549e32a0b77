"""What a program asked for: the model that it is to be, or a sentence that begins with the field.

Not for: what each route may be asked (`tests/staff/test_odd_input.py`).
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from web.staff.core import asked


class Thing(BaseModel):
    """Something with a place."""

    rssi: int = Field(ge=-127, le=20)


class Request(BaseModel):
    """A request of a program."""

    model_config = ConfigDict(extra="forbid")

    name: str
    why: str | None = None
    things: list[Thing] = []


def test_what_fits_is_the_model() -> None:
    """With texts of any language, and none."""
    said = {"name": "Åsa 😀", "things": [{"rssi": -60}]}
    assert asked.read(Request, said) == Request(name="Åsa 😀", things=[Thing(rssi=-60)])


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({}, "name: field required."),
        ({"name": 7}, "name: input should be a valid string."),
        ({"name": "x", "more": 1}, "more: extra inputs are not permitted."),
        (
            {"name": "x", "things": [{"rssi": 0}, {"rssi": 99}]},
            "things.1.rssi: input should be less than or equal to 20.",
        ),
        ([], "request: input should be a valid dictionary or instance of request."),
        (None, "request: input should be a valid dictionary or instance of request."),
        ({"name": "a\x00b"}, "name: it holds a character that no text has."),
        ({"name": "x", "why": "a\x00b"}, "why: it holds a character that no text has."),
        ({"name": [], "why": 1}, "name: input should be a valid string."),
    ],
    ids=ascii,
)
def test_what_does_not_is_a_sentence_that_names_the_field(said: Any, sentence: str) -> None:
    """The first that is wrong, and no more of what was sent than that."""
    with pytest.raises(ValueError, match=rf"^{re.escape(sentence)}$"):
        asked.read(Request, said)
