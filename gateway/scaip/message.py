"""What is said in SCAIP: a request `<mrq>` and its answer `<mrs>`, read from XML and written.

Read is what devices and centres really send: short codes, any order, a space in `cid`, heartbeats
without `stc`, tags that are not known.  What a receiver must have is demanded, what else is wrong
is left out.  Everything is bounded before it is looked at, and no entity or document type is
followed.  Not for: SIP, which carries it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from typing import Any, ClassVar, Self
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from gateway.errors import BadMessage
from gateway.scaip.codes import (
    DTY_WIDTH,
    STC_WIDTH,
    DeviceType,
    Media,
    MessageType,
    Status,
    StatusCode,
)

CONTENT_TYPE = "application/scaip+xml"

BODY_MAX = 8192
"""Bytes of a body.  All tags at their longest are 1,200 characters, with their names and in four
bytes each under 6 kB."""

ELEMENTS_MAX = 64
"""Tags of a body: 24 are known."""

SHORT = re.compile(r"[0-9]")
CODE_2, CODE_3, CODE_4 = (re.compile(f"[0-9]{{1,{n}}}") for n in (2, 3, 4))


def _text(longest: int) -> re.Pattern[str]:
    """Characters that a line of text may have, so many of them."""
    return re.compile(rf"[^\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]{{1,{longest}}}")


REF = re.compile(r"[0-9a-zA-Z]{1,16}")
CID = re.compile(r"[0-9]{1,16}")

REQUEST_TAGS: dict[str, re.Pattern[str]] = {
    "ref": REF,
    "ver": re.compile(r"[0-9]{2}\.[0-9]{2}"),
    "sco": SHORT,
    "cha": SHORT,
    "mty": re.compile(r"ME|RE|IN|PI"),
    "hbo": SHORT,
    "cid": CID,
    "dty": CODE_4,
    "did": _text(8),
    "dco": CODE_3,
    "dte": _text(32),
    "crd": _text(256),
    "stc": CODE_4,
    "stt": _text(32),
    "pri": SHORT,
    "lco": CODE_3,
    "lva": _text(2),
    "lte": _text(32),
    "lge": _text(128),
    "ico": CODE_3,
    "ite": _text(128),
    "ame": re.compile(r"[01]"),
}
"""The tags of a request, and what each may be."""

ANSWER_TAGS: dict[str, re.Pattern[str]] = {
    "ref": REF,
    "snu": re.compile(r"[0-9]{1,5}"),
    "ste": _text(128),
    "cve": re.compile(r"[0-9]{2}\.[0-9]{2}"),
    "mre": CODE_2,
    "cre": CODE_2,
    "tnu": _text(256),
    "hbi": SHORT,
}
"""The tags of an answer."""

SPACED = {"cid", "dty", "stc", "lco", "dco", "ico", "snu", "mre", "cre"}
"""Tags of digits, in which some devices write spaces."""


class _Message:
    """What both have in common: tags of text in a root."""

    ROOT: ClassVar[str]
    TAGS: ClassVar[dict[str, re.Pattern[str]]]
    NEEDED: ClassVar[tuple[str, ...]]

    def __post_init__(self) -> None:
        for tag, value in self.tags().items():
            if not self.TAGS[tag].fullmatch(value):
                raise BadMessage(f"{tag} cannot be {value[:40]!r}", snu=Status.INVALID_FORMAT)

    def tags(self) -> dict[str, str]:
        """The tags that are there, by name."""
        return {name: str(value) for name, value in vars(self).items() if value is not None}

    def write(self) -> bytes:
        """As XML, in the order in which the tags stand in this file."""
        tags = self.tags().items()
        inner = "".join(f"<{tag}>{escape(value, quote=False)}</{tag}>" for tag, value in tags)
        return f"<{self.ROOT}>{inner}</{self.ROOT}>".encode()

    @classmethod
    def read(cls, body: bytes) -> Self:
        """A message from XML.  Raises `BadMessage` with the `snu` to answer."""
        root = _root(body)
        if _name(root) != cls.ROOT:
            raise BadMessage(f"{_name(root)[:20]!r} is no {cls.ROOT}", snu=Status.INVALID_FORMAT)
        found = _tags_of(root, cls.TAGS)
        for tag in cls.NEEDED:
            if tag not in found:
                raise BadMessage(f"{tag} is missing", snu=Status.TAG_MISSING)
            if not cls.TAGS[tag].fullmatch(found[tag]):
                raise BadMessage(f"{tag} cannot be read", snu=Status.INVALID_FORMAT)
        usable: dict[str, Any] = {t: v for t, v in found.items() if cls.TAGS[t].fullmatch(v)}
        return cls(**usable)


@dataclass(frozen=True)
class ScaipRequest(_Message):
    """`<mrq>`: an alarm, an information, a reset or a heartbeat."""

    ROOT: ClassVar[str] = "mrq"
    TAGS: ClassVar[dict[str, re.Pattern[str]]] = REQUEST_TAGS
    NEEDED: ClassVar[tuple[str, ...]] = ("ref", "cid", "dty")

    ref: str
    """Of this message; its answer names it, and a repeat has the same."""
    cid: str
    """Whose: the home's care id, digits."""
    dty: str
    """Which kind of device (`codes.DeviceType`)."""
    mty: str | None = None
    """What it is (`codes.MessageType`); None: an alarm."""
    stc: str | None = None
    """What happened (`codes.StatusCode`); None: an alarm."""
    did: str | None = None
    """Which device of its kind."""
    lco: str | None = None
    """Where (`codes.Location`)."""
    pri: str | None = None
    ite: str | None = None
    """What it is about, in words."""
    lge: str | None = None
    """Where on the earth."""
    crd: str | None = None
    """Where to call: `sip:`, `tel:`, `gsm:`; `no-voice:`."""
    ver: str | None = None
    sco: str | None = None
    cha: str | None = None
    hbo: str | None = None
    dco: str | None = None
    dte: str | None = None
    stt: str | None = None
    lva: str | None = None
    lte: str | None = None
    ico: str | None = None
    ame: str | None = None

    @property
    def type(self) -> MessageType:
        """What it is."""
        return MessageType(self.mty) if self.mty else MessageType.ALARM

    @property
    def device_type(self) -> int:
        """`dty` as a number."""
        return int(self.dty)

    @property
    def status_code(self) -> int:
        """`stc` as a number."""
        return int(self.stc) if self.stc else StatusCode.ALARM

    def bare(self) -> ScaipRequest:
        """The same with nothing that a receiver need not have, for one that cannot use the rest."""
        return ScaipRequest(self.ref, self.cid, self.dty, self.mty, self.stc)


@dataclass(frozen=True)
class Voice:
    """The call that an answer asks for."""

    media: Media
    cre: str | None
    """The answer's own code for how the call is made, as it came."""
    number: str | None
    """Whom to call, or who will call (`tnu`), as it came."""


@dataclass(frozen=True)
class ScaipAnswer(_Message):
    """`<mrs>`: what the receiver did with a request."""

    ROOT: ClassVar[str] = "mrs"
    TAGS: ClassVar[dict[str, re.Pattern[str]]] = ANSWER_TAGS
    NEEDED: ClassVar[tuple[str, ...]] = ("ref", "snu")

    ref: str
    snu: str
    """`codes.Status`."""
    ste: str | None = None
    """The same in words."""
    cve: str | None = None
    mre: str | None = None
    """Which voice it wants (`codes.Media`)."""
    cre: str | None = None
    tnu: str | None = None
    hbi: str | None = None
    """How often it wants a heartbeat: one digit, whose scale is not known."""

    @property
    def status(self) -> Status:
        """What was done; a number that is not known is no proof of anything."""
        known = {int(one) for one in Status}
        return Status(int(self.snu)) if int(self.snu) in known else Status.UNDEFINED

    @property
    def voice(self) -> Voice | None:
        """The call it asks for; None: none.  A voice that is not known is no reason to listen."""
        wanted = int(self.mre) if self.mre else 0
        if wanted not in {Media.DUPLEX, Media.MICROPHONE, Media.SPEAKER}:
            return None
        return Voice(Media(wanted), self.cre, self.tnu)


def heartbeat(ref: str, cid: str) -> ScaipRequest:
    """I am here."""
    return ScaipRequest(
        ref,
        cid,
        dty=str(int(DeviceType.LOCAL_UNIT)).zfill(DTY_WIDTH),
        mty=MessageType.HEARTBEAT,
        stc=str(int(StatusCode.TEST)).zfill(STC_WIDTH),
        crd="no-voice:",
    )


def _root(body: bytes) -> Element:
    """The root of the XML."""
    if len(body) > BODY_MAX:
        raise BadMessage(f"the body has {len(body)} bytes", snu=Status.TOO_LONG)
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, LookupError, ValueError) as error:
        raise BadMessage("the body is no XML", snu=Status.INVALID_FORMAT) from error
    if len(root) > ELEMENTS_MAX:
        raise BadMessage("the body has too many tags", snu=Status.TOO_LONG)
    return root


def _name(element: Element) -> str:
    """The tag without its name space, in small letters."""
    return str(element.tag).rpartition("}")[2].lower()


def _tags_of(root: Element, known: dict[str, re.Pattern[str]]) -> dict[str, str]:
    """The text of each known tag that says something; of two, the first."""
    found: dict[str, str] = {}
    for element in root:
        tag, text = _name(element), " ".join((element.text or "").split())
        if tag in SPACED:
            text = text.replace(" ", "")
        if tag in known and text:
            found.setdefault(tag, text.upper() if tag == "mty" else text)
    return found
