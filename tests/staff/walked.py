"""Every route of the staff server, and how the walk of the walls tries it (`test_walls`).

A new route must be added here: under its endpoint, the forms (for POST) or the queries (for GET)
with which it would do or show something.  What the address itself asks for (`<home>`, `<person>`)
and the fields of `everything` are filled in with another organisation's ids, so name only what
makes a form complete.  `()` stands for one try with nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping

Fields = Mapping[str, str]

WALKED: dict[str, tuple[Fields, ...]] = {
    "health.healthz": (),
    "health.metrics": (),
    "openapi.openapi": (),
    "static": (),
    "security.static": (),
    "pages.asset_file": (),
    "pages.start": (),
    # what is shown
    "pages.now": ({}, {"fragment": "1"}),
    "pages.shift": ({}, {"fragment": "1"}, {"andra": "visa"}, {"andra": "visa", "fragment": "1"}),
    "pages.service": ({}, {"fragment": "1"}),
    "pages.homes": ({}, {"fragment": "1"}),
    "pages.homes_one": ({}, {"fragment": "1"}),
    "pages.events": ({}, {"hem": "h1"}, {"sok": "Kanarie"}, {"hem": "h1", "fragment": "1"}),
    "pages.events_words": (),
    "pages.visits": ({}, {"fragment": "1"}, {"dag": "2026-11-23"}),
    "pushed.live": (),
    # what is done
    "pages.acknowledge": (),
    "pages.resolve": ({"outcome": "helped"}, {"outcome": "mended"}),
    "pages.answer_check": ({"finding": "ok", "looked": "phone"},),
    "pages.start_check": (),
    "pages.turn": ({"action": "unlock"}, {"action": "lock"}),
    "pages.tap": ({"tap": "arrive"}, {"tap": "leave"}),
    "pages.service_ask": ({"why": "test", "note": "x"},),
    "pages.service_answer": (
        {"do": "yes"},
        {"do": "no"},
        {"do": "withdraw"},
        {"do": "yes", "back": "now"},
    ),
    "pages.settings": ({"tema": "dark"},),
    # visits, tags, absence, the access log
    "pages.visits_one": (),
    "pages.visits_correct": (
        {"reason": "x", "since": "20:00", "until": "20:30", "note": "x"},
        {"reason": "x", "since": "20:00", "back": "shift"},
    ),
    "pages.visits_approve": ({"back": "2026-11-23"},),
    "pages.visits_lock": ({"before": "2026-11-23", "org": "org1"},),
    "pages.visits_file": ({}, {"form": "csv"}, {"form": "fhir"}),
    "pages.visit_decline": ({"why": "declined"}, {"why": "absent"}),
    "pages.visits_away": (),
    "pages.visits_away_add": (
        {"since": "2026-11-23T12:00", "until": ""},
        {"since": "2026-11-23T12:00", "until": "2026-11-24T12:00"},
    ),
    "pages.visits_away_end": (),
    "pages.tag": (),
    "pages.tag_stamp": ({"tap": "arrive"}, {"tap": "leave"}),
    "pages.access": (),
    "pages.access_file": (),
    "pages.access_sample": (),
    "pages.access_check": ({"found": "in_order"},),
    # offline
    "pages.worker": (),
    "pages.manifest": (),
    "pages.offline_shell": (),
    "pages.codes": (),
    # my account
    "pages.account": (),
    "pages.end_session": (),
    "pages.end_sessions": (),
    # administration
    "pages.people": (),
    "pages.people_one": (),
    "pages.people_add": (
        {"name": "x", "email": "kanarie@prov.example", "role": "administrator", "org": "org1"},
    ),
    "pages.people_change": (
        {"do": "roles", "role": "administrator"},
        {"do": "homes"},
        {"do": "teams"},
        {"do": "close"},
        {"do": "open"},
        {"do": "sign_out"},
        {"do": "password"},
        {"do": "factors"},
        {"do": "sso", "sso_id": "x"},
    ),
    "pages.people_access": ({}, {"vad": "phone"}, {"vad": "home"}, {"vad": "all"}),
    "pages.people_revoke_access": ({"scope": "home"}, {"scope": "phone"}, {"scope": "all"}),
    "pages.places": (),
    "pages.places_add": ({"label": "x", "org": "org1"},),
    "pages.places_change": ({"do": "area"}, {"do": "code"}, {"do": "area", "area": ""}),
    "pages.places_groups": (
        {"do": "covers"},
        {"do": "team", "name": "x", "org": "org1"},
        {"do": "area", "name": "x", "org": "org1"},
    ),
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
    "link.enroll",
    "link.events",
    "link.stream",
    "link.urgent",
    "plan_api.receive_plan",
}
"""Asked by programs with a key of their own: each is tried in a test of its own in `test_walls`."""

OPEN = {
    "health.healthz",
    "health.metrics",
    "openapi.openapi",
    "static",
    "security.static",
    "pages.asset_file",
    "pages.start",
    "pages.settings",
    "pages.worker",
    "pages.manifest",
    "pages.offline_shell",
    "security.login",
    "security.wan_signin",
    "security.wan_signin_response",
    "sign_on.start",
    "sign_on.answer",
}
"""What may answer somebody who is not signed in; none of it is about anybody."""
