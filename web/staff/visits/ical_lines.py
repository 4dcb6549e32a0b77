"""The lines of an iCalendar file (RFC 5545, 3.1): unfolded, split, nested, each with its number.

Lines are unfolded as bytes, for a fold may stand inside a letter; text is NFC from here on, for
some systems write `ö` as `o` and a mark.  Only what is read later is taken apart (`READ`): what
other programs put beside it may be as odd as they like.

A parser of our own since the libraries drop what they cannot read, and tell no line: a rule that
went missing would be a visit that nobody makes.  Not for: what the values mean (`ical_values`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.errors import UserError
from web.staff.visits.plan_import import Flaw

READ = frozenset(
    {
        *("VERSION", "METHOD", "CALSCALE", "TZID", "TZOFFSETFROM", "TZOFFSETTO"),
        *("UID", "STATUS", "SUMMARY", "LOCATION", "ATTENDEE"),
        *("DTSTART", "DTEND", "DURATION", "RECURRENCE-ID", "RRULE", "EXRULE", "RDATE", "EXDATE"),
        *("X-TRYGGVE-HOME", "X-TRYGGVE-STAFF", "X-TRYGGVE-TEAM"),
    }
)
"""The properties that a plan is made of."""

OURS = "X-TRYGGVE-"
"""What begins like this is meant for us: one that is not known is a slip of the pen."""

PLAIN = {"ENCODING": ("8BIT", "7BIT"), "CHARSET": ("UTF-8", "UTF8", "US-ASCII", "ASCII")}
"""Parameters by which letters are written in another way, and what is none."""

BOM = b"\xef\xbb\xbf"

_VALUE = r'(?:"[^"]*"|[^";:,]*)'
_PARAM = rf";([A-Za-z0-9-]+)=({_VALUE}(?:,{_VALUE})*)"
_LINE = re.compile(rf"([A-Za-z0-9-]+)((?:{_PARAM})*):(.*)", re.DOTALL)


class Wrong(Exception):
    """A line cannot be read, or not be honoured; its text is the sentence, made of `template`."""

    def __init__(self, line: int, template: str, /, **values: object) -> None:
        self.line, self.text = line, Flaw.of(template, **values)
        super().__init__(self.text)


@dataclass(frozen=True, slots=True)
class Property:
    """One line: `params` by their names in capitals, the first value of each, without quotes."""

    name: str
    params: dict[str, str]
    value: str
    line: int

    def text(self) -> str:
        """The value as TEXT (RFC 5545, 3.3.11), without blanks around it."""
        plain = re.sub(r"\\([\\;,nN])", lambda m: "\n" if m[1] in "nN" else m[1], self.value)
        return plain.strip()


@dataclass(slots=True)
class Component:
    """What stands between BEGIN and END; `line` is that of BEGIN."""

    name: str
    line: int
    properties: list[Property] = field(default_factory=list)
    parts: list[Component] = field(default_factory=list)

    def all(self, name: str) -> list[Property]:
        """Every property of this name, in order."""
        return [one for one in self.properties if one.name == name]

    def one(self, name: str) -> Property | None:
        """The property of this name; None: none.  Raises `Wrong` when there are more."""
        found = self.all(name)
        if len(found) > 1:
            raise Wrong(found[1].line, "{name} is there twice.", name=name)
        return found[0] if found else None

    def text(self, name: str) -> str:
        """The property's text; empty when it is not there."""
        found = self.one(name)
        return "" if found is None else found.text()


def read(data: bytes) -> list[Component]:
    """The calendars of a file.  Raises `UserError` when it is none, `Wrong` for a bad line."""
    calendars: list[Component] = []
    open_: list[Component] = []
    number = 0
    for number, raw in unfolded(data.removeprefix(BOM)):
        text = _decoded(raw, number)
        name, _, rest = text.partition(":")
        word, rest = name.strip().upper(), rest.strip().upper()
        if not open_ and (word, rest) != ("BEGIN", "VCALENDAR"):
            raise UserError(
                Flaw.of(
                    "The file is no iCalendar file: line {number} is outside BEGIN:VCALENDAR.",
                    number=number,
                )
            )
        if word == "BEGIN":
            made = Component(rest, number)
            (open_[-1].parts if open_ else calendars).append(made)
            open_.append(made)
        elif word == "END":
            if open_[-1].name != rest:
                raise Wrong(
                    number,
                    "END:{name} ends what line {line} began otherwise.",
                    name=rest,
                    line=open_[-1].line,
                )
            open_.pop()
        else:
            open_[-1].properties.extend(_property(text, number))
    if open_:
        raise Wrong(open_[-1].line, "{name} has no end; the file was cut off.", name=open_[-1].name)
    if not calendars:
        raise UserError(Flaw.of("The file is no iCalendar file: it is empty."))
    return calendars


def unfolded(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Lines as they were before they were folded, each with the number of its first one."""
    began, held = 0, [b""]
    for number, line in enumerate(re.split(rb"\r\n|\n|\r", data), 1):
        if line[:1] in (b" ", b"\t") and began:
            held.append(line[1:])
            continue
        if began:
            yield began, b"".join(held)
        began, held = (number, [line]) if line.strip() else (0, [b""])
    if began:
        yield began, b"".join(held)


def _decoded(raw: bytes, number: int) -> str:
    try:
        return unicodedata.normalize("NFC", raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Wrong(number, "it is not in UTF-8.") from error


def _property(text: str, number: int) -> Iterator[Property]:
    """The line's property; none for one that is not read."""
    name = re.split("[;:]", text, maxsplit=1)[0].strip().upper()
    if name.startswith(OURS) and name not in READ:
        raise Wrong(number, "{name} is not known.", name=name)
    if name not in READ:
        return
    found = _LINE.fullmatch(text)
    if found is None:
        raise Wrong(number, "{said!r} cannot be read.", said=text[:40])
    params: dict[str, str] = {}
    for param, values in re.findall(_PARAM, found[2]):
        first = re.match(_VALUE, values)
        params.setdefault(param.upper(), first[0].strip('"') if first else "")
    _check_letters(name, params, number)
    yield Property(name, params, found[5], number)


def _check_letters(name: str, params: dict[str, str], number: int) -> None:
    """What vCalendar could write otherwise than as plain UTF-8 text."""
    for param, plain in PLAIN.items():
        said = params.get(param, plain[0])
        if said.upper() not in plain:
            raise Wrong(
                number, "{name} is written in {said}; it must be plain UTF-8.", name=name, said=said
            )
