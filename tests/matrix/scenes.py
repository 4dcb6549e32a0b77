"""What a home and a server do together, scene by scene, whatever versions they are of.

A scene looks at events, answers and rows, and hardly at a page's form: pages change with each
version, and a pair is right when people are served.  Each raises an `AssertionError` or a
`TryggveError` when it is not.  Not for: which versions meet (`pairs`).
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import urllib3

from gateway.demo.staffclient import Live, StaffClient
from gateway.demo.stage import Stage, furnish
from gateway.demo.town import HOME, NEIGHBOUR
from gateway.engine.log_reader import LogReader
from gateway.events import AlarmType
from tests.ports import free_port

FIRST_EVENING = datetime.fromisoformat("2026-03-02T21:40:00+01:00")
"""When the first pair's scenes begin; each pair has a night and a morning of its own."""

SOON_S = 90.0
"""Real seconds for what a home or a server does by itself."""

Event = dict[str, Any]


@dataclass(slots=True)
class Cast:
    """The stage and the people who play on it.  `token` is for the plan, `code` for the next new
    gateway; `number` counts the pairs that played here."""

    stage: Stage
    token: str
    code: str
    number: int = 0
    night: StaffClient | None = None
    phone: StaffClient | None = None
    live: Live | None = None

    def sign_in(self) -> None:
        """Both sign in and the night watcher's screen opens; they stay so from version to version,
        as people do who do not know that anything was updated."""
        self.night, self.phone = (
            StaffClient(self.stage.url, account.email, account.password)
            for account in map(self.stage.account, ("night_watcher", "caregiver"))
        )
        self.live = self.night.live()

    def at(self, local: str) -> datetime:
        """`HH:MM` of this pair's night or morning."""
        hour, minute = map(int, local.split(":"))
        day = FIRST_EVENING + timedelta(days=self.number + (hour < 20))
        return day.replace(hour=hour, minute=minute)

    def home(self, what: str, **more: Any) -> dict[str, Any]:
        """An order to the virtual home."""
        assert self.stage.home is not None
        return self.stage.home.do(what, **more)

    def told(self, *kinds: str, after: float, device: str | None = None, **data: object) -> Event:
        """The event of one of these kinds on the screen."""
        assert self.live is not None

        def fits(event: Event) -> bool:
            named = device is None or event.get("device") == device
            return named and all(event["data"].get(key) == value for key, value in data.items())

        return self.live.wait(*kinds, after=after, fits=fits)[1]


def ref(event: Event) -> str:
    """An event's reference."""
    return f"{event['origin']}/{event['seq']}"


def eventually(what: str, is_so: Callable[[], object]) -> Any:
    """What `is_so` gives once it is true."""
    until = time.monotonic() + SOON_S
    while not (found := is_so()):
        assert time.monotonic() < until, f"{what}: not within {SOON_S:.0f} s"
        time.sleep(0.1)
    return found


def enrolment(cast: Cast) -> None:
    """A new gateway becomes a home's own, with a code that the server gives."""
    stage = cast.stage
    pin = furnish(stage, NEIGHBOUR, stage.folder / "neighbour", free_port(), cast.code)
    assert pin.isdecimal(), "enrolled, and a PIN drawn"


def press(cast: Cast) -> None:
    """What a mat feels is on the screen."""
    asked = time.perf_counter()
    cast.home("press")
    cast.told("mat.pressed", after=asked, device="bed")
    cast.home("release")
    cast.told("mat.released", after=asked, device="bed")


def check(cast: Cast) -> None:
    """A night check that no sensor can answer is asked, and a person answers it."""
    assert cast.night is not None
    asked = time.perf_counter()
    cast.stage.clock.set(at=cast.at("23:00"), rate=1.0)
    name = f"night@{cast.at('23:00').astimezone(UTC):%Y-%m-%dT%H:%MZ}"
    cast.told("check.asked", after=asked, check=name)
    assert name in cast.night.get("/nu")
    fields = {"home": HOME.id, "check": name, "finding": "ok", "looked": "phone"}
    cast.night.post("/tillsyn/svara", **fields)
    cast.told("check.done", after=asked, check=name, by="watcher")


def alarm(cast: Cast) -> None:
    """A pendant's press rings, is on the page, is taken and resolved, and the home knows it."""
    assert cast.night is not None
    asked = time.perf_counter()
    cast.home("pendant")
    event = cast.told("alarm.raised", after=asked, type=AlarmType.PENDANT.value)
    assert ref(event) in cast.night.get("/nu")
    cast.night.post("/larm/ta", alarm=ref(event))
    taken = cast.told("alarm.acknowledged", after=asked, alarm=ref(event))
    cast.night.post("/larm/avsluta", alarm=ref(event), outcome="helped")
    done = cast.told("alarm.resolved", after=asked, alarm=ref(event))
    wanted = {ref(taken), ref(done)}
    eventually("the home knows who came", lambda: wanted <= set(_home_log(cast.stage)))
    assert ref(event) not in cast.night.get("/nu")


def plan(cast: Cast) -> None:
    """A visit that another system plans is on the caregiver's page, beside those of the file."""
    assert cast.phone is not None
    cast.stage.clock.set(at=cast.at("07:55"), rate=1.0)
    what = f"Hämtat paket {cast.number}"
    since = cast.at("09:15")
    visit = {
        "id": f"fed-{cast.number}",
        "home": HOME.id,
        "since": since.isoformat(),
        "until": (since + timedelta(minutes=15)).isoformat(),
        "what": what,
        "people": [cast.stage.account("caregiver").email],
    }
    answer = urllib3.request(
        "POST",
        f"{cast.stage.url}/api/v1/plan",
        json={"source": "feed", "visits": [visit]},
        headers={"Authorization": f"Bearer {cast.token}"},
        retries=False,
    )
    assert (answer.status, answer.json()["added"]) == (200, 1), answer.data
    page = cast.phone.get("/pass")
    assert what in page
    assert "Morgonhjälp" in page


def door(cast: Cast) -> None:
    """The phone opens the door and locks it again; a visit begins and ends with it."""
    assert cast.phone is not None
    for action, visit in (("unlock", "visit.started"), ("lock", "visit.ended")):
        asked = time.perf_counter()
        order = cast.phone.post(f"/pass/{HOME.id}/las", device="door", action=action)
        ended = cast.told("unlock.ended", after=asked, grant=order["grant"])
        assert ended["data"]["outcome"] == "done", ended["data"]
        cast.told(visit, after=asked, source=action)


def code(cast: Cast) -> None:
    """A one-time code of the phone opens at the home's own page, once; the visit is at the
    server."""
    assert cast.phone is not None
    phone = cast.phone

    def known() -> str | None:
        cast.home("step")  # the home says what it has with what it sends next
        homes = phone.post("/pass/koder")["homes"]
        mine = [one for home in homes if home["home"] == HOME.id for one in home["codes"]]
        return next((one["digits"] for one in mine if one["there"]), None)

    digits = eventually("the home has the codes", known)
    before = cast.home("tell")["turns"]
    asked = time.perf_counter()
    assert _typed(cast.stage, digits) == 303
    started = cast.told("visit.started", after=asked, source="unlock")
    assert cast.home("tell")["turns"] == before + 1
    assert _typed(cast.stage, digits) != 303, "a code works once"
    order = phone.post(f"/pass/{HOME.id}/las", device="door", action="lock")
    cast.told("unlock.ended", after=asked, grant=order["grant"])
    cast.told("visit.ended", after=asked, visit=ref(started))


def same_log(cast: Cast) -> None:
    """Afterwards both hold the same: each event of the home, and each that the server decided, by
    number and hash; and neither took anything of the other for what it may not say."""
    stage = cast.stage

    def caught_up() -> bool:
        now = cast.home("tell")
        server = _server_log(stage)
        ours = max((seq for origin, seq in server if origin == now["origin"]), default=0)
        return bool(now["backlog"] == 0 and now["durable"] == ours)

    eventually("all is at the server", caught_up)
    eventually("all is at home", lambda: _server_log(stage).keys() <= _home_keys(stage))
    home = {(obj["origin"], obj["seq"]): obj["hash"] for obj in LogReader(stage.home_log).events()}
    server = _server_log(stage)
    assert {key: home.get(key) for key in server} == server
    with closing(sqlite3.connect(stage.database, timeout=60)) as db:
        marked = "SELECT mark, kind, body FROM event WHERE mark IS NOT NULL"
        assert db.execute(marked).fetchall() == []


SCENES: tuple[Callable[[Cast], None], ...] = (
    enrolment,
    press,
    check,
    alarm,
    plan,
    door,
    code,
    same_log,
)


def _home_log(stage: Stage) -> list[str]:
    return [ref(obj) for obj in LogReader(stage.home_log).events()]


def _home_keys(stage: Stage) -> set[tuple[str, int]]:
    return {(obj["origin"], obj["seq"]) for obj in LogReader(stage.home_log).events()}


def _server_log(stage: Stage) -> dict[tuple[str, int], str]:
    """What the server has of the home that plays: number to hash."""
    with closing(sqlite3.connect(stage.database, timeout=60)) as db:
        rows = db.execute("SELECT origin, seq, hash FROM event WHERE home_id = ?", (HOME.id,))
        return {(origin, seq): bytes(digest).hex() for origin, seq, digest in rows}


def _typed(stage: Stage, digits: str) -> int:
    """Type a code at the home's page as a browser does; the answer's status."""
    pool = urllib3.PoolManager(cert_reqs="CERT_NONE", assert_hostname=False, retries=False)
    with pool:
        page = pool.request("GET", f"{stage.home_url}/door")
        found = re.search(r'name="token"[^>]*value="([^"]+)"', page.data.decode())
        assert found is not None
        cookie = page.headers["Set-Cookie"].split(";")[0]
        headers = {"Cookie": cookie, "Origin": stage.home_url, "Sec-Fetch-Site": "same-origin"}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        answer = pool.urlopen(
            "POST",
            f"{stage.home_url}/door",
            redirect=False,
            body=urlencode({"code": digits, "token": found[1]}),
            headers=headers,
        )
        return answer.status
