"""What every kind of event is made of: the base class, the registry, the reference.

Not for: kinds themselves (one file a noun beside this one), or JSON (`codec`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from enum import Enum, StrEnum
from typing import Annotated, Any, ClassVar, Self, TypeVar, dataclass_transform

from pydantic import AwareDatetime, ConfigDict


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


# --- what another version wrote -------------------------------------------------------------------


class Coded(StrEnum):
    """One of a few words, of which another version may have more.  A word that this version does
    not know is read as `unread()`; a member `UNKNOWN` is there for that and is chosen by nobody."""

    @classmethod
    def unread(cls) -> Self:
        """What an unknown word means: the member `UNKNOWN`, unless the class says otherwise."""
        return cls("unknown")

    @classmethod
    def read(cls, word: str | None) -> Self:
        """The member of a word that a program of any version kept."""
        return cls(word) if word in set(cls) else cls.unread()

    @classmethod
    def offered(cls) -> tuple[Self, ...]:
        """The members that somebody may choose: all but `UNKNOWN`."""
        return tuple(member for member in cls if member.name != "UNKNOWN")

    @classmethod
    def chosen(cls, word: str) -> Self:
        """The member that somebody chose.  Raises `ValueError` for a word that nobody may."""
        member = cls(word)
        if member not in cls.offered():
            raise ValueError(f"{word!r} is nothing to choose")
        return member


@dataclasses.dataclass(frozen=True, slots=True)
class Else:
    """Of a field: what it is read as where what stands there cannot be read, or nothing does that
    should.  Without it that is, in this order: the word of `Coded.unread`, the field's default,
    None where it may be None, no words for `Prose`; and where none of these is, the event as a
    whole cannot be read (`Unknown`)."""

    value: Any


class Unread(Enum):
    """Of a field whose value has no meaning of its own when it cannot be read."""

    OWN_TIME = "own_time"
    """The time of the event."""
    WHOLE = "whole"
    """The event cannot be read, for a guess could do harm."""


Since = Annotated[AwareDatetime, Else(Unread.OWN_TIME)]
"""A time that is nearly the event's own: read as that where it cannot be read."""

Why = Annotated[str, Else("")]
"""A reason in one word.  What the event says holds without it."""


class Data:
    """What one kind of event carries.  An `URGENT` kind also goes at once over the urgent lane, so
    that a long backlog never delays it."""

    __slots__: ClassVar[tuple[str, ...]] = ()
    KIND: ClassVar[str] = ""
    URGENT: ClassVar[bool] = False
    BY: ClassVar[By] = By.HOME
    STRICT: ClassVar[bool] = False
    """Gives somebody a right, so that a part which is not understood may be a restriction: it is
    read whole or not at all."""
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
def kind(
    name: str, *, by: By, urgent: bool = False, strict: bool = False
) -> Callable[[type[T]], type[T]]:
    """Make a class the frozen data of the kind `name`, which `by` may write.  Raises `ValueError`
    for a name in use."""

    def register(cls: type[T]) -> type[T]:
        if name in KINDS:
            raise ValueError(f"the kind {name} is defined twice")
        made = dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False, repr=False)(
            cls
        )
        made.KIND, made.BY, made.URGENT, made.STRICT = name, by, urgent, strict
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
