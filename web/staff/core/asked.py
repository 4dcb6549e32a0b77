"""What a program asked for, as the model that it is to be, or a sentence that names what is wrong.

Not for: what may be done with it, or forms of pages.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from web.staff.storage.storable import storable

Model = TypeVar("Model", bound=BaseModel)


def read(model: type[Model], parsed: Any) -> Model:
    """The model in what was read as JSON.  Raises `ValueError` with a sentence that begins with the
    field: it is missing, wrong, or holds what no text has."""
    try:
        asked = model.model_validate(parsed)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "request"
        raise ValueError(f"{where}: {first['msg'].lower()}.") from error
    for name, value in asked:
        if isinstance(value, str) and not storable(value):
            raise ValueError(f"{name}: it holds a character that no text has.")
    return asked
