"""An alarm centre, told by SCAIP over SIP (docs/scaip.md).

What it proves: the centre's own word that it has the alarm (DELIVERED).  Whether anybody there
looked at it, it does not say.

    [channels.scaip]
    domain = "larm.kommun.example"   # what the centre calls us, and answers to
    cid = "10149471"                 # our own care id: heartbeats, and homes that have none
    username = "tryggve"             # where the centre asks; the password is `scaip_password`
    ca = "/etc/tryggve/centre-ca.pem"

Of the home the centre learns its care id and what the codes say: no name, no address.  A centre is
told twice, then its second address; that a try was made is in the database before it is made, and
each has the same `ref`, so that a server that dies in between tells once more and the centre sees
one alarm.

Not for: who is told and when (`web.staff.ladders`), or the call that an answer asks for.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import string
import threading
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from time import monotonic, sleep
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import select

from gateway.errors import BadMessage
from gateway.scaip.alarm_codes import alarm_message, has_codes
from gateway.scaip.blocking import ScaipThread
from gateway.scaip.here import Here
from gateway.scaip.message import ScaipAnswer, ScaipRequest
from gateway.scaip.sender import (
    ANSWER_S,
    REF_LENGTH,
    TRIES,
    Centre,
    Patience,
    Try,
    Verdict,
)
from web.staff.channels import _scaip_told, _words
from web.staff.channels.contract import (
    SEND_MAX_S,
    Address,
    Health,
    Incoming,
    Message,
    Outcome,
    Proof,
    Why,
)
from web.staff.core.context import Staff
from web.staff.core.i18n import say_in
from web.staff.core.secret_files import SecretFiles
from web.staff.people import care_ids
from web.staff.storage.alarm_tables import alarm_centre
from web.staff.storage.outage import FAULTS
from web.staff.texts.words import ALARMS

log = logging.getLogger(__name__)

KEPT_IN = "scaip_password"
"""The secret file with the password that the centre gave us."""

PORTS = 16
"""Ports that are tried from `port` on: each worker of the server needs one of its own."""

AGAIN_S = 1.0
"""Real seconds until the next try, where the centre does not want more."""

AWAY: tuple[type[Exception], ...] = (BadMessage, OSError, *FAULTS)
"""What keeps us from telling anybody: the port is taken, a file is missing, no database."""

WHY: dict[Verdict, tuple[Why, str]] = {
    Verdict.BUSY: (Why.BUSY, "The alarm centre has no time now"),
    Verdict.REFUSED: (Why.BAD, "The alarm centre does not take this message"),
    Verdict.FORBIDDEN: (Why.REFUSED, "The alarm centre does not take our user name and password"),
    Verdict.SILENT: (Why.UNREACHABLE, "The alarm centre did not answer in time"),
    Verdict.UNREACHABLE: (Why.UNREACHABLE, "The alarm centre cannot be reached"),
    Verdict.UNCLEAR: (Why.BUSY, "The alarm centre answered something that means nothing"),
}
"""What a try that brought no proof is called."""

Digits = Annotated[str, Field(pattern=r"^[0-9]{1,16}$")]
Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]{1,253}$")]


class Config(BaseModel):
    """`[channels.scaip]`.  Paths are whole ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    domain: Host
    """Our host as centres reach it, a name or an address."""
    cid: Digits
    """Our own care id: of heartbeats, and of alarms from homes that have none."""
    user: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")] = "tryggve"
    """Our name in our SIP address."""
    username: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """Of digest authentication; its password is the secret file `scaip_password`."""
    listen: Host = "0.0.0.0"  # noqa: S104 - a centre is somewhere else
    port: Annotated[int, Field(ge=0, le=65535)] = 5060
    """UDP and TCP; the second worker has the next one.  0: any that is free."""
    tls_port: Annotated[int, Field(ge=0, le=65535)] = 5061
    """Where centres may connect with TLS, when there is a `certificate`."""
    certificate: Path | None = None
    key: Path | None = None
    ca: Path | None = None
    """PEM of who vouches for the centres' certificates; None: the system's authorities."""
    answers_from: Annotated[tuple[IPv4Address | IPv6Address, ...], Field(max_length=16)] = ()
    """Addresses that answers may come from, beside those that centres are told at."""
    call_back: Annotated[str, Field(max_length=200)] | None = None
    """Where a centre may call a home: `sip:{cid}@voice.kommun.example`; None: no voice."""
    timeout_s: Annotated[float, Field(gt=0, le=ANSWER_S)] = ANSWER_S

    @model_validator(mode="after")
    def _whole(self) -> Config:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a certificate and its key go together")
        if not all(p is None or p.is_absolute() for p in (self.certificate, self.key, self.ca)):
            raise ValueError("write the whole path of the file")
        if self.call_back is not None and "{" in self.call_back.replace("{cid}", ""):
            raise ValueError("the only placeholder of call_back is {cid}")
        return self


def open_channel(config: Config, staff: Staff, secrets: SecretFiles) -> Scaip:
    """The channel.  Raises `SecretError`."""
    password = secrets.read_given(KEPT_IN) if config.username is not None else None
    return Scaip(config, staff, password)


def ref_of(message: str) -> str:
    """The `ref` of a message: the same for each of its tries, and guessed by nobody, for the
    message's id is random."""
    letters, rest, ref = string.digits + string.ascii_letters, _number(message), ""
    while len(ref) < REF_LENGTH:
        rest, place = divmod(rest, len(letters))
        ref += letters[place]
    return ref


def _number(message: str) -> int:
    return int.from_bytes(hashlib.sha256(f"scaip:{message}".encode()).digest())


class Scaip:
    """See the module."""

    name = "scaip"
    proof = Proof.DELIVERED
    delivered_within_s: float | None = None

    def __init__(self, config: Config, staff: Staff, password: str | None) -> None:
        self._config, self._staff, self._password = config, staff, password
        self._patience = Patience(answer_s=config.timeout_s)
        self._lock = threading.Lock()
        self._thread: ScaipThread | None = None

    def send(self, message: Message, to: Address) -> Outcome:
        """See `Channel`.  Tries follow one another as long as the next one has its whole time."""
        begun_s = monotonic()
        try:
            plan = [one for one in self._centres(message.org, to) for _ in range(TRIES)]
            if not plan:
                text = "The alarm centre is not one of this organisation."
                return Outcome(None, Why.GONE, text=text)
            thread = self._started()
            return self._tell(thread, self._said(message), plan, to.id, begun_s)
        except AWAY as error:
            log.warning("an alarm centre cannot be told: %s", error)
            text = f"Nothing can be sent to alarm centres here ({type(error).__name__})."
            return Outcome(None, Why.UNREACHABLE, again_s=AGAIN_S, text=text)

    def _tell(
        self,
        thread: ScaipThread,
        message: ScaipRequest,
        plan: Sequence[Centre],
        centre: str,
        begun_s: float,
    ) -> Outcome:
        """The tries that are left of a plan, as far as there is time for them."""
        db, tried = self._staff.db, 0
        while True:
            at = _scaip_told.begin(db, message.ref, centre, at_least=tried)
            if at.answer is not None:
                return Outcome(Proof.DELIVERED, provider_ref=message.ref, answer=at.answer)
            if at.tries >= len(plan):
                text = "No address of the alarm centre has answered."
                return Outcome(None, Why.NOT_DELIVERED, text=text)
            told = message.bare() if at.wants_bare and at.tries % TRIES else message
            one = thread.once(told, plan[at.tries])
            wait_s = self._patience.again_in(one, told)
            tried = at.tries + 1 if wait_s is not None else (at.tries // TRIES + 1) * TRIES
            _scaip_told.note(db, message.ref, tried, one.answer)
            if one.verdict is Verdict.RECEIVED and one.answer is not None:
                answer = _scaip_told.said_by(one.answer, centre)
                return Outcome(Proof.DELIVERED, provider_ref=message.ref, answer=answer)
            next_s = monotonic() - begun_s + (wait_s or 0.0) + self._config.timeout_s
            if tried >= len(plan) or next_s > SEND_MAX_S:
                return _failed(one, wait_s or 0.0, more=tried < len(plan))
            sleep(wait_s or 0.0)

    def check(self) -> Health:
        """A heartbeat to every address of every centre.  See `Channel`."""
        c = alarm_centre.c
        query = select(c.name, c.value, c.second_value).where(
            c.channel == self.name, c.ended_at.is_(None)
        )
        try:
            _scaip_told.forget(self._staff.db)
            with self._staff.db.read() as conn:
                rows = conn.execute(query.order_by(c.id)).all()
            places = [(r.name, uri) for r in rows for uri in (r.value, r.second_value) if uri]
            centres = [self._centre(uri) for _, uri in places]
            beats = self._started().beats(self._config.cid, centres) if centres else []
        except AWAY as error:
            text = f"Alarm centres cannot be asked ({type(error).__name__})."
            return Health(False, text, Why.UNREACHABLE)
        dead = [
            (name, one)
            for (name, _), one in zip(places, beats, strict=True)
            if one.verdict is not Verdict.RECEIVED
        ]
        if not dead:
            return Health(True)
        why, sentence = WHY[dead[0][1].verdict]
        names = ", ".join(dict.fromkeys(name for name, _ in dead))
        return Health(False, f"{sentence}: {names}.", why)

    def incoming(
        self,
        headers: Mapping[str, str],  # noqa: ARG002 - centres answer by SIP
        form: Mapping[str, str],  # noqa: ARG002
        body: bytes,  # noqa: ARG002
    ) -> Incoming:
        """Nothing comes over HTTP."""
        return Incoming()

    def close(self) -> None:
        """See `Channel`."""
        with self._lock:
            if self._thread is not None:
                self._thread.close()
                self._thread = None

    async def _late(self, answer: ScaipAnswer, host: str) -> bool:
        """An answer that nobody waits for here: late, or of another worker's message.  It is kept
        for who asks next, when it comes from the centre that was told; whether so."""
        return await asyncio.to_thread(self._taken_late, answer, host)

    def _taken_late(self, answer: ScaipAnswer, host: str) -> bool:
        db, thread = self._staff.db, self._started()
        uris = _scaip_told.uris_of(db, answer.ref)
        if not any(host in thread.hosts(self._centre(uri)) for uri in uris):
            return False
        _scaip_told.note_late(db, answer)
        return True

    # --- whom, and what ---------------------------------------------------------------------------

    def _started(self) -> ScaipThread:
        """The user agent of this process, begun when it is first needed.  Raises `OSError`."""
        config = self._config
        with self._lock:
            last = config.port + (PORTS - 1 if config.port else 0)
            for port in range(config.port, last + 1):
                if self._thread is not None:
                    break
                shift = port - config.port
                here = Here(
                    *(config.domain, config.user, config.listen, port),
                    tls_port=config.tls_port + shift if config.tls_port else 0,
                    certificate=config.certificate,
                    key=config.key,
                )
                thread = ScaipThread(here, patience=self._patience, unmatched=self._late)
                try:
                    thread.start()
                except OSError:
                    if port == last:
                        raise
                else:
                    self._thread = thread
            assert self._thread is not None  # noqa: S101 - the last port raised or did
            return self._thread

    def _centres(self, org: str, to: Address) -> list[Centre]:
        """The centre's addresses in their order; none: it is another organisation's."""
        c = alarm_centre.c
        with self._staff.db.read() as conn:
            row = conn.execute(
                select(c.org_id, c.value, c.second_value).where(c.id == to.id)
            ).one_or_none()
        if row is None:
            return [self._centre(to.value)]
        if row.org_id != org:
            return []
        return [self._centre(uri) for uri in (row.value, row.second_value) if uri]

    def _centre(self, uri: str) -> Centre:
        config = self._config
        also = tuple(map(str, config.answers_from))
        return Centre(uri, config.username, self._password, config.ca, also)

    def _said(self, message: Message) -> ScaipRequest:
        """The message in SCAIP.  Words only where no code says what it is, or how many homes have
        it; of a home of protected identity nothing but its care id and the codes."""
        with self._staff.db.read() as conn:
            cid = care_ids.cid_of(conn, message.home) or self._config.cid
        protected = message.home_name is None and not message.others
        words: list[str] = []
        if not protected and not has_codes(message.type) and message.type in ALARMS:
            words.append(say_in("sv", ALARMS[message.type]))
        if message.others:
            words.append(say_in("sv", _words.MANY, count=message.others + 1))
        call_back = self._config.call_back
        return alarm_message(
            *(ref_of(message.id), cid, message.type),
            severity=message.severity,
            words=" ".join(words) or None,
            call_back=call_back.replace("{cid}", cid) if call_back else None,
            trial=message.test or message.trial,
        )


def _failed(one: Try, wait_s: float, *, more: bool) -> Outcome:
    """What is told of a message that nobody has yet; `more`: there is something left to try.
    What would pass and was tried often enough is not delivered: the next receiver is sooner."""
    why, sentence = WHY[one.verdict]
    said = [f"SIP {one.code}"] if one.code is not None else []
    said += [f"snu {one.answer.snu}"] if one.answer is not None else []
    text = f"{sentence} ({', '.join(said)})." if said else f"{sentence}."
    passes = why in (Why.BUSY, Why.UNREACHABLE)
    if not more:
        return Outcome(None, Why.NOT_DELIVERED if passes else why, text=text)
    why = why if passes else Why.BUSY
    return Outcome(None, why, again_s=max(wait_s, AGAIN_S), text=text)
