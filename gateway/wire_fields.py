"""Fields of the link's messages of which another version may say more than this one knows.

Not for: the messages (`wire`), or events (`gateway.events.tolerance`).
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

WORD_MAX = 40
"""Characters of a word that this version may not know."""


def known(meant: str = "unknown") -> WrapValidator:
    """A word that only a newer version says is read as `meant`, and the rest of what it says
    counts."""

    def read(told: Any, inner: ValidatorFunctionWrapHandler) -> Any:
        try:
            return inner(told)
        except ValidationError:
            if isinstance(told, str) and 0 < len(told) <= WORD_MAX:
                return meant
            raise

    return WrapValidator(read)


def readable(part: type[BaseModel], most: int = 1) -> BeforeValidator:
    """What of a newer home's word this version can read: of a list each that it can."""

    def read(told: Any) -> Any:
        many, found = isinstance(told, list | tuple), []
        for one in told[: 4 * most] if many else (told,):
            with suppress(ValidationError):
                found.append(part.model_validate(one))
        return found[:most] if many else next(iter(found), None)

    return BeforeValidator(read)
