"""What the scripts of a call and of a look are answered alike, in JSON.

Not for: who may, or what is sent to the home (`web.staff.talk`, `web.staff.looks`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue

from gateway.wire import CANDIDATES_MAX, IceServer
from web.staff.care.actions import Refused, Why
from web.staff.core.rights import Actor
from web.staff.pages.layout import answer_json


def relays(found: Sequence[IceServer]) -> Response:
    """What opens the relays."""
    return jsonify(ice=[one.model_dump(exclude_none=True) for one in found])


def ways() -> list[str]:
    """The ways to the page in this form, so many as one order may carry."""
    return request.form.getlist("candidate")[:CANDIDATES_MAX]


@dataclass(frozen=True, slots=True)
class Answers:
    """Of calls, or of looks: the field that names which, and a refusal in a sentence."""

    field: str
    sentence: Callable[[Actor, Refused], str]

    @property
    def named(self) -> str:
        """Which one this form is about."""
        return request.form.get(self.field, "")

    def refused(self, actor: Actor, error: Refused, status: int = 409) -> ResponseReturnValue:
        """Why not; an offer that is none is a fault of the page's."""
        found = 422 if error.why is Why.BAD_OFFER else status
        return answer_json(self.sentence(actor, error), found)

    def done(self, actor: Actor, act: Callable[[str], None]) -> ResponseReturnValue:
        """Do it, or say why not."""
        try:
            act(self.named)
        except Refused as error:
            return self.refused(actor, error)
        return answer_json("")
