"""Two workers of different versions run on one database for a day: a word that the newer one keeps
in a row and the other does not know is shown, passed over or said to be unknown.  No page, command,
round of the watch or batch of a home fails for it.

The columns are taken from the tables themselves: one that is added is tried without being named
here.  Not for: events of another version (`homelink/test_newer_envelopes`).
"""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Column, Table, Text, insert, select, update

from gateway.envelope import Draft
from gateway.events import KINDS, By, Unknown
from tests import versions
from tests._tree import ROOT
from tests.staff.many_homes import furnish
from tests.staff.parts import EnrolledHome, add_user, parts_of, sign_in
from tests.staff.walked import address_of, pages_to_open, ways
from web.staff.audit import access_log
from web.staff.cli.main import main
from web.staff.core.config import StaffConfig
from web.staff.core.context import Staff
from web.staff.core.rights import Role
from web.staff.events.projections.rebuild import rebuild_home
from web.staff.ladders import provider_routes
from web.staff.runtime.watch import Watch
from web.staff.storage import (
    admin_tables,
    alarm_tables,
    ladder_tables,
    release_tables,
    tables,
)
from web.staff.storage.tables import metadata

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

NEW = "a_newer_word"
"""What no version has said yet."""

NAMES = re.compile(
    r"(^|_)(id|by|ref|seq|origin|boot|sha256|hash|home|person|people|resident|token|kid|label|name"
    r"|address|url|fingerprint|value|text|said|network|browser|device|contact|receiver|camera|issuer"
    r"|subject|mender|room|version|about|email|password|secret|uniquifier|key|ladder|note|file"
    r"|alarm|visit|grant|request|event|test|planned|escalation|handle|message|extensions)$"
)
"""Ends of the names of columns that hold no word of a few: who or what it is, and what was said."""

OTHERWISE = {
    "home.timezone", "rota.timezone",  # of the zone database
    "home.fallback", "role.description", "plan_visit.what", "plan_visit.source",
    "plan_visit.external_id", "plan_file.source", "storage_probe.filler", "home_care_id.cid",
    "night_check.check", "look_session.check",  # ids
    "consent.asked_on", "cohabitant_consent.asked_on", "plan_file.first", "plan_file.last",  # days
    "look_session.answer", "media_call.answer", "hearing.told",  # of a page's or a home's program
    "home_state.in_bed", "user.locale", "config_state.unpaired",
    "api_token.scope",  # gives a right
}  # fmt: skip
"""Those with other names."""

STRUCTURED = {
    "event.body", "urgent.body", "check_plan.terms", "home_config.text", "config_state.file_text",
    "path_list.decided", "path_list.claims", "ladder.steps", "ladder.types", "rule_trial.change",
    "rule_trial.result", "change_before.before", "change_before.after", "plan_file.before",
    "zone.shape", "scaip_message.answer", "sign_on_group.roles", "sign_on_provider.wanted",
    "sign_on_provider.used",
}  # fmt: skip
"""JSON, in which words stand."""


def words() -> dict[Table, list[Column[Any]]]:
    """The columns that hold one of a few words, table by table."""
    found: dict[Table, list[Column[Any]]] = {}
    for table in metadata.sorted_tables:
        for column in table.columns:
            full = f"{table.name}.{column.name}"
            plain = isinstance(column.type, Text) and not column.foreign_keys
            named = NAMES.search(column.name) or full in OTHERWISE | STRUCTURED
            if plain and not named:
                found.setdefault(table, []).append(column)
    return found


ROUNDS = 6
"""In each one column of a table, of the widest two: unknown words in a row could hide each other,
and each round asks for every page."""


def test_the_columns_are_those_that_hold_words() -> None:
    """As far as can be said: those that are known to are found, and those that are named here
    exist."""
    found = {f"{one.table.name}.{one.name}" for some in words().values() for one in some}
    known = {"alarm.severity", "night_check.state", "session.factor", "look_session.reason"}
    assert known <= found
    every = {f"{t.name}.{c.name}" for t in metadata.sorted_tables for c in t.columns}
    assert every >= OTHERWISE | STRUCTURED


# --- a home with everything -----------------------------------------------------------------------


@pytest.fixture
def reader(staff_app: Flask, enrolled_home: EnrolledHome) -> FlaskClient:
    """Somebody with every role, where there is something of everything, and much of it not as it
    should be: what goes well needs few words.  They have a role more that only a newer version
    knows."""
    parts = parts_of(staff_app)
    add_user(staff_app, "p7", [role.value for role in Role], homes=["h1"])
    client = staff_app.test_client()
    sign_in(client, "p7")
    furnish(enrolled_home, "p7")
    with parts.db.write() as tx:
        now, conn = enrolled_home.clock.now(), tx.conn
        conn.execute(update(tables.plan_state).values(held=0, refused=1, refused_why="times"))
        conn.execute(update(tables.config_state).values(held=0, waits_why="lock"))
        conn.execute(update(release_tables.release_plan).values(over_at=None, state="running"))
        conn.execute(update(admin_tables.rule_trial).values(id="x"))
        conn.execute(update(alarm_tables.contact_trial).values(failed="busy"))
        conn.execute(update(tables.failed_sign_in).values(user_id=_account(conn, "p7")))
        conn.execute(update(alarm_tables.contact_point).values(user_id=_account(conn, "p7")))
        conn.execute(update(tables.alarm).values(acknowledged_at=now, acknowledged_by="p7"))
        conn.execute(update(ladder_tables.ladder).values(severity="care"))
        conn.execute(insert(tables.role).values(name=NEW))
        number = select(tables.role.c.id).where(tables.role.c.name == NEW).scalar_subquery()
        for one in ("p7", "p-h1"):
            said = {"user_id": _account(conn, one), "role_id": number}
            conn.execute(insert(tables.user_role).values(**said))
    enrolled_home.clock.advance(1)
    access_log.draw(parts, "org1", "2026-11")
    return client


def _account(conn: Any, person: str) -> int:
    u = tables.user.c
    return int(conn.execute(select(u.id).where(u.person_id == person)).scalar_one())


Asked = tuple[str, dict[str, str]]
"""A page, and what it is asked for."""


def asked(staff: Staff) -> Iterator[Asked]:
    """Every page, with the ids of what is there, and with its examples."""
    yield from (("/healthz", {}), ("/metrics", {}))
    with staff.db.read() as conn:
        v = tables.visit.c
        visit = conn.execute(select(v.id).where(v.home_id == "h1")).scalars().first() or ""
        (sample,) = access_log.samples(conn, "org1")
    there = {"besok": visit, "ref": sample.ref, "hem": "h1"}
    for route in pages_to_open():
        yield address_of(route), there
        yield from ((address_of(route), dict(fields)) for fields in ways(route) if fields)


class Wrong(logging.Handler):
    """What went wrong: what was raised, or told in the diagnostic log, and where."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []
        self.during = ""

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:  # else it was expected, and told in a sentence
            self.note(error)

    def note(self, what: BaseException | str) -> None:
        """Once for each place."""
        text = what if isinstance(what, str) else f"{what!r} in {_place(what)}"
        if not any(text in one for one in self.found):
            self.found.append(f"{self.during}: {text}")


def _place(error: BaseException) -> str:
    ours = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(ROOT) and "/tests/" not in frame.filename
    ]
    last = ours[-1] if ours else traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.filename.removeprefix(str(ROOT))}:{last.lineno}"


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wrong]:
    """Collects what goes wrong, from the log too."""
    handler = Wrong()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


# --- what is done with it -------------------------------------------------------------------------


def look_at(pages: list[Asked], client: FlaskClient, wrong: Wrong) -> None:
    """Every page answers as ever, whole."""
    for path, fields in pages:
        wrong.during = f"{path} {fields}"
        try:
            answer = client.get(path, query_string=fields)
        except Exception as error:  # whatever it is, the other pages are asked for too
            wrong.note(error)
            continue
        if answer.status_code not in (200, 403, 404):
            wrong.note(f"answers {answer.status_code}")


def do_the_rounds(app: Flask, wrong: Wrong) -> None:
    """What the server does by itself: the watch, the ladders, the relatives."""
    watch = Watch(parts_of(app), settle_s=0)
    ladders, teller = app.extensions[provider_routes.EXTENSION], app.extensions["tryggve.teller"]
    rounds = {"the watch": watch.look, "the ladders": ladders.step, "relatives": teller.look}
    for name, look in rounds.items():
        wrong.during = name
        try:
            look()
        except Exception as error:
            wrong.note(error)
    for step, why in watch.failing.items():
        wrong.note(f"{step}: {why}")


def send_everything(home: EnrolledHome, wrong: Wrong) -> None:
    """A home goes on: each kind that it may write, and what is folded is made anew."""
    wrong.during = "a batch"
    e = tables.event.c  # its last word went over the urgent lane only, and was lost with its power
    with parts_of(home.app).db.read() as conn:
        query = select(e.seq, e.hash).where(e.origin == home.origin).order_by(e.seq.desc())
        home.seq, home.previous = conn.execute(query.limit(1)).one()
    kinds = [cls for cls in KINDS.values() if cls.BY is not By.SERVER]
    drafts = [Draft(Unknown(one.KIND, versions.whole(one)), device="front") for one in kinds]
    written = home.seal(*drafts)
    for lane in ("urgent", "events"):
        try:
            answer = home.post(lane, written)
            if answer.status_code != 200:
                wrong.note(answer.text)
        except Exception as error:
            wrong.note(error)
    wrong.during = "folding anew"
    try:
        with parts_of(home.app).db.write() as tx:
            rebuild_home(tx.conn, "h1")
    except Exception as error:
        wrong.note(error)


def type_everything(config: StaffConfig, folder: Path, wrong: Wrong) -> None:
    """Each command that shows something."""
    file = folder / "staff.toml"
    file.write_text(
        f'database = "{config.database}"\nsecrets_dir = "{config.secrets_dir}"\n'
        "secure_cookies = false\n"
    )
    for command in (
        "user list", "org list", "role list", "team list --org org1", "area list --org org1",
        "centre list", "tracker list", "second-path show h1", "ways list p-h1@prov.example",
        f"visits export --org org1 --from 2026-11-23 --to 2026-11-24 --out {folder / 'visits'}",
        f"access export --org org1 --from 2026-11-23 --to 2026-11-24 --out {folder / 'access'}",
    ):  # fmt: skip
        wrong.during = command
        try:
            main([*command.split(), "--config", str(file)])
        except SystemExit as ended:
            wrong.note(f"is no command: {ended}")
        except Exception as error:
            wrong.note(error)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_word_that_only_a_newer_worker_knows_fails_nothing(
    staff_app: Flask,
    enrolled_home: EnrolledHome,
    reader: FlaskClient,
    config: StaffConfig,
    tmp_path: Path,
    wrong: Wrong,
    number: int,
) -> None:
    """In each column that holds one."""
    staff = parts_of(staff_app)
    pages = list(asked(staff))
    with staff.db.write() as tx:
        for table, columns in words().items():
            new = {one.name: NEW for one in columns[number::ROUNDS] if not one.primary_key}
            if new:
                tx.conn.execute(update(table).values(new))
    look_at(pages, reader, wrong)
    type_everything(config, tmp_path, wrong)
    do_the_rounds(staff_app, wrong)
    send_everything(enrolled_home, wrong)
    assert not wrong.found, "\n".join(wrong.found)


def more(value: Any) -> Any:
    """What stands as JSON in a column, with something more in each part of it."""
    if isinstance(value, dict):
        return {**{name: more(one) for name, one in value.items()}, "zz_new": {"a": [1]}}
    if isinstance(value, list):
        return [*map(more, value), {"zz_new": 1}]
    return value


SAMPLES = {
    "path_list.decided": '{"receivers": [["p7", "sms", "+46701234567", "care"]], "types": [], '
    '"reply": "OK", "wait_s": 120.0, "label": null, "cid": null}',
    "path_list.claims": '{"aud": "h1", "to": {"p7": "+46701234567"}, "label": null, "cid": null, '
    '"salt": "0"}',
    "rule_trial.change": '{"quiet_s": 60}',
    "rule_trial.result": '{"days": 1, "before": {}, "after": {}, "more": [], "less": []}',
    "check_plan.terms": '{"times": ["02:00"], "nights": ["mon"], "look_agreed": false}',
}
"""Where a home with everything has nothing that could be read otherwise."""


@pytest.mark.parametrize("how", ["with more in it", "of another form", "another kind of JSON"])
def test_what_a_newer_worker_keeps_as_json_fails_nothing(
    staff_app: Flask,
    enrolled_home: EnrolledHome,
    reader: FlaskClient,
    config: StaffConfig,
    tmp_path: Path,
    wrong: Wrong,
    how: str,
) -> None:
    """In each column that holds some, but for events."""
    staff = parts_of(staff_app)
    pages = list(asked(staff))
    with staff.db.write() as tx:
        for full in sorted(STRUCTURED - {"event.body", "urgent.body", "ladder.types"}):
            table = metadata.tables[full.partition(".")[0]]
            column = table.c[full.partition(".")[2]]
            kept = tx.conn.execute(select(column).where(column.is_not(None))).scalars().first()
            now = json.loads(SAMPLES.get(full, kept or "{}"))
            said = {"with more in it": more(now), "of another form": {"zz_new": 1}}.get(how, 7)
            tx.conn.execute(update(table).values({column.name: json.dumps(said)}))
    look_at(pages, reader, wrong)
    type_everything(config, tmp_path, wrong)
    do_the_rounds(staff_app, wrong)
    send_everything(enrolled_home, wrong)
    assert not wrong.found, "\n".join(wrong.found)
