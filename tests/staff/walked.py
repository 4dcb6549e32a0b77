"""Every route of the staff server, and how the walk of the walls tries it (`test_walls`).

A page says beside its address what it understands (`web.staff.pages.routes`), and is walked without
being named here; what is no page of ours, and what an attacker would add to a form, is.  What the
address itself asks for (`<home>`, `<person>`) and the fields of `everything` are filled in with
another organisation's ids, so name only what makes a form complete.  `()` stands for one try with
nothing more.
"""

from __future__ import annotations

import re

from web.staff import pages
from web.staff.pages.routes import Fields, Route

TRIED_TOO: dict[str, tuple[Fields, ...]] = {
    "events": ({"sok": "Kanarie"}, {"hem": "h1", "fragment": "1"}),
    "visits_lock": ({"before": "2026-11-23", "org": "org1"},),
    "people_add": (
        {"name": "x", "email": "kanarie@prov.example", "role": "administrator", "org": "org1"},
    ),
    "places_add": ({"label": "x", "org": "org1"},),
    "places_groups": (
        {"do": "team", "name": "x", "org": "org1"},
        {"do": "area", "name": "x", "org": "org1"},
    ),
}
"""Fields that no form of the page has: by the name of a page."""


def ways(route: Route) -> tuple[Fields, ...]:
    """Its examples; a page of the menu is also asked for as the live refresh does."""
    asked = (*route.examples, *TRIED_TOO.get(route.name, ()))
    if route.menu is None:
        return asked
    return (*asked, *({**fields, "fragment": "1"} for fields in route.examples))


def pages_to_open() -> list[Route]:
    """What somebody who is signed in can open: pages, and the files that they offer."""
    return [route for route in pages.discover() if route.method == "GET" and not route.public]


def address_of(route: Route) -> str:
    """Its address in the home and for the person that the tests have."""
    known = {"home": "h1", "person": "p7", "tag": "x", "mass": "mass1", "alarm": "home:h1/9"}
    known |= {"link": "x", "zoom": "1", "x": "0", "y": "0", "number": "1"}
    return re.sub(r"<(?:path:)?(\w+)>", lambda found: known[found[1]], route.path)


WALKED: dict[str, tuple[Fields, ...]] = {
    **{f"pages.{route.name}": ways(route) for route in pages.discover()},
    "health.healthz": (),
    "health.metrics": (),
    "openapi.openapi": (),
    "security_txt.security_txt": (),
    "static": (),
    "security.static": (),
    "pushed.live": (),
    # Flask-Security's
    "security.login": ({"email": "p7@prov.example", "password": "wrong password 1"},),
    "security.logout": (),
    "security.verify": ({"password": "wrong password 1"},),
    "security.change_password": ({"password": "x", "new_password": "x"},),
    "security.mf_recovery": ({"code": "0000"},),
    "security.mf_recovery_codes": ({}, {"show_codes": "1"}),
    "security.tf_select": (),
    "security.two_factor_rescue": ({"help_setup": "email"},),
    "security.two_factor_setup": ({"setup": "authenticator"}, {"setup": "disable"}),
    "security.two_factor_setup_validate": ({"code": "000000"},),
    "security.two_factor_token_validation": ({"code": "000000"},),
    "security.wan_delete": ({"name": "Kanarienyckel"},),
    "security.wan_register": ({"name": "x"},),
    "security.wan_register_response": ({"credential": "{}"},),
    "security.wan_signin": (),
    "security.wan_signin_response": ({"credential": "{}"},),
    "security.wan_verify": (),
    "security.wan_verify_response": ({"credential": "{}"},),
    "sign_on.start": (),
    "sign_on.answer": ({"code": "x", "state": "x"},),
}
"""By endpoint."""

BY_KEY = {
    "link.call",
    "link.look",
    "link.heard_now",
    "link.picture",
    "channels.moved",  # what a device subscribed with is the key (pages/test_ways.py)
    "channels.told",
    "link.enroll",
    "link.events",
    "link.stream",
    "link.update",  # (releases/test_rounds.py)
    "link.urgent",
    "plan_api.receive_plan",
    "positions_api.owntracks",
    "positions_api.traccar",
}
"""Asked by programs with a key of their own: each is tried in a test of its own in `test_walls`."""

OPEN = {
    *(f"pages.{route.name}" for route in pages.discover() if route.public),
    "health.healthz",
    "health.metrics",
    "openapi.openapi",
    "security_txt.security_txt",
    "static",
    "security.static",
    "security.login",
    "security.wan_signin",
    "security.wan_signin_response",
    "sign_on.start",
    "sign_on.answer",
}
"""What may answer somebody who is not signed in; none of it is about anybody."""
