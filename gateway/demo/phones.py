"""*Provtelefon*: what the phones of the demo's staff show, and a text-message provider for them.

The staff server speaks to it as to a provider of text messages (46elks' published form: `POST
/a1/sms` with a form, a report to `whendelivered`); a home without its server speaks to it as a
modem does.  Nothing leaves this machine.  A page shows each phone with what came to it; a phone can
be switched off, and an answer written on it goes to the server as the provider would send it.

Not for: a real provider's quirks (the channels' own tests), or who is told (`web.staff.ladders`).
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import urllib3
from flask import Flask, Response, redirect, render_template_string, request
from flask.typing import ResponseReturnValue
from werkzeug.serving import WSGIRequestHandler, make_server

KEPT = 40
"""Messages that a phone shows: a demo's evening."""

TEXT_MAX = 1600
"""Characters of a message: ten text messages, as providers take them."""

REPORT_S = 5.0
"""Seconds for the server to take a report or an answer: it may have been stopped."""

HERE = ZoneInfo("Europe/Stockholm")
"""Where the demo is."""

TO_SERVER = "server"
FROM_HOME = "home"


@dataclass(slots=True)
class Text:
    """One message on a phone.  `whence`: through the server, or by the home's own modem; `report`
    is where the provider tells that it came (None: nobody asks)."""

    id: str
    at: datetime
    text: str
    whence: str
    report: str | None = None
    delivered: bool = False
    answered: str | None = None


@dataclass(slots=True)
class Phone:
    """A phone that somebody carries."""

    number: str
    owner: str
    on: bool = True
    texts: deque[Text] = field(default_factory=lambda: deque(maxlen=KEPT))


class Phones:
    """The phones, and the server that they and the provider are.  `now` is the demo's time;
    `reply_to` is where answers go (the server's address for this provider)."""

    def __init__(self, owners: Mapping[str, str], now: Callable[[], datetime]) -> None:
        self._phones = {number: Phone(number, owner) for number, owner in owners.items()}
        self._now = now
        self._lock = threading.Lock()
        self._reports = urllib3.PoolManager(retries=False, timeout=REPORT_S)
        self._server = make_server(
            "127.0.0.1", 0, _app(self), threaded=True, request_handler=_Quiet
        )
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="phones", daemon=True
        )
        self.reply_to: str | None = None
        self._to_home: deque[dict[str, str]] = deque(maxlen=KEPT)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """End serving; may be called twice."""
        if self._thread.is_alive():  # else nobody would answer the wish
            self._server.shutdown()
        self._server.server_close()

    def shown(self) -> list[Phone]:
        """Every phone, as the page shows it."""
        with self._lock:
            return [
                Phone(one.number, one.owner, one.on, deque(one.texts, maxlen=KEPT))
                for one in self._phones.values()
            ]

    def receive(self, number: str, text: str, whence: str, report: str | None = None) -> str | None:
        """A message for a phone; its id at the provider, None when nobody has the number.  A phone
        that is off gets it when it is switched on."""
        with self._lock:
            phone = self._phones.get(number)
            if phone is None:
                return None
            came = Text("s" + secrets.token_hex(16), self._now(), text[:TEXT_MAX], whence, report)
            phone.texts.appendleft(came)
        self._deliver()
        return came.id

    def switch(self, number: str) -> None:
        """Switch a phone off or on."""
        with self._lock:
            phone = self._phones.get(number)
            if phone is None:
                return
            phone.on = not phone.on
        self._deliver()

    def answer(self, number: str, id: str, words: str) -> None:
        """Write back to a message, as somebody does on the phone."""
        with self._lock:
            phone = self._phones.get(number)
            text = next((one for one in phone.texts if one.id == id), None) if phone else None
            if text is None:
                return
            text.answered = words[:TEXT_MAX]
            if text.whence == FROM_HOME:
                self._to_home.append({"from": number, "text": words[:TEXT_MAX]})
                return
            to = text.report or self.reply_to
        if to is not None:
            form = {"id": "a" + secrets.token_hex(16), "direction": "incoming", "from": number}
            self._tell(to, form | {"to": "Tryggve", "message": words[:TEXT_MAX]})

    def for_the_home(self) -> list[dict[str, str]]:
        """What was answered to the home's modem since the last look."""
        with self._lock:
            came = list(self._to_home)
            self._to_home.clear()
        return came

    def _deliver(self) -> None:
        """Tell the provider's customer of what came to phones that are on."""
        told = []
        with self._lock:
            for phone in self._phones.values():
                for text in phone.texts:
                    if phone.on and not text.delivered:
                        text.delivered = True
                        if text.report is not None:
                            told.append((text.report, text.id))
        for report, id in told:
            self._tell(report, {"id": id, "status": "delivered"})

    def _tell(self, url: str, form: Mapping[str, str]) -> None:
        """Later and in a thread of its own, as providers do."""

        def post() -> None:
            # where the server's plug is out, a real provider would try again
            with suppress(urllib3.exceptions.HTTPError):
                self._reports.request("POST", url, fields=dict(form), encode_multipart=False)

        threading.Thread(target=post, name="report", daemon=True).start()


def be_told(folder: Path, url: str, provider: str) -> None:
    """Let a server whose files are in `folder` tell people through this provider: it knows its own
    address `url`, where the provider tells what came, and has a password there."""
    config = folder / "staff.toml"
    channel = f'from = "+46701740699"\nuser = "demo"\nurl = "{provider}/a1"\n'
    config.write_text(f'public_url = "{url}"\n{config.read_text()}\n[channels.sms]\n{channel}')
    secret = folder / "secrets" / "sms_secret"
    secret.write_text("demo")
    secret.chmod(0o600)


class _Quiet(WSGIRequestHandler):
    """Without a line for each request: the home looks once a second for what came."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing."""


def _app(phones: Phones) -> Flask:
    app = Flask("gateway.demo.phones")
    app.config["MAX_CONTENT_LENGTH"] = 16 * 1024

    @app.get("/")
    def page() -> str:
        return render_template_string(PAGE, phones=phones.shown(), from_home=FROM_HOME, here=HERE)

    @app.post("/a1/sms")
    def sms() -> tuple[dict[str, str], int] | Response:
        to, text = request.form.get("to", ""), request.form.get("message", "")
        report = request.form.get("whendelivered") or None
        id = phones.receive(to, text, TO_SERVER, report)
        if id is None:
            return Response("Invalid to number", 400)
        return {"id": id, "status": "created", "to": to, "message": text}, 200

    @app.post("/modem")
    def modem() -> tuple[dict[str, str], int]:
        id = phones.receive(request.form.get("to", ""), request.form.get("text", ""), FROM_HOME)
        return ({"id": id}, 200) if id else ({"error": "no such number"}, 404)

    @app.post("/modem/inbox")
    def inbox() -> list[dict[str, str]]:
        return phones.for_the_home()

    @app.get("/a1/me")
    def account() -> dict[str, str]:
        return {"displayname": "Tryggve", "balance": "1000000"}

    @app.post("/svara")
    def answer() -> ResponseReturnValue:
        form = request.form
        phones.answer(form.get("number", ""), form.get("id", ""), form.get("words", "OK"))
        return redirect("/")

    @app.post("/av")
    def switch() -> ResponseReturnValue:
        phones.switch(request.form.get("number", ""))
        return redirect("/")

    return app


PAGE = """<!doctype html>
<html lang="sv"><head><meta charset="utf-8"><title>Provtelefon</title>
<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="2">
<style>
 body{font:16px/1.4 system-ui,sans-serif;margin:0;padding:1rem;background:#eef1f0;color:#16211f}
 h1{font-size:1.3rem;margin:0 0 .2rem} p{margin:.2rem 0}
 .row{display:flex;flex-wrap:wrap;gap:1rem;align-items:flex-start;margin-top:1rem}
 .phone{background:#fff;border:2px solid #16211f;border-radius:1.6rem;padding:1rem;width:17rem;
   min-height:18rem;box-sizing:border-box}
 .phone.off{background:#d5dad8}
 .phone h2{font-size:1rem;margin:0}.number{color:#44524f;font-size:.9rem}
 .text{overflow-wrap:anywhere}
 .text{border-radius:.8rem;background:#e3efe9;padding:.5rem .7rem;margin:.6rem 0}
 .text.home{background:#fdeccb}.when{font-size:.85rem;color:#44524f}
 button{font:inherit;min-height:2.2rem;padding:0 .9rem;border-radius:.6rem;border:1px solid #16211f;
   background:#fff}
 .answer{font-weight:600}
</style></head><body>
<h1>Provtelefon</h1>
<p>Vad varje mottagares telefon visar. Ingenting lämnar den här datorn.</p>
<div class="row">{% for phone in phones %}
<section class="phone {{ '' if phone.on else 'off' }}" aria-label="{{ phone.owner }}">
 <h2>{{ phone.owner }}</h2><p class="number">{{ phone.number }}</p>
 <form method="post" action="/av"><input type="hidden" name="number" value="{{ phone.number }}">
  <button>{{ 'Stäng av telefonen' if phone.on else 'Slå på telefonen' }}</button></form>
 {% if phone.on %}{% for text in phone.texts %}
 <div class="text {{ text.whence }}"><p class="when">
  {{ text.at.astimezone(here).strftime('%H:%M:%S') }}
  {{ 'från hemmets eget modem' if text.whence == from_home else 'från servern' }}</p>
  <p>{{ text.text|urlize(target="_blank") }}</p>
  {% if text.answered %}<p class="answer">Svarade: {{ text.answered }}</p>
  {% else %}<form method="post" action="/svara">
   <input type="hidden" name="id" value="{{ text.id }}">
   <input type="hidden" name="number" value="{{ phone.number }}">
   <input type="hidden" name="words" value="OK"><button>Svara OK</button></form>{% endif %}
 </div>{% else %}<p>Inga meddelanden.</p>{% endfor %}
 {% else %}<p>Telefonen är av.</p>{% endif %}
</section>{% endfor %}</div>
</body></html>"""
"""The page: a column a phone."""
