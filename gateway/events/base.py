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

    __slots__: ClassVar[tuple[str, ...]] = ()
    KIND: ClassVar[str] = ""
    URGENT: ClassVar[bool] = False
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    # as a frozen dataclass has them, but once for all kinds: made anew for each they were two
    # fifths of what a hundred kinds cost at the start
    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    def __hash__(self) -> int:
        return hash(tuple(getattr(self, name) for name in self.__slots__))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__qualname__}({fields})"


T = TypeVar("T", bound=Data)


KINDS: dict[str, type[Data]] = {}
"""Kind name to class, noun by noun in the order of `gateway.events`."""


@dataclass_transform(frozen_default=True, kw_only_default=True)
def kind(name: str, *, urgent: bool = False) -> Callable[[type[T]], type[T]]:
    """Make a class the frozen data of the kind `name`.  Raises `ValueError` for a name in use."""

    def register(cls: type[T]) -> type[T]:
        if name in KINDS:
            raise ValueError(f"the kind {name} is defined twice")
        made = dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False, repr=False)(
            cls
        )
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
