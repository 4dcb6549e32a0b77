"""E-mail by the organisation's mail server: a second way, and for who has no phone.

What it proves: the mail server took it (SENT), and nothing after that.  The text says that there is
an alarm and where to read more; never in the clear over a network, and never to a server whose
certificate is another's.

    [channels.email]
    host = "smtp.kommun.example"
    from = "Tryggve <larm@kommun.example>"
    user = "larm@kommun.example"      # the password is the secret file `email_password`

Not for: answers by mail (nobody reads them), or proving addresses (`points`).
"""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from secrets import token_hex
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from web.staff.channels import _words
from web.staff.channels._http import AGAIN_S
from web.staff.channels.contract import (
    Address,
    Health,
    Incoming,
    Message,
    Outcome,
    Proof,
    Why,
)
from web.staff.core.context import Staff
from web.staff.core.reaching import TIMEOUT_S, Unreached, looked_up
from web.staff.core.secret_files import SecretFiles

KEPT_IN = "email_password"
"""The secret file with the mail server's password."""

NO_SUCH = ("5.1.1", "5.1.10", "5.1.6", "5.2.1")
"""Enhanced status codes (RFC 3463) that say that the address is none, or no longer."""

LOCAL = ("localhost", "127.0.0.1", "::1")


class Config(BaseModel):
    """`[channels.email]`."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]{1,253}$")]
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    """`none` only to this machine."""
    ca_file: str | None = None
    """PEM of who signed the server's certificate; None: whom the system trusts."""
    sender: Annotated[str, Field(alias="from", max_length=200)]
    user: Annotated[str, Field(max_length=200)] = ""
    """Empty: the server asks for no password."""
    timeout_s: Annotated[float, Field(gt=0, le=20)] = TIMEOUT_S

    @model_validator(mode="after")
    def _safe(self) -> Config:
        if self.security == "none" and (self.host not in LOCAL or self.user):
            raise ValueError("without TLS mail goes to this machine only, and without a password")
        if "@" not in parseaddr(self.sender)[1]:
            raise ValueError("from is no address")
        return self


def open_channel(config: Config, staff: Staff, secrets: SecretFiles) -> Email:  # noqa: ARG001
    """The channel.  Raises `SecretError`."""
    return Email(config, secrets.read_given(KEPT_IN) if config.user else "")


class Email:
    """See the module."""

    name = "email"
    proof = Proof.SENT
    delivered_within_s: float | None = None

    def __init__(self, config: Config, password: str) -> None:
        self._config = config
        self._password = password
        self._context = ssl.create_default_context(cafile=config.ca_file)

    def send(self, message: Message, to: Address) -> Outcome:
        """See `Channel`.  A probe goes as far as the mail server's door: a mail is never silent."""
        if message.test:
            health = self.check()
            return Outcome(Proof.SENT) if health.ok else Outcome(None, health.why, text=health.text)
        title = _words.title(message, to.locale)
        return self._mail(message.id, to, title, _words.text(message, to.locale, reply=False))

    def send_code(self, code: str, to: Address) -> Outcome:
        """See `SendsCodes`."""
        return self._mail(token_hex(8), to, "Tryggve", _words.code(code, to.locale))

    def _mail(self, id_: str, to: Address, subject: str, text: str) -> Outcome:
        mail = EmailMessage()
        try:
            mail["From"], mail["To"], mail["Subject"] = self._config.sender, to.value, subject
        except ValueError:
            return Outcome(None, Why.GONE, text="the address is none")
        mail["Date"] = formatdate()
        domain = parseaddr(self._config.sender)[1].rpartition("@")[2]
        mail["Message-ID"] = f"<{id_}@{domain}>"  # the same when it is sent again
        mail["Auto-Submitted"] = "auto-generated"
        mail["Importance"] = "high"
        mail.set_content(text)
        return self._try(lambda server: server.send_message(mail)) or Outcome(Proof.SENT)

    def check(self) -> Health:
        """Connect and sign in, and send nothing."""
        wrong = self._try(lambda server: server.noop())
        return Health(True) if wrong is None else Health(False, wrong.text, wrong.why)

    def _try(self, act: Callable[[smtplib.SMTP], object]) -> Outcome | None:
        """What went wrong; None: nothing."""
        try:
            with self._server() as server:
                act(server)
        except smtplib.SMTPRecipientsRefused as error:
            return _by_code(*next(iter(error.recipients.values()), (0, b"")))
        except smtplib.SMTPAuthenticationError as error:
            return Outcome(None, Why.REFUSED, text=f"the mail server answered {error.smtp_code}")
        except smtplib.SMTPResponseException as error:
            return _by_code(error.smtp_code, error.smtp_error)
        except smtplib.SMTPNotSupportedError:
            return Outcome(None, Why.REFUSED, text="the mail server has no TLS or no sign-in")
        except ssl.SSLCertVerificationError:
            return Outcome(None, Why.REFUSED, text="the mail server's certificate is not its own")
        except (OSError, smtplib.SMTPException, ValueError) as error:
            said = f"no answer of the mail server ({type(error).__name__})"
            return Outcome(None, Why.UNREACHABLE, AGAIN_S, text=said)
        return None

    @contextmanager
    def _server(self) -> Iterator[smtplib.SMTP]:
        """A connection, signed in; cut off when the time is up, whatever the server does."""
        config, until_s = self._config, time.monotonic() + self._config.timeout_s
        made: list[smtplib.SMTP] = []

        def cut() -> None:
            for one in made:
                if one.sock is not None:
                    with contextlib.suppress(OSError):
                        socket.socket.shutdown(one.sock, socket.SHUT_RDWR)

        timer = threading.Timer(config.timeout_s, cut)
        timer.daemon = True
        timer.start()
        server = _Smtp(timeout=config.timeout_s, context=self._context, until_s=until_s)
        server.wrap = config.security == "tls"
        made.append(server)
        try:
            server.connect(config.host, config.port)
            server.ehlo()
            if config.security == "starttls":
                server.starttls(context=self._context)
                server.ehlo()
            if config.user:
                server.login(config.user, self._password)
            yield server
            if time.monotonic() >= until_s:
                raise TimeoutError
            with contextlib.suppress(smtplib.SMTPException, OSError):
                server.quit()  # it has been taken already
        finally:
            timer.cancel()
            server.close()

    def incoming(
        self,
        headers: Mapping[str, str],  # noqa: ARG002 - a channel is given them
        form: Mapping[str, str],  # noqa: ARG002
        body: bytes,  # noqa: ARG002
    ) -> Incoming:
        """Nobody tells of mails."""
        return Incoming()

    def close(self) -> None:
        """Nothing is kept open."""


class _Smtp(smtplib.SMTP):
    """Knows of its connection before the server has said a word, so that it can be cut off; `wrap`:
    TLS from the first byte."""

    wrap = False

    def __init__(self, *, timeout: float, context: ssl.SSLContext, until_s: float) -> None:
        super().__init__(timeout=timeout)
        self._tls = context
        self._until_s = until_s

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        raw = self._connected(host, port)
        raw.settimeout(timeout)
        self.sock = raw
        if self.wrap:
            tls = self._tls.wrap_socket(raw, server_hostname=host, do_handshake_on_connect=False)
            self.sock = tls
            tls.do_handshake()
        self._host = host  # what STARTTLS checks the certificate for
        return self.sock

    def _connected(self, host: str, port: int) -> socket.socket:
        """To the first address of the name that answers, all of it within the one time: neither a
        look-up that hangs nor a name with many addresses holds up other mails."""
        try:
            addresses = looked_up(host, port, self._until_s)
        except Unreached as error:
            raise OSError(error.text) from error
        wrong: OSError = TimeoutError()
        for address in addresses:
            left_s = self._until_s - time.monotonic()
            if left_s <= 0.0:
                break
            try:
                return socket.create_connection((address, port), left_s)
            except OSError as error:
                wrong = error
        raise wrong


def _by_code(code: int, said: bytes | str) -> Outcome:
    text = f"the mail server answered {code}"
    words = said.decode("latin-1") if isinstance(said, bytes) else said
    if 400 <= code < 500:
        return Outcome(None, Why.BUSY, AGAIN_S, text=text)
    if words.partition(" ")[0] in NO_SUCH:
        return Outcome(None, Why.GONE, text=text)
    if code in (530, 535, 538, 550) and "5.7" in words[:5]:
        return Outcome(None, Why.REFUSED, text=text)
    return Outcome(None, Why.BAD, text=text)
