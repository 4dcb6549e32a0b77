"""The screens of a scene, in a process of their own: a thousand homes at work in it would make
each page slow.

Not for: what a screen does (`screens`).
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any

from tests.load import screens
from tests.load.home import LoadHome
from tests.load.ledger import Ledger
from tests.load.town import PASSWORD, Town
from web.staff.core.rights import Role

CAREGIVERS = 4
"""Caregivers who have a screen; of each other role one does."""

ANSWER_S = 120.0
"""Seconds for the process to open its screens, and to tell what they noted: on a slow machine."""


class Staffroom:
    """A screen for each role and some caregivers, who act.  `everywhere`: they click through the
    menu; else all show *Nu*.  From the making to `close`."""

    def __init__(self, town: Town, ledger: Ledger, *, everywhere: bool) -> None:
        self._ledger = ledger
        self._homes: Mapping[str, LoadHome] = {home.home: home for home in town.homes}
        people = {
            role: emails[: CAREGIVERS if role is Role.CAREGIVER else 1]
            for role, emails in town.people.items()
        }
        self.screens = sum(map(len, people.values()))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.load.staffroom"],
            stdin=subprocess.PIPE,  # it ends with that, however this process ends
            stdout=subprocess.PIPE,
            text=True,
        )
        home = next(iter(self._homes)) if everywhere else None
        self._ask({"url": town.url, "people": people, "home": home}, ANSWER_S)

    def hurry(self, seconds: float) -> None:
        """So long each screen fetches its page about once a second, whatever comes."""
        self._ask({"hurry": seconds}, seconds + ANSWER_S)

    def close(self) -> None:
        """Close the screens, and note in the ledger what they noted.  An alarm from before the
        scene was not waited for."""
        told = self._ask({"close": True}, ANSWER_S)
        self._process.communicate(timeout=ANSWER_S)
        self._ledger.add(told["noted"])
        for heard in told["heard"]:
            for name, seq, now_s in heard:
                home = self._homes.get(name)
                given_s = home.given.get(seq, 0.0) if home is not None else 0.0
                if given_s >= self._ledger.began_s:
                    self._ledger.waited("alarm_on_screen", now_s - given_s)

    def _ask(self, words: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """Its answer.  Raises `ValueError` where it ended, or gave none in time."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        late = threading.Timer(timeout_s, self._process.kill)
        late.start()
        try:
            self._process.stdin.write(json.dumps(words) + "\n")
            self._process.stdin.flush()
            told: dict[str, Any] = json.loads(self._process.stdout.readline())
            return told
        finally:
            late.cancel()


def main() -> None:
    """Do what the other side asks for, until it ends."""
    ledger = Ledger()
    asked = json.loads(sys.stdin.readline())
    people = {Role(role): emails for role, emails in asked["people"].items()}
    watching = screens.open_all(asked["url"], people, PASSWORD, ledger, asked["home"])
    print("{}", flush=True)
    for line in sys.stdin:
        asked, told = json.loads(line), {}
        if "hurry" in asked:
            screens.hurry(watching, asked["hurry"])
        else:
            told = _closed(watching, ledger)
        print(json.dumps(told), flush=True)


def _closed(watching: list[screens.Screen], ledger: Ledger) -> dict[str, Any]:
    screens.close_all(watching)
    heard = [[(*alarm, now_s) for alarm, now_s in one.heard.items()] for one in watching]
    return {"noted": ledger.as_json(), "heard": heard}


if __name__ == "__main__":
    main()
