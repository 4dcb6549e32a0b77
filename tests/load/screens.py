"""Screens of signed-in staff: they hear of changes, fetch their pages anew, and act on alarms.

Which pages there are is asked of the product's own registry, so a new one is opened without being
named here.  Not for: what a page shows, or where these screens run (`staffroom`).
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any
from urllib.parse import urlsplit

import urllib3

from gateway.demo.staffclient import StaffClient, StaffError
from tests.load.ledger import NO_ANSWER, Asked, Ledger
from tests.load.refreshing import Refreshing
from web.staff import pages
from web.staff.core.rights import Role

PAUSE_S = 1.0
"""Seconds between two pages of a person who clicks through the menu."""

PAUSE_MAX_S = 1.5
"""And at least as long as the last one took, but no longer than this: nobody clicks on while a page
loads."""

BACK_S = 1.0
"""Seconds until a screen that lost its stream comes back (`live.RETRY_MS`)."""

ACTS_MAX = 10
"""Alarms that one caregiver goes to in a scene."""

DOOR_S = 60.0
"""Seconds for which a caregiver waits for a door before it counts as not turned."""

NOW = "/nu?fragment=1"
"""What a screen that shows *Nu* fetches at every change."""

PASS = "/pass?fragment=1"
"""Where a phone shows how a turn goes."""

ALARM_SHOWN = re.compile(r'data-alarm="home:(b\d+)/(\d+)"')
"""An alarm of a home in a page."""

ALARM, ENDED, RESYNC = b'"kind":"alarm.raised"', b'"kind":"unlock.ended"', b"event: resync"


def menu() -> list[str]:
    """The pages of the menu."""
    return [route.path for route in pages.discover() if route.menu is not None]


class NotedClient(StaffClient):
    """A signed-in person whose requests are noted."""

    def __init__(self, url: str, email: str, password: str, ledger: Ledger) -> None:
        self.ledger = ledger
        super().__init__(url, email, password)

    def _send(
        self,
        method: str,
        path: str,
        fields: dict[str, str] | None = None,
        *,
        json_wanted: bool = False,
        stream: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        began_s = time.perf_counter()
        status, down = NO_ANSWER, 0
        try:
            answer = super()._send(method, path, fields, json_wanted=json_wanted, stream=stream)
            status, down = answer.status, 0 if stream else len(answer.data)
            return answer
        finally:
            what = f"{method} {named(urlsplit(path).path)}"
            took_s = time.perf_counter() - began_s
            self.ledger.note(Asked(what, began_s, took_s, status, 0, down))


def named(path: str) -> str:
    """A page's address without which home it shows."""
    parts = path.split("/")
    return "/".join("…" if part[:1] == "b" and part[1:].isdigit() else part for part in parts)


class Screen:
    """One person's screen, from `open` to `close`."""

    def __init__(self, url: str, role: Role, email: str, password: str, ledger: Ledger) -> None:
        self.role = role
        self.ledger = ledger
        # signing in is not what is measured
        self.client = NotedClient(url, email, password, Ledger())
        self.client.ledger = ledger
        self.paths: Sequence[str] = (NOW,)
        self.pause_s = PAUSE_S
        self.refreshing: Refreshing | None = None
        """When it fetches the one page that it shows; None: it clicks through `paths`."""
        self.heard: dict[tuple[str, int], float] = {}
        """When it first had each alarm (`time.perf_counter`), by home and number."""
        self._rng = Random(email)
        self._ended: dict[str, float] = {}
        self._ended_in: set[str | None] = set()
        """Homes of which was told that turns ended there, without which; None: in many homes."""
        self._alarms: list[dict[str, Any]] = []
        self._news = threading.Condition()
        self._stopping = threading.Event()
        self._stream: urllib3.BaseHTTPResponse | None = None
        self._threads = [threading.Thread(target=self._listen, daemon=True)]

    def open(self, *, acts: bool = False, looks: bool = True) -> None:
        """Begin to listen; `looks`: and to fetch pages; `acts`: and to go where alarms are."""
        jobs = [(self._look, looks), (self._act, acts)]
        self._threads += [threading.Thread(target=job, daemon=True) for job, yes in jobs if yes]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Close the screen."""
        self._stopping.set()
        if self.refreshing is not None:
            self.refreshing.stop()
        if self._stream is not None:
            self._stream.close()
        with self._news:
            self._news.notify_all()
        for thread in self._threads:
            thread.join(1.0)  # one that waits for an answer is abandoned

    # --- what it hears

    def _listen(self) -> None:
        while not self._stopping.is_set():
            try:
                self._stream = self.client._send("GET", "/live", stream=True)
                if self._stream.status == 200:
                    self._read(self._stream)
                else:
                    self.ledger.count("screens_refused")
            except (StaffError, urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError):
                if not self._stopping.is_set():
                    self.ledger.count("screens_cut")
            self._stopping.wait(BACK_S)

    def _read(self, stream: urllib3.BaseHTTPResponse) -> None:
        waiting = b""
        while not self._stopping.is_set():
            chunk = stream.read1()
            if not chunk:
                return
            now_s = time.perf_counter()
            *messages, waiting = (waiting + chunk).split(b"\n\n")
            for message in messages:
                if self.refreshing is not None:
                    self.refreshing.hear(message)
                if ALARM in message or ENDED in message:
                    self._hear(message, now_s)
                elif RESYNC in message:
                    self._load_anew()

    def _hear(self, message: bytes, now_s: float) -> None:
        told = json.loads(message.partition(b"data: ")[2])
        event = told["event"]
        self.ledger.count("rings", told["kind"] == "alarm.raised")
        if event is None and told["kind"] == "unlock.ended":
            with self._news:
                self._ended_in.add(told["home"])
                self._news.notify_all()
        if event is None or not event["origin"].startswith("home:"):
            return
        with self._news:
            if event["kind"] == "unlock.ended":
                self._ended[event["data"]["grant"]] = now_s
            else:
                self._note_alarm(told["home"], event, now_s)
            self._news.notify_all()

    def _load_anew(self) -> None:
        """More came at once than a screen holds: the page says what is open now."""
        self.ledger.count("screens_loaded_anew")
        found = set(ALARM_SHOWN.findall(self.client.get(NOW)))
        now_s = time.perf_counter()
        with self._news:
            for name, number in found:
                if (name, int(number)) not in self.heard:
                    self._note_alarm(name, {"origin": f"home:{name}", "seq": int(number)}, now_s)
            self._news.notify_all()

    def _note_alarm(self, name: str, event: dict[str, Any], now_s: float) -> None:
        alarm = name, int(event["seq"])
        if alarm in self.heard:
            self.ledger.count("alarms_told_twice")
            return
        self.heard[alarm] = now_s
        self._alarms.append(event | {"home": name})

    # --- what it does

    def _show(self, refreshing: Refreshing) -> None:
        """Show *Nu*, and fetch it anew whenever the page's own script would."""
        while refreshing.wait():
            began_s, refused = time.perf_counter(), False
            try:
                self.client.get(NOW)
            except StaffError:
                self.ledger.count("pages_refused")
                refused = True
            refreshing.fetched(time.perf_counter() - began_s, again=refused)

    def _look(self) -> None:
        if self.refreshing is not None:
            self._show(self.refreshing)
            return
        took_s = 0.0
        while True:
            pause_s = self._rng.uniform(0.5, 1.5) * self.pause_s
            if self._stopping.wait(max(pause_s, min(took_s, PAUSE_MAX_S))):
                return
            path, began_s = self._rng.choice(self.paths), time.perf_counter()
            try:
                self.client.get(path)
            except StaffError:
                self.ledger.count("pages_refused")
            took_s = time.perf_counter() - began_s

    def _act(self) -> None:
        for _ in range(ACTS_MAX):
            with self._news:
                while not self._alarms and not self._stopping.is_set():
                    self._news.wait(1.0)
                if self._stopping.is_set():
                    return
                alarm = self._alarms.pop(0)
            try:
                self._go_to(alarm)
            except StaffError as error:
                self.ledger.count("acts_refused")
                self.ledger.say(error.text)

    def _go_to(self, alarm: dict[str, Any]) -> None:
        """Take the alarm, open the door, and say what it was."""
        ref, home = f"{alarm['origin']}/{alarm['seq']}", alarm["home"]
        self._timed("alarm_taken", lambda: self.client.post("/larm/ta", alarm=ref))
        began_s = time.perf_counter()
        key = f"{ref}-{began_s}"[-60:]
        grant = self.client.post(f"/pass/{home}/las", device="door", action="unlock", key=key)
        ended_s = self._turned(home, grant["grant"])
        if ended_s is None:
            self.ledger.count("doors_not_heard")
        else:
            self.ledger.waited("door_turned", ended_s - began_s)
        self.client.post("/larm/avsluta", alarm=ref, outcome="helped")

    def _turned(self, home: str, grant: str) -> float | None:
        """When this person saw that the turn ended; None: not in time.  What is told of many homes
        together is read on the page, as a phone does."""
        until_s = time.monotonic() + DOOR_S
        while (left_s := until_s - time.monotonic()) > 0:
            with self._news:
                self._news.wait_for(
                    lambda: grant in self._ended or not self._ended_in.isdisjoint((home, None)),
                    left_s,
                )
                if grant in self._ended:
                    return self._ended[grant]
                self._ended_in -= {home, None}
            # a door that stands open is told of in place of the turn
            shown = self.client.get(PASS).partition(f'data-key="turn-{grant}"')[2]
            if 'data-outcome=""' not in shown.partition(">")[0]:
                return time.perf_counter()
        return None

    def _timed(self, what: str, act: Callable[[], object]) -> None:
        began_s = time.perf_counter()
        act()
        self.ledger.waited(what, time.perf_counter() - began_s)


def open_all(
    url: str, people: Mapping[Role, Sequence[str]], password: str, ledger: Ledger, home: str | None
) -> list[Screen]:
    """A screen for each of these accounts, of which caregivers act.  `home`: they click through the
    menu, and that home's page; None: all show *Nu*."""
    screens = [
        Screen(url, role, email, password, ledger)
        for role, emails in people.items()
        for email in emails
    ]
    for number, screen in enumerate(screens):
        if home is not None:
            screen.paths = allowed(screen, home)
        else:
            screen.refreshing = Refreshing(screen.client.get(NOW), Random(number))
    for screen in screens:
        screen.open(acts=screen.role is Role.CAREGIVER)
    return screens


def hurry(screens: Sequence[Screen], seconds: float) -> None:
    """So long each screen fetches its page about once a second, with whatever comes: what the page
    takes when all is over."""
    rng, until_s = Random(5), time.monotonic() + seconds
    at_s = [time.monotonic()] * len(screens)
    while (now_s := time.monotonic()) < until_s:
        for number, screen in enumerate(screens):
            if at_s[number] <= now_s and screen.refreshing is not None:
                screen.refreshing.ask(hurried=True)
                at_s[number] = now_s + rng.uniform(0.5, 1.5)
        time.sleep(0.05)


def allowed(screen: Screen, home: str) -> list[str]:
    """The pages of the menu that this person may open, and this home's."""
    found, ledger = [], screen.client.ledger
    screen.client.ledger = Ledger()
    for path in [*menu(), f"/hem/{home}"]:
        try:
            screen.client.get(path)
            found.append(path)
        except StaffError:
            continue  # not for this role
    screen.client.ledger = ledger
    return found


def close_all(screens: Sequence[Screen]) -> None:
    """Close them."""
    for screen in screens:
        screen.close()
