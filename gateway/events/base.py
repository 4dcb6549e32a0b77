"""What every kind of event is made of: the base class, the registry, the reference.

Not for: kinds themselves (one file a noun beside this one), or JSON (`codec`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar, dataclass_transform

from pydantic import ConfigDict

Ref = str
"""Names one event: `<origin>/<seq>`, as in `home:h1/123`."""


class Data:
    """What one kind of event carries.  An `URGENT` kind also goes at once over the urgent lane, so
    that a long backlog never delays it."""

    __slots__ = ()
    KIND: ClassVar[str] = ""
    URGENT: ClassVar[bool] = False
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


T = TypeVar("T", bound=Data)


KINDS: dict[str, type[Data]] = {}
"""Kind name to class, noun by noun in the order of `gateway.events`."""


@dataclass_transform(frozen_default=True, kw_only_default=True)
def kind(name: str, *, urgent: bool = False) -> Callable[[type[T]], type[T]]:
    """Make a class the frozen data of the kind `name`.  Raises `ValueError` for a name in use."""

    def register(cls: type[T]) -> type[T]:
        if name in KINDS:
            raise ValueError(f"the kind {name} is defined twice")
        made = dataclasses.dataclass(frozen=True, kw_only=True, slots=True)(cls)
        made.KIND, made.URGENT = name, urgent
        made.__pydantic_config__ = ConfigDict(extra="forbid")
        KINDS[name] = made
        return made

    return register


@dataclasses.dataclass(frozen=True, slots=True)
class Unknown(Data):
    """The data of a kind that this version does not know (or cannot read): kept whole, never
    dropped.  `kind` is the name as written; `fields` the JSON object as it came."""

    kind: str
    fields: Mapping[str, Any]
