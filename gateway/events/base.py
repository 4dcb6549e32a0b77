"""What every kind of event is made of: the base class, the registry, the reference.

Not for: kinds themselves (one file a noun beside this one), or JSON (`codec`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Annotated, Any, ClassVar, TypeVar, dataclass_transform

from pydantic import ConfigDict


class By(Enum):
    """Who may write a kind.  The staff server holds a home to it
    (`web.staff.events.judgement`)."""

    HOME = "home"
    SERVER = "server"
    EITHER = "either"


class Holds(Enum):
    """What a text of an event's data is, where that is not seen from its being a text."""

    EVENT = "event"
    """Names an event: it must be one of the writing home's."""
    PROSE = "prose"
    """Words of a program for a technician, of any length."""
    RESIDENT = "resident"
    """Names who lives in the writing home."""


Ref = Annotated[str, Holds.EVENT]
"""Names one event: `<origin>/<seq>`, as in `home:h1/123`.  Each field that names one has this
type: by it the staff server finds what a home may not name."""

Prose = Annotated[str, Holds.PROSE]

Resident = Annotated[str, Holds.RESIDENT]


class Data:
    """What one kind of event carries.  An `URGENT` kind also goes at once over the urgent lane, so
    that a long backlog never delays it."""

    __slots__: ClassVar[tuple[str, ...]] = ()
    KIND: ClassVar[str] = ""
    URGENT: ClassVar[bool] = False
    BY: ClassVar[By] = By.HOME
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
def kind(name: str, *, by: By, urgent: bool = False) -> Callable[[type[T]], type[T]]:
    """Make a class the frozen data of the kind `name`, which `by` may write.  Raises `ValueError`
    for a name in use."""

    def register(cls: type[T]) -> type[T]:
        if name in KINDS:
            raise ValueError(f"the kind {name} is defined twice")
        made = dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False, repr=False)(
            cls
        )
        made.KIND, made.BY, made.URGENT = name, by, urgent
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
