"""What the home and the server say to each other over HTTPS: the models of the link.

Every request from the home carries `Authorization: Bearer <JWT>`: EdDSA with the home's own key,
header `kid` = the home's id, claims `iss` (home id), `iat`, `exp` (at most `TOKEN_LIFE_S` later),
`htm` and `htu` (method and path), `jti`.  Times in it are real seconds, not the demo's.

    POST /api/v1/home/enroll   EnrollRequest  -> EnrollAnswer   (no JWT: the code is the proof)
    POST /api/v1/home/events   EventBatch     -> Have                 409 GapProblem, 401 Problem
    POST /api/v1/home/urgent   EventBatch     -> Have                 any numbers, any order
    GET  /api/v1/home/stream                  -> server-sent events

The stream carries
- `event: decided`, `id: <seq>`: an event of origin `staff:<home>` in JSON.  These must arrive: all
  of them, in order, from the one after `Last-Event-ID`.  0 or no header: the home's log is new;
  from the one after the highest `down_have` that this home ever confirmed.
- `event: turn`: a `TurnOrder` in JSON.  Never queued: sent to whoever listens now, or to nobody.
- `event: call`: a `CallOrder` in JSON, the same way; the home answers it with a `CallSignal` to
  `POST /api/v1/home/call` -> Noted.  A home or a server that does not know them has no voice.
- `event: look`: a `LookOrder` in JSON, the same way; the home answers it with a `LookSignal` to
  `POST /api/v1/home/look` -> Noted, and where no way is found sends sealed pictures, each a body of
  its own with `LOOK_HEADER` and `PICTURE_HEADER`, to `POST /api/v1/home/picture` -> PictureTaken.
- `event: listen`: an order of `gateway.access.listen_orders`, as a JWS, the same way; the home
  answers it with `HeardSignal`s to `POST /api/v1/home/heard` -> Noted while somebody installs it.
- `event: receivers`: a list of `gateway.access.receiver_lists`, as a JWS: at each beginning and
  after the event that names it, so that it need not be confirmed.
- a comment line every `HEARTBEAT_S`.

Every request of a home and every answer carries `Tryggve-Protocol: <oldest>-<newest>`: which of
the link's protocols its program speaks.  Without it: `1-1`, as the release 0.1.0.  Where they have
none in common, the server answers 426 `protocol`, and the home takes no answer; each says so in one
sentence.

`GET /api/v1/home/update-metadata/<name>` and `/update-targets/<name>` give what releases are made
of (gateway/updates), the latter by `Range`, `UPDATE_PIECE_BYTES` at a time.

A 401 answer tells the server's time, so that a home whose clock is wrong can still speak.

When many homes come back at once the server answers `/events` before it reads it: 503 `busy` with
`Retry-After` and `TICKET_HEADER`; also with a 200, for the batch that is to follow.  A home waits
that long and a little longer, shows the ticket again, and goes before those that come new.  What is
urgent, an empty batch and a small one are not told to wait.  `BACKLOG_HEADER` says how much a home
still has to send, `BATCH_HEADER` how much of it the next batch is to hold.  A home or a server that
does not know these headers works with one that does.
Not for: the staff's own pages.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.wire_fields import known, readable

TOKEN_LIFE_S = 60
"""Seconds a request's JWT is good for."""

TOKEN_SKEW_S = 30
"""Seconds a home's idea of the server's time may be off."""

HEARTBEAT_S = 15
"""Seconds between signs of life on the stream, both ways (DESIGN section 4)."""

SILENT_AFTER_S = 180.0
"""Seconds without a request from a home until it is called silent, unless the server is configured
otherwise (DESIGN section 4)."""

BATCH_MAX = 500
"""Events in one request at the most."""

BACKLOG_HEADER = "Tryggve-Backlog"
"""In a home's requests: own events that the server has not confirmed, those of the request too."""

TICKET_HEADER = "Tryggve-Ticket"
"""In an answer with `Retry-After`: the home's place in the line; in the request that follows, the
same again."""

BATCH_HEADER = "Tryggve-Batch"
"""In an answer to `/events`: how many events the next batch should hold at the most, so that none
takes the server longer than what is urgent may wait."""

SEQ_MAX = 2**63 - 1
"""The largest number of an event: what both databases of the server can keep."""

BODY_MAX_BYTES = 2_000_000
"""Bytes of one request at the most, unpacked."""


HOME_HEADER = "Tryggve-Home"
"""With an enrolment: the home that the gateway's own file says it is.  A code of another home is
refused before it is used up, and the gateway that is there goes on."""

PROTOCOL_HEADER = "Tryggve-Protocol"

PROTOCOLS = (1, 1)
"""The oldest and the newest of the link's protocols that this program speaks.  A new number is for
what an older end could not follow; what it can pass over (a new kind, a new field) needs none
(docs/compatibility.md)."""

FIRST_PROTOCOL = (1, 1)
"""What a program speaks that does not say: the release 0.1.0."""


def protocols_text(spoken: tuple[int, int]) -> str:
    """As the header has it: `1-1`."""
    return "-".join(map(str, spoken))


def protocols_of(header: str | None) -> tuple[int, int]:
    """The protocols that the other end speaks; what cannot be read counts as not said."""
    oldest, _, newest = (header or "").partition("-")
    if not (_is_number(oldest) and _is_number(newest)):
        return FIRST_PROTOCOL
    return int(oldest), int(newest)


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= 6


def too_far_apart(
    theirs: tuple[int, int], who: str, us: str, ours: tuple[int, int] | None = None
) -> str | None:
    """One sentence when two programs have no protocol in common: which is the older and must be
    updated.  None: they have.  `ours` None: `PROTOCOLS`."""
    ours = ours or PROTOCOLS
    if theirs[0] <= ours[1] and ours[0] <= theirs[1]:
        return None
    older = who if theirs[1] < ours[0] else us
    they, we = protocols_text(theirs), protocols_text(ours)
    return f"{who} speaks protocol {they} of the link and {us} {we}: update {older}."


class _Model(BaseModel):
    """A field that only a newer version sends is passed over, so that a home and a server of
    different versions understand each other."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class EventBatch(_Model):
    """Events of one home, each the JSON object of `gateway.envelope.to_json`, hash included.

    `down_have` is the highest `staff:<home>` number that the home has on disk.
    """

    events: list[dict[str, Any]] = Field(max_length=BATCH_MAX)
    down_have: int = Field(ge=0, le=SEQ_MAX)


class Have(_Model):
    """The server has committed everything up to and with `have`."""

    have: int


class Problem(_Model):
    """Why a request was refused.  `code` is for the program, `detail` for a person, `now_s` the
    server's clock (seconds since 1970)."""

    code: str
    detail: str
    now_s: float


class GapProblem(Problem):
    """The batch does not follow what the server has.  `code` is `gap` (begin after `have`) or
    `chain` (the numbers fit, the hashes do not: an alarm was raised)."""

    have: int


class EnrollRequest(_Model):
    """A new gateway asks to become a home's own.  `public_key` is a PEM (Ed25519); `code` is the
    secret part of the one-time code, as `split_code` gives it (`XXXXX-XXXXX`)."""

    code: str
    public_key: str
    version: str


class ServerKey(_Model):
    """One of the server's keys for grants, a PEM (Ed25519 public key)."""

    kid: str
    public_key: str


class EnrollAnswer(_Model):
    """The home's id, the server's keys to pin, and the origin of the home's new log:
    `home:<id>`, or `home:<id>~2`, `~3` … where another gateway wrote before."""

    home: str
    origin: str
    keys: list[ServerKey]


class TurnOrder(_Model):
    """Turn a lock now.  `grant` is a JWS of `gateway.access.grants`.  An order that says more than
    that is not obeyed: it may be a restriction."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    grant: str


SDP_MAX_BYTES = 6_000
"""Of one end's description of itself: a browser's for sound has some 2,000, and a message between
two workers of the server holds 7,500."""

CANDIDATES_MAX = 20
"""Ways to reach one end; a phone with a VPN has eight."""


KEY_MAX_CHARS = 100
"""Of a public key in a message: a point of P-256 has 87."""


class IceServer(BaseModel):
    """A relay (TURN) or a mirror (STUN) that both ends may use, and what opens it for this call."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    urls: str = Field(max_length=300)
    username: str | None = Field(None, max_length=200)
    credential: str | None = Field(None, max_length=200)


class CallOrder(BaseModel):
    """What the staff's page says to a home about a call, at once or never.  `what`:

    `begin`: the call of `permit` (a JWS of `gateway.access.permits`) with the page's `sdp`;
    `candidates`: more ways to reach the page; `extend`: once longer, by `permit`; `end`.
    An order that says more than that is not obeyed: it may be a restriction."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    what: Literal["begin", "candidates", "extend", "end"]
    call: str = Field(max_length=64)
    permit: str = Field("", max_length=2_000)
    sdp: str = Field("", max_length=SDP_MAX_BYTES)
    candidates: tuple[Annotated[str, Field(max_length=300)], ...] = Field(
        (), max_length=CANDIDATES_MAX
    )
    ice: tuple[IceServer, ...] = Field((), max_length=4)

    @property
    def session(self) -> str:
        """The call."""
        return self.call


class CallSignal(_Model):
    """What a home says about a call, at once; that it began and ended are events too.  `state`:
    `answered` (with its `sdp`), `begun`, `ended`, `refused` (with `why`, a word of
    `gateway.events.VoiceEnd` or `VoiceRefusal`); what a newer home says instead is `unknown`."""

    call: str = Field(max_length=64)
    state: Annotated[Literal["answered", "begun", "ended", "refused", "unknown"], known()]
    sdp: str = Field("", max_length=SDP_MAX_BYTES)
    why: str = Field("", max_length=40)


class LookOrder(BaseModel):
    """What the staff's page says to a home about a look, at once or never.  `what`:

    `prepare`: somebody may look soon (no permit, no `look`): only programs are loaded for it;
    `begin`: the look of `permit` (a JWS of `gateway.access.look_permits`) with the page's `sdp` and
    the public `key` of its end of a blind relay, `gateway.media.sealing`; without `sdp` the relay
    at once; `candidates`: more ways to reach the page; `relay`: the page finds no way, go over to
    the relay; `extend`: once longer, by `permit`; `end`.
    An order that says more than that is not obeyed: it may be a restriction."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    what: Literal["prepare", "begin", "candidates", "relay", "extend", "end"]
    look: str = Field("", max_length=64)
    permit: str = Field("", max_length=2_000)
    sdp: str = Field("", max_length=SDP_MAX_BYTES)
    key: str = Field("", max_length=KEY_MAX_CHARS)
    candidates: tuple[Annotated[str, Field(max_length=300)], ...] = Field(
        (), max_length=CANDIDATES_MAX
    )
    ice: tuple[IceServer, ...] = Field((), max_length=4)

    @property
    def session(self) -> str:
        """The look."""
        return self.look


class LookSignal(_Model):
    """What a home says about a look, at once; that it began and ended are events too.  `state`:
    `answered` (with its `sdp`), `relaying` (with its `key`: sealed pictures follow), `begun` (the
    first picture is on its way), `extended`, `ended`, `refused` (with `why`, a word of
    `gateway.events.LookEnd` or `LookRefusal`); what a newer home says instead is `unknown`.
    `left_s`: until its end, as the home counts."""

    look: str = Field(max_length=64)
    state: Annotated[
        Literal["answered", "relaying", "begun", "extended", "ended", "refused", "unknown"],
        known(),
    ]
    sdp: str = Field("", max_length=SDP_MAX_BYTES)
    key: str = Field("", max_length=KEY_MAX_CHARS)
    why: str = Field("", max_length=40)
    left_s: float | None = Field(None, ge=0, le=120)


LOOK_HEADER = "Tryggve-Look"
"""With a sealed picture: the look it is of."""

PICTURE_HEADER = "Tryggve-Picture"
"""With a sealed picture: its number, from 1, each higher than the one before."""

PICTURE_MAX_BYTES = 120_000
"""Of a sealed picture: 640 x 480 as JPEG has some 40,000."""

PICTURES_MAX = 300
"""Sealed pictures of one look: four a second for an extended one, and some."""


UPDATE_PIECE_BYTES = 512 * 1024
"""Of a release in one answer at the most: two seconds of a good mobile line, so that no thread of
the server is held by a slow home."""


class PictureTaken(_Model):
    """The server has a sealed picture.  `asked_s`: seconds since the page last asked for one."""

    look: str
    number: int
    asked_s: float = Field(ge=0)


THINGS_MAX = 30
"""Devices near a home that it tells of while it is installed: the nearest; a house has a dozen."""

SAID_MAX = 20
"""Sentences of a pairing or a calibration that are told, the newest."""

SENTENCE_MAX = 300
"""Characters of one."""


class HeardThing(_Model):
    """A Bluetooth device of a make that this home has a driver for.  `moved_s`: seconds since it
    last said something new, as when somebody touches it; None: not while the home listens.
    `wants`: it says that it waits to be paired."""

    address: str = Field(max_length=17)
    driver: str = Field(max_length=60)
    name: str = Field("", max_length=60)
    rssi: int = Field(ge=-200, le=60)
    moved_s: float | None = Field(None, ge=0, le=10_000)
    wants: bool = False


class HeardPin(_Model):
    """A pin (BCM) that nothing of the home uses.  `closed`: it is at ground; `moves` since the home
    listens; `moved_s` as of a `HeardThing`."""

    pin: int = Field(ge=0, le=27)
    closed: bool
    moves: int = Field(ge=0, le=1_000_000)
    moved_s: float | None = Field(None, ge=0, le=10_000)


class Guided(_Model):
    """A device is paired or calibrated.  `said` in the words of its driver; `question` is what it
    asks now, by its number (0: nothing), `hidden` where nobody is to read the answer along;
    `outcome` empty while it goes on, then `done`, `failed` (`why` in the driver's words, `code` the
    error's); an end that is not known here is not read as done."""

    device: str = Field(max_length=64)
    what: Literal["pair", "calibrate"]
    said: tuple[Annotated[str, Field(max_length=SENTENCE_MAX)], ...] = Field(
        (), max_length=SAID_MAX
    )
    number: int = Field(0, ge=0, le=1_000)
    question: str = Field("", max_length=SENTENCE_MAX)
    hidden: bool = False
    outcome: Annotated[Literal["", "done", "failed"], known("failed")] = ""
    code: str = Field("", max_length=60)
    why: str = Field("", max_length=SENTENCE_MAX)


class HeardSignal(_Model):
    """What a home that is being installed hears, at once or never, and while somebody's page is
    open; nobody keeps it.  `radio`: why it hears nothing by Bluetooth, or nothing.  A `state` of a
    newer home is `unknown`, and no end."""

    hearing: str = Field(max_length=64)
    state: Annotated[Literal["hearing", "ended", "unknown"], known()]
    things: Annotated[tuple[HeardThing, ...], readable(HeardThing, THINGS_MAX)] = ()
    pins: Annotated[tuple[HeardPin, ...], readable(HeardPin, 28)] = ()
    radio: str = Field("", max_length=SENTENCE_MAX)
    guided: Annotated[Guided | None, readable(Guided)] = None


class Noted(_Model):
    """The server has it: the call, the look or the hearing."""

    call: str


_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SECRET_CHARS = 10
"""50 random bits: used once, lives for hours, and the server limits the tries."""
_FINGERPRINT_CHARS = 8
"""40 bits of the server's key, beside TLS: short enough to be typed."""


def _base32(data: bytes, chars: int) -> str:
    bits = int.from_bytes(data, "big")
    spare = len(data) * 8 - chars * 5
    if spare < 0:
        raise ValueError(f"{chars} characters need {-(-chars * 5 // 8)} bytes")
    bits >>= spare
    return "".join(_CROCKFORD[(bits >> (5 * i)) & 31] for i in reversed(range(chars)))


def fingerprint(public_key_raw: bytes) -> str:
    """The first 8 Crockford base32 characters of SHA-256 over a raw Ed25519 public key."""
    return _base32(hashlib.sha256(public_key_raw).digest(), _FINGERPRINT_CHARS)


def make_code(entropy: bytes, public_key_raw: bytes) -> str:
    """An enrolment code, `XXXXX-XXXXX-FFFFFFFF`, from at least 7 random bytes and the server's
    signing key.  The server keeps the secret part (`split_code(code)[0]`, hashed) with the home."""
    secret = _base32(entropy, _SECRET_CHARS)
    return f"{secret[:5]}-{secret[5:]}-{fingerprint(public_key_raw)}"


def split_code(code: str) -> tuple[str, str]:
    """The secret `XXXXX-XXXXX` and the fingerprint of a code as somebody typed it: case, spaces and
    dashes do not matter, O is 0, I and L are 1.  Raises `ValueError` when it is no such code."""
    plain = "".join(code.split()).replace("-", "").upper().translate(str.maketrans("OIL", "011"))
    if len(plain) != _SECRET_CHARS + _FINGERPRINT_CHARS or not set(plain) <= set(_CROCKFORD):
        raise ValueError("an enrolment code has 18 letters and digits")
    return f"{plain[:5]}-{plain[5:10]}", plain[10:]
