"""What one end says of itself (SDP): bounded, and only what is known goes through.

What comes from a page is taken apart and put together anew, so that the library behind it never
reads what we do not know.  A way to reach the page (a candidate) goes through only where it may
point: to an address of its own in some network, never to the home's own machine (loopback), to its
link, to many at once, or to a name.

Pure.  Not for: what is done with it (`gateway.media.child`).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from gateway.errors import DescriptionRefused
from gateway.wire import CANDIDATES_MAX, SDP_MAX_BYTES

LINES_MAX = 160
"""Of a description: a browser's for sound and a data channel has some 60."""

PORT_MIN = 1024
"""The lowest port that a candidate may have: what answers below it is a service of somebody's."""

AUDIO, VIDEO, DATA = "audio", "video", "application"

_LINE = re.compile(r"[a-z]=[\x20-\x7e]{1,500}")
_MEDIA = re.compile(
    r"m=(?:(?:audio|video) \d{1,5} UDP/TLS/RTP/SAVPF(?: \d{1,3}){1,16}"
    r"|application \d{1,5} UDP/DTLS/SCTP webrtc-datachannel)"
)
_WORD = r"[A-Za-z0-9+/._\-]"
_SESSION = (
    re.compile(r"v=0"),
    re.compile(r"o=\S{1,32} \d{1,20} \d{1,20} IN IP[46] [0-9a-fA-F:.]{1,45}"),
    re.compile(r"s=.{1,32}"),
    re.compile(r"t=0 0"),
)
_KNOWN = (
    re.compile(rf"a=group:BUNDLE(?: {_WORD}{{1,16}}){{1,4}}"),
    re.compile(rf"a=mid:{_WORD}{{1,16}}"),
    re.compile(r"c=IN IP[46] [0-9a-fA-F:.]{1,45}"),
    re.compile(rf"a=ice-ufrag:{_WORD}{{4,256}}"),
    re.compile(rf"a=ice-pwd:{_WORD}{{22,256}}"),
    re.compile(r"a=fingerprint:sha-256 [0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){31}"),
    re.compile(r"a=setup:(?:active|passive|actpass)"),
    re.compile(r"a=(?:sendrecv|sendonly|recvonly|inactive|rtcp-mux|rtcp-rsize)"),
    re.compile(r"a=rtpmap:\d{1,3} [A-Za-z0-9\-]{1,32}/\d{1,6}(?:/\d{1,2})?"),
    re.compile(r"a=fmtp:\d{1,3} [A-Za-z0-9=;.\-/ ]{1,200}"),
    re.compile(r"a=rtcp-fb:\d{1,3} (?:nack(?: pli)?|ccm fir|goog-remb|transport-cc)"),
    re.compile(r"a=sctp-port:\d{1,5}"),
    re.compile(r"a=max-message-size:\d{1,9}"),
)
_CANDIDATE = re.compile(
    r"(?:a=)?candidate:(?P<foundation>[A-Za-z0-9+/]{1,32}) (?P<component>\d) (?P<transport>\w{2,4})"
    r" (?P<priority>\d{1,10}) (?P<host>\S{1,255}) (?P<port>\d{1,5})"
    r" typ (?P<type>host|srflx|prflx|relay)(?: .{0,200})?"
)
NEEDED = ("a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "a=setup:")


def clean(text: str, media: str = AUDIO) -> str:
    """The description with what is known of it, and candidates only that may be followed.

    Raises `DescriptionRefused` with one sentence: too large, or none of `media` (`audio` for a
    call, `video` for a look).
    """
    if len(text.encode()) > SDP_MAX_BYTES:
        raise DescriptionRefused(f"a description has at most {SDP_MAX_BYTES} bytes")
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    if len(lines) > LINES_MAX:
        raise DescriptionRefused(f"a description has at most {LINES_MAX} lines")
    for number, line in enumerate(lines, 1):
        if not _LINE.fullmatch(line):
            raise DescriptionRefused(f"line {number} is no line of a description")
    first = next((i for i, line in enumerate(lines) if line.startswith("m=")), len(lines))
    session, sections = lines[:first], lines[first:]
    if len(session) < len(_SESSION) or not all(
        form.fullmatch(line) for form, line in zip(_SESSION, session, strict=False)
    ):
        raise DescriptionRefused("a description begins with v, o, s and t")
    _require(media, sections, [*session, *sections])
    kept = [*session[:4], *(line for line in session[4:] if _is_known(line))]
    candidates = 0
    for line in sections:
        if line.startswith("a=candidate:"):
            way = candidate(line)
            candidates += way is not None
            if way is not None and candidates <= CANDIDATES_MAX:
                kept.append(f"a={way}")
        elif line.startswith("m=") or _is_known(line):
            kept.append(line)
    return "\r\n".join(kept) + "\r\n"


def _require(media: str, sections: list[str], lines: list[str]) -> None:
    heads = [line for line in sections if line.startswith("m=")]
    kinds = [line[2:].split(" ")[0] for line in heads]
    if not all(_MEDIA.fullmatch(line) for line in heads) or not set(kinds) <= {media, DATA}:
        raise DescriptionRefused(f"it is {media} and one channel of data, and nothing else")
    if sorted(kinds) not in ([media], [DATA, media]):
        raise DescriptionRefused(f"it has {media} once, and data at most once")
    for needed in NEEDED:
        if not any(line.startswith(needed) and _is_known(line) for line in lines):
            raise DescriptionRefused(f"a description has {needed.removeprefix('a=').rstrip(':')}")


def _is_known(line: str) -> bool:
    return any(form.fullmatch(line) for form in _KNOWN)


def candidate(line: str) -> str | None:
    """A way to reach the other end, without what it tells beside; None: it may not be followed, or
    is none."""
    match = _CANDIDATE.fullmatch(line.strip())
    if match is None or match["transport"].lower() != "udp" or match["component"] != "1":
        return None
    port = int(match["port"])
    try:
        address = ipaddress.ip_address(match["host"])
    except ValueError:
        return None  # a name: `.local` costs a second each, and any other asks a name server
    if not PORT_MIN <= port <= 65535 or not may_point_to(address):
        return None
    return (
        f"candidate:{match['foundation']} 1 udp {match['priority']} {address} {port}"
        f" typ {match['type']}"
    )


def candidates(lines: Iterable[str]) -> list[str]:
    """Those of some ways that may be followed, `CANDIDATES_MAX` at the most."""
    return [way for way in map(candidate, lines) if way is not None][:CANDIDATES_MAX]


def may_point_to(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether a page may be at this address."""
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        return may_point_to(mapped)
    return not (
        address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address in _NOBODY
    )


_NOBODY = ipaddress.ip_network("240.0.0.0/4")
"""Reserved, and the broadcast address."""
