"""What each page costs as a coordinator of all these homes: statements, commits, bytes, time.

Asked of the same application, opened beside the running server on its database, where what goes to
the database can be counted.  Not for: pages under load (`screens` measures those).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from flask.testing import FlaskClient

from tests.load.screens import menu
from tests.load.town import PASSWORD, Town
from tests.staff.pages.test_statements import counted
from web.staff.core.config import load_config
from web.staff.core.rights import Role
from web.staff.runtime.app import create_app

TIMES = 3
"""Openings of each page; the first one warms what is kept, and the median is told."""

OPENED_BY = (Role.COORDINATOR, Role.ADMINISTRATOR, Role.TECHNICIAN)
"""Who sees every home: a page is opened by the first who may."""


@dataclass(frozen=True, slots=True)
class PageCost:
    """One page: how long it took, and what it asked of the database."""

    path: str
    role: Role
    took_s: float
    statements: int
    commits: int
    parameters: int
    kb: float


def of_pages(town: Town) -> list[PageCost]:
    """Every page of the menu, and one home's."""
    app = create_app(load_config(town.config), watch=False)
    try:
        clients = {role: app.test_client() for role in OPENED_BY}
        for role, client in clients.items():
            _sign_in(client, town.people[role][0])
        found = []
        for path in [*menu(), f"/hem/{town.homes[0].home}"]:
            for role, client in clients.items():
                if client.get(path).status_code != 200:
                    continue
                costs = []
                for _ in range(TIMES):
                    began_s = time.perf_counter()
                    with counted(app) as cost:
                        answer = client.get(path)
                    took_s = time.perf_counter() - began_s
                    kb = len(answer.data) / 1000
                    costs.append(PageCost(path, role, took_s, *cost.figures, kb))
                found.append(sorted(costs, key=lambda one: one.took_s)[TIMES // 2])
                break
        return found
    finally:
        app.extensions["tryggve.stop"]()


def _sign_in(client: FlaskClient, email: str) -> None:
    page = client.get("/login").get_data(as_text=True)
    token = page.split('name="csrf_token"', 1)[1].split('value="', 1)[1].split('"', 1)[0]
    form = {"email": email, "password": PASSWORD, "csrf_token": token}
    answer = client.post("/login", data=form)
    if answer.status_code not in (302, 303):
        raise RuntimeError(f"{email} could not sign in")
