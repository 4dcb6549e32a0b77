"""Text messages by a provider's HTTP: 46elks, or any other by a template in the configuration.

What it proves: the provider took the message (SENT), and later that the phone has it (DELIVERED),
as far as the operator says.  That is no proof that anybody saw it, and operators report messages
for phones that are off as delivered: only an answer (`Reply`) or the page shows that somebody
knows.

    [channels.sms]
    from = "+46766861234"       # a number that takes answers; or a name of up to 11 letters
    user = "u1234"              # 46elks; the password is the secret file `sms_secret`

or, for another provider, `[channels.sms.template]` (docs/channels.md).

Not for: who may acknowledge by an answer (`web.staff.ladders`), or phones on a Pi's own modem.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from secrets import token_hex
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, quote, urlencode

from pydantic import BaseModel, ConfigDict, Field, model_validator

from web.staff.channels import _words, door_url
from web.staff.channels._http import AGAIN_S, Failed, Http, failure
from web.staff.channels.contract import (
    Address,
    Health,
    Incoming,
    Message,
    Outcome,
    Proof,
    Reply,
    Report,
    Why,
)
from web.staff.core import json_said
from web.staff.core.connections import Answer
from web.staff.core.context import Staff
from web.staff.core.reaching import TIMEOUT_S
from web.staff.core.secret_files import SecretFiles

KEPT_IN = "sms_secret"
"""The secret file with what the provider gave us: a password or a key."""

DELIVERED_WITHIN_S = 45.0
"""Real seconds until a message that nobody reported as delivered counts as not delivered: most are
reported within ten (46elks's own figure for Sweden is "seconds"), and a step of a ladder lasts
longer."""

VALUE_MAX = 500
"""Characters of anything that a provider sends us: ids, numbers, and a text of three parts."""

PLACEHOLDERS = frozenset({"to", "from", "text", "id", "report_url", "secret"})

_E164 = re.compile(r"\+[1-9][0-9]{7,14}")
_HOLE = re.compile(r"\{([a-z_]*)\}")

Forwarded = Annotated[dict[str, Any], Field(max_length=30)]


class ReportForm(BaseModel):
    """How another provider's delivery report is read: the names of its fields, and its words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = "id"
    ours: bool = False
    """Whether that id is ours (`{id}` of the request) and not the provider's."""
    status: str = "status"
    delivered: frozenset[str] = frozenset({"delivered"})
    failed: frozenset[str] = frozenset({"failed"})


class ReplyForm(BaseModel):
    """How a text that was sent to us is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sender: str = "from"
    text: str = "message"


class Template(BaseModel):
    """Another provider's request.  `{to}`, `{from}`, `{text}`, `{id}`, `{report_url}` and
    `{secret}` are filled in, each as the place needs it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, Field(pattern=r"^https?://", max_length=1000)]
    method: Literal["POST", "PUT", "GET"] = "POST"
    headers: Annotated[dict[str, str], Field(max_length=20)] = {}
    form: Forwarded | None = None
    """Sent as a form."""
    json_body: Annotated[Forwarded | None, Field(alias="json")] = None
    """Sent as JSON."""
    id_at: str = "id"
    """Where in its JSON answer the provider's id stands: `messages.0.id`; empty: nowhere."""
    check_url: Annotated[str, Field(pattern=r"^https?://", max_length=1000)] | None = None
    """Answers a GET with 2xx where the credentials are right; None: not tried."""
    report: ReportForm | None = ReportForm()
    """None: this provider reports no delivery."""
    reply: ReplyForm = ReplyForm()

    @model_validator(mode="after")
    def _one_body(self) -> Template:
        if self.form is not None and self.json_body is not None:
            raise ValueError("a request has a form or JSON, not both")
        used = _HOLE.findall(json.dumps([self.url, self.headers, self.form, self.json_body]))
        unknown = sorted(set(filter(None, used)) - PLACEHOLDERS)
        if unknown:
            known = ", ".join(sorted(PLACEHOLDERS))
            raise ValueError(f"the placeholder {unknown[0]} is not known; known: {known}")
        if not {"to", "text"} <= set(used):
            raise ValueError("the placeholders {to} and {text} are needed")
        return self


ELKS = "https://api.46elks.com/a1"
"""46elks's published interface: https://46elks.com/docs."""


class Config(BaseModel):
    """`[channels.sms]`."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    sender: Annotated[
        str, Field(alias="from", pattern=r"^(\+[1-9][0-9]{7,14}|[A-Za-z][A-Za-z0-9]{0,10})$")
    ]
    """A number in E.164 form, which takes answers, or a name, which does not."""
    user: Annotated[str, Field(max_length=100)] = ""
    """The account's name at 46elks."""
    url: Annotated[str, Field(pattern=r"^https?://[^/]+", max_length=200)] = ELKS
    template: Template | None = None
    """Another provider than 46elks."""
    country: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,2}$")] = "46"
    """What a number that begins with 0 is put behind."""
    delivered_within_s: Annotated[float, Field(ge=5, le=600)] = DELIVERED_WITHIN_S
    timeout_s: Annotated[float, Field(gt=0, le=20)] = TIMEOUT_S

    @model_validator(mode="after")
    def _whose(self) -> Config:
        if self.template is None and not self.user:
            raise ValueError("the account's name at 46elks is missing: set user, or a template")
        return self


def number(text: str, country: str = "46") -> str | None:
    """A telephone number in E.164 form, as people write them (`070-123 45 67`, `0046 70 …`); None
    when it is none."""
    bare = re.sub(r"[\s()./-]", "", text)
    if bare.startswith("00"):
        bare = f"+{bare[2:]}"
    elif bare.startswith("0"):
        bare = f"+{country}{bare[1:]}"
    return bare if _E164.fullmatch(bare) else None


def open_channel(config: Config, staff: Staff, secrets: SecretFiles) -> Sms:
    """The channel.  Raises `SecretError`."""
    return Sms(config, secrets.read_given(KEPT_IN), door_url(staff, "sms"))


class Sms:
    """See the module."""

    name = "sms"
    proof = Proof.DELIVERED

    def __init__(self, config: Config, secret: str, report_url: str | None) -> None:
        self._config = config
        self._secret = secret
        self._report_url = report_url
        self._http = Http(timeout_s=config.timeout_s)
        reports = config.template is None or config.template.report is not None
        self.delivered_within_s: float | None = (
            config.delivered_within_s if reports and report_url else None
        )

    def send(self, message: Message, to: Address) -> Outcome:
        """See `Channel`."""
        if _E164.fullmatch(to.value) is None:
            return Outcome(None, Why.GONE, text="the address is no telephone number")
        if message.test:  # a probe is silent, and a text never is: the way to the provider is tried
            health = self.check()
            return Outcome(Proof.SENT) if health.ok else Outcome(None, health.why, text=health.text)
        reply = self._config.sender.startswith("+")
        return self._text(message.id, to, _words.text(message, to.locale, reply=reply))

    def send_code(self, code: str, to: Address) -> Outcome:
        """See `SendsCodes`."""
        return self._text(token_hex(8), to, _words.code(code, to.locale))

    def _text(self, id_: str, to: Address, said: str) -> Outcome:
        try:
            answer = self._ask(id_, to.value, said)
        except Failed as failed:
            return failed.outcome()
        wrong = failure(answer)
        if wrong is not None:
            return wrong
        return self._taken(answer)

    def _taken(self, answer: Answer) -> Outcome:
        """What an answer that says "taken" means.  One that cannot be read is no provider's: it may
        be a proxy's page, and the message is tried again."""
        template = self._config.template
        at = "id" if template is None else template.id_at
        if not at:
            return Outcome(Proof.SENT)
        try:
            told = json_said.read(answer.body)
        except ValueError:
            told = None
        ref = _found(told, at)
        if ref is None:
            said = "the provider's answer could not be read"
            return Outcome(None, Why.BUSY, AGAIN_S, text=said)
        if template is None and _found(told, "status") == "failed":
            return Outcome(None, Why.NOT_DELIVERED, text="the provider could not send it")
        return Outcome(Proof.SENT, provider_ref=ref)

    def _ask(self, id_: str, to: str, text: str) -> Answer:
        template = self._config.template
        filled = {
            "to": to,
            "from": self._config.sender,
            "text": text,
            "id": id_,
            "report_url": self._report_url or "",
            "secret": self._secret,
        }
        if template is None:
            form = {"from": filled["from"], "to": to, "message": text}
            if self._report_url:
                form["whendelivered"] = self._report_url
            return self._post_form(f"{self._config.url}/sms", form, self._basic())
        url = _HOLE.sub(lambda hole: quote(filled.get(hole[1], hole[0]), safe=""), template.url)
        headers = {name: _fill(value, filled) for name, value in template.headers.items()}
        if template.form is not None:
            return self._post_form(url, _fill(template.form, filled), headers, template.method)
        if template.json_body is None:
            return self._http.send(template.method, url, headers=headers)
        body = json.dumps(_fill(template.json_body, filled)).encode()
        headers = {"Content-Type": "application/json", **headers}
        return self._http.send(template.method, url, headers=headers, body=body)

    def _post_form(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str], method: str = "POST"
    ) -> Answer:
        headers = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        return self._http.send(method, url, headers=headers, body=urlencode(form).encode())

    def _basic(self) -> dict[str, str]:
        pair = f"{self._config.user}:{self._secret}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}

    def check(self) -> Health:
        """Ask the provider for our account: credentials and connection."""
        template = self._config.template
        url = f"{self._config.url}/me" if template is None else template.check_url
        if url is None:
            return Health(True)
        headers = self._basic()
        if template is not None:
            filled = {"secret": self._secret}
            headers = {name: _fill(value, filled) for name, value in template.headers.items()}
        try:
            wrong = failure(self._http.send("GET", url, headers=headers))
        except Failed as failed:
            wrong = failed.outcome()
        return Health(True) if wrong is None else Health(False, wrong.text, wrong.why)

    def incoming(
        self, headers: Mapping[str, str], form: Mapping[str, str], body: bytes
    ) -> Incoming:
        """A delivery report, or a text to our number.  Who asks knows the address's secret."""
        told = dict(form) or _read(headers, body)
        template = self._config.template
        report = ReportForm() if template is None else template.report
        reply = ReplyForm() if template is None else template.reply
        sender, text = told.get(reply.sender), told.get(reply.text)
        if sender is not None and text is not None:
            who = number(sender, self._config.country)
            return Incoming(replies=(Reply(who, text[:VALUE_MAX].strip()),) if who else ())
        ref = told.get(report.id) if report else None
        if report is None or ref is None or len(ref) > VALUE_MAX or "\x00" in ref:
            return Incoming()
        status = told.get(report.status)
        if status in report.delivered:
            proof, why = Proof.DELIVERED, None
        elif status in report.failed:
            proof, why = None, Why.NOT_DELIVERED
        else:  # on its way, or a word that we do not know: nothing is known
            return Incoming()
        ours, theirs = (ref, None) if report.ours else (None, ref)
        return Incoming(reports=(Report(proof, ours, theirs, why),))

    def close(self) -> None:
        """Let go of connections that are kept."""
        self._http.close()


def _read(headers: Mapping[str, str], body: bytes) -> dict[str, str]:
    """A request's fields, from JSON or a form that was not read as one."""
    kind = {name.lower(): value for name, value in headers.items()}.get("content-type", "")
    try:
        if "json" in kind:
            told = json_said.read(body)
        else:
            told = dict(parse_qsl(body.decode("utf-8"), max_num_fields=50))
    except ValueError:
        return {}
    if not isinstance(told, dict):
        return {}
    return {str(k): str(v) for k, v in told.items() if isinstance(v, str | int)}


def _fill(value: Any, filled: Mapping[str, str]) -> Any:
    """A template with its placeholders filled in; a placeholder never becomes structure."""
    if isinstance(value, str):
        return _HOLE.sub(lambda hole: filled.get(hole[1], hole[0]), value)
    if isinstance(value, dict):
        return {key: _fill(inner, filled) for key, inner in value.items()}
    if isinstance(value, list):
        return [_fill(inner, filled) for inner in value]
    return value


def _found(told: object, at: str) -> str | None:
    """What stands in JSON at `messages.0.id`, as text; None: nothing usable."""
    for step in at.split("."):
        if isinstance(told, dict):
            told = told.get(step)
        elif isinstance(told, list) and step.isdigit() and int(step) < len(told):
            told = told[int(step)]
        else:
            return None
    usable = isinstance(told, str | int) and not isinstance(told, bool)
    return str(told)[:VALUE_MAX] if usable and str(told) else None
