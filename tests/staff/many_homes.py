"""Many homes for little: one home with a row in every table, and copies of its rows.

`furnish` gives the home `h1` something of everything; every id of it holds `h1`.  `multiply` copies
each row that says `h1` anywhere, with another home's name in its place: one statement a table, and
a table that is added later is copied too.  Chains are not kept (a copied event has its original's
hash).

Not for: tests of what is written; these rows are there to be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import Connection, Integer, Table, insert, select, update

from gateway.envelope import Because, Draft
from gateway.events import (
    AlarmRaised,
    AlarmType,
    BedEntered,
    BedLeft,
    CheckAsked,
    CheckEscalated,
    CheckPlanned,
    Data,
    GrantIssued,
    GrantRequested,
    GrantRevoked,
    LockOperationEnded,
    LockOperationOutcome,
    LockOperationRequested,
    MatPressed,
    RecordRead,
    Stamp,
    Undone,
    VisitCorrected,
    VisitDeclined,
    VisitEnded,
    VisitStarted,
)
from tests.staff.parts import EnrolledHome, add_user, parts_of
from web.staff.events import append
from web.staff.storage import (
    admin_tables,
    alarm_tables,
    install_tables,
    ladder_tables,
    look_tables,
    place_tables,
    plan_tables,
    relative_tables,
    release_tables,
    tables,
)
from web.staff.storage.tables import metadata

APART = 100_000
"""Distance between the numbers of an account and of its copies."""

MIN = timedelta(minutes=1)

_H1 = re.compile(r"(?<![0-9A-Za-z])h1(?![0-9A-Za-z])")


def furnish(home: EnrolledHome, everybody: str) -> None:
    """A row in every table about the home `h1` and its carer `p-h1`; `everybody` is a person who
    has been everywhere: visits, turns, codes and requests are theirs too."""
    add_user(home.app, "p-h1", ["caregiver"], homes=["h1"])
    home.describe()
    _told_by_the_home(home, everybody)
    _decided(home, everybody)
    with parts_of(home.app).db.write() as tx:
        _beside_events(tx.conn, home.clock.now(), everybody)


def _told_by_the_home(home: EnrolledHome, everybody: str) -> None:
    now = home.clock.now()
    (entered,) = home.send(BedEntered(), device="bed")
    home.send(*[MatPressed() for _ in range(5)], device="bed")
    because = Because("bed", 1, (entered.ref,))
    home.send(Draft(BedLeft(empty_since=now), device="bed", because=because))
    alarms = (AlarmType.BED_EXIT, AlarmType.DEVICE_DOWN)
    home.send(*[Draft(AlarmRaised.usual(a, now), because=because) for a in alarms])
    home.send(
        CheckPlanned(check="n@1", slot=now + 60 * MIN, report_by=now + 80 * MIN),
        CheckAsked(check="n@2", why="not_back", answer_by=now + 5 * MIN),
        CheckEscalated(check="n@3", why="help"),
    )
    for person in (everybody, "p-h1"):
        asked = LockOperationRequested(grant=f"g-h1-{person}", action="unlock", reason="alarm")
        done = LockOperationEnded(grant=f"g-h1-{person}", outcome=LockOperationOutcome.DONE)
        home.send(Draft(asked, person=person, device="front"), Draft(done, person=person))
        begun = VisitStarted(since=now - 40 * MIN, source=Stamp.UNLOCK)
        (started,) = home.send(Draft(begun, person=person))
    ended = VisitEnded(visit=started.ref, until=now - 10 * MIN, source=Stamp.LOCK)
    home.send(Draft(ended, person="p-h1"))
    home.send_urgent(MatPressed(), device="bed")


def _decided(home: EnrolledHome, everybody: str) -> None:
    now = home.clock.now()
    visit = f"{home.origin}/{home.seq - 2}"
    decided: list[tuple[str, Data]] = [
        ("p-h1", AlarmRaised.usual(AlarmType.HOME_SILENT, now)),
        (everybody, VisitDeclined(why=Undone.DECLINED, planned="plan-h1")),
        ("p-h1", VisitCorrected(visit=visit, since=now - 41 * MIN, reason="forgot")),
        (everybody, RecordRead(what="events")),
        (everybody, RecordRead(what="events")),
        (everybody, GrantRequested(action="unlock", why="test")),
        ("p-h1", GrantRequested(action="unlock", why="test")),
    ]
    for grant, person in (("g2-h1", everybody), ("g3-h1", "p-h1")):
        issued = GrantIssued(
            grant=grant, action="unlock", reason="alarm", reason_ref=None, expires=now + 10 * MIN
        )
        decided += [(person, issued), (person, GrantRevoked(grant=grant))]
    parts = parts_of(home.app)
    with parts.write() as tx:
        for person, data in decided:
            append.write(parts, tx, "h1", Draft(data, device="front", person=person))


def _beside_events(conn: Connection, now: datetime, everybody: str) -> None:
    a = tables.alarm.c
    silent = conn.execute(select(a.id).where(a.type == AlarmType.HOME_SILENT.value)).scalar_one()
    conn.execute(update(tables.enrol_code).values(code_hash="c-h1"))
    rows: dict[Table, dict[str, Any]] = {
        tables.set_aside: {
            "id": "staff:h1/1", "home_id": "h1", "event": "home:h1/3", "why": "other",
            "asked_by": "p-h1", "asked_at": now,
        },
        tables.alarm_repeat: {"id": "home:h1/999", "home_id": "h1", "alarm": silent, "at": now},
        tables.chain_test: {"home_id": "h1", "test": "home:h1/2", "why": "daily", "sent_at": now},
        tables.path_message: {
            "id": "home:h1/4", "home_id": "h1", "alarm": silent, "receiver": "p-h1",
            "channel": "sms", "attempt": 1, "sent_at": now,
        },
        alarm_tables.path_list: {
            "home_id": "h1", "claims": "{}", "set_at": now,
            "decided": '{"receivers": [], "types": [], "reply": "OK", "wait_s": 120.0, '
            '"label": null, "cid": null}',
        },
        tables.home_stream: {"id": "s-h1", "home_id": "h1", "seen_at": now},
        tables.mass_alarm: {
            "id": "mass1", "org_id": "org1", "type": "home_silent", "began_at": now,
            "last_at": now,
        },
        tables.mass_alarm_member: {
            "mass_id": "mass1", "alarm": silent, "home_id": "h1", "joined_at": now, "rings": True,
        },
        tables.lock_order: {"id": "order-h1", "home_id": "h1", "made_at": now},
        tables.media_call: {
            "id": "call-h1", "home_id": "h1", "alarm": "home:h1/9", "person": everybody,
            "state": "ended", "why": "", "answer": "", "made_at": now, "until": now,
        },
        install_tables.install_run: {"home_id": "h1", "begun_seq": 1, "begun_at": now},
        install_tables.hearing: {
            "id": "hearing-h1", "home_id": "h1", "person": everybody, "told": "", "made_at": now,
            "until": now,
        },
        look_tables.look_session: {
            "id": "look-h1", "home_id": "h1", "camera": "cam", "person": everybody,
            "reason": "worry", "state": "ended", "why": "", "answer": "", "key": "",
            "extended": False, "made_at": now, "until": now,
        },
        tables.door_code: {
            "id": "code-h1", "home_id": "h1", "person": everybody, "device": "front",
            "expires_at": now + 60 * MIN,
        },
        plan_tables.plan_visit: {
            "id": "plan-h1", "home_id": "h1", "source": "x", "external_id": "1", "imported_at": now,
            "since": now - 30 * MIN, "until": now + 30 * MIN, "what": "Kväll",
        },
        plan_tables.plan_staff: {"plan_id": "plan-h1", "person_id": everybody},
        plan_tables.absence: {
            "home_id": "h1", "since": now - 60 * MIN, "noted_by": "p-h1", "noted_at": now,
        },
        plan_tables.door_tag: {"sha256": "tag-h1", "home_id": "h1", "made_at": now},
        plan_tables.visit_note: {"ref": "staff:h1/3", "home_id": "h1", "text": "Glömde"},
        plan_tables.api_token: {
            "sha256": "token", "org_id": "org1", "scope": "plan", "name": "x", "made_at": now,
            "expires_at": now + 60 * MIN,
        },
        plan_tables.night_baseline: {
            "id": 1, "org_id": "org1", "visits": 2.0, "minutes": 20.0, "km": 5.0,
            "set_by": "p-h1", "set_at": now,
        },
        place_tables.consent: {
            "id": 1, "home_id": "h1", "resident": "r-h1", "about": "position",
            "asked_on": "2026-11-23", "asked_by": "p-h1", "how": "spoken", "noted_at": now,
        },
        place_tables.cohabitant: {
            "id": 1, "home_id": "h1", "role": "partner", "noted_at": now, "noted_by": "p-h1",
        },
        place_tables.cohabitant_consent: {
            "id": 1, "home_id": "h1", "cohabitant_id": 1, "asked_on": "2026-11-23",
            "asked_by": "p-h1", "how": "spoken", "noted_at": now,
        },
        tables.check_plan: {
            "home_id": "h1", "number": 1, "set_at": now, "set_by": "p-h1", "set_seq": 1,
            "terms": '{"times": ["02:00"], "nights": ["mon"]}',
        },
        tables.plan_state: {
            "home_id": "h1", "held": 1, "held_at": now, "held_looks": True, "looks_agreed": True,
            "looks_at": now,
        },
        tables.home_config: {
            "home_id": "h1", "number": 1, "set_at": now, "set_by": "p-h1", "set_seq": 1,
            "why": "new_device",
            "text": '{"devices": {"bed": {"driver": "mat_gpio", "pin": 17}}, "rules": {}}',
        },
        tables.config_state: {
            "home_id": "h1", "held": 1, "held_at": now, "unpaired": "front",
            "file_text": '{"devices": {}, "rules": {}}', "refused": 1, "refused_at": now,
            "refused_why": "value", "refused_about": "bed", "refused_field": "pin",
            "refused_said": "is wrong",
        },
        tables.ssh_hour: {
            "home_id": "h1", "request": "staff:h1/9", "wanted_at": now, "wanted_by": "p-h1",
            "why": "fault", "state": "closed", "state_at": now, "state_why": "time", "until": now,
            "fingerprint": "SHA256:x", "host_key": "ssh-ed25519 x",
        },
        tables.home_trial: {
            "home_id": "h1", "origin": "home:h1", "seq": 7, "accepted_at": now,
        },
        tables.home_update: {
            "home_id": "h1", "plan": 1, "version": "0.3.0", "state": "returned", "state_at": now,
            "wanted_at": now, "why": "not_proved", "missing": "test",
        },
        release_tables.release_plan: {
            "id": 1, "org_id": "org1", "version": "0.3.0", "state": "done", "ring": 3,
            "made_by": "p-h1", "made_at": now, "limit_pct": 5, "wait_h": 24, "over_at": now,
        },
        release_tables.home_ring: {"home_id": "h1", "ring": 1},
        place_tables.home_point: {"home_id": "h1", "lat": 57.7, "lon": 11.97},
        place_tables.tracker: {
            "id": "tracker-h1", "home_id": "h1", "resident": "r-h1", "name": "Skosulan",
            "token_sha256": "t-h1", "silent_after_h": 12, "made_at": now, "heard_at": now,
        },
        place_tables.zone: {
            "id": "zone-h1", "home_id": "h1", "resident": "r-h1", "name": "Hemma",
            "shape": '{"circle": [57.7, 11.97], "radius_m": 200}', "made_at": now,
        },
        place_tables.position: {
            "tracker_id": "tracker-h1", "home_id": "h1", "resident": "r-h1", "at": now,
            "lat": 57.7, "lon": 11.97, "received_at": now,
        },
        place_tables.outing: {
            "tracker_id": "tracker-h1", "home_id": "h1", "resident": "r-h1",
            "left_at": now - 9 * MIN, "until": now - 5 * MIN, "ended": "back",
        },
        place_tables.place_look: {
            "home_id": "h1", "person": everybody, "why": "test", "until": now + 15 * MIN,
        },
        relative_tables.relative: {
            "id": "rel-h1", "org_id": "org1", "name": "Prov Anhörig", "channel": "sms",
            "address": "+46701234567", "made_at": now,
        },
        relative_tables.relative_bond: {
            "relative_id": "rel-h1", "resident": "r-h1", "home_id": "h1", "arrived": True,
            "departed": True, "absence": True, "notes_absence": True, "since": now,
        },
        relative_tables.relative_session: {
            "sha256": "rs-h1", "relative_id": "rel-h1", "ends_at": now + 60 * MIN,
        },
        relative_tables.relative_device: {
            "id": "rd-h1", "relative_id": "rel-h1", "value": "{}", "value_sha256": "rd-h1",
            "made_at": now,
        },
        relative_tables.relative_message: {
            "id": "rm-h1", "relative_id": "rel-h1", "home_id": "h1", "resident": "r-h1",
            "what": "arrived", "about": "home:h1/1", "at": now, "again_at": now, "ended": "sent",
        },
        tables.team: {"id": 1, "org_id": "org1", "name": "Norr"},
        tables.area: {"id": 1, "org_id": "org1", "name": "Norr"},
        tables.team_area: {"team_id": 1, "area_id": 1},
        tables.area_home: {"area_id": 1, "home_id": "h1"},
        alarm_tables.alarm_centre: {
            "id": "centre", "org_id": "org1", "name": "Larmcentralen",
            "value": "sip:larm@centre.example", "created_at": now,
        },
        ladder_tables.ladder: {
            "id": "ladder", "org_id": "org1", "name": "Natt", "changed_at": now,
            "steps": '[{"receivers": [{"kind": "assigned"}]}]',
        },
        ladder_tables.rota: {
            "id": "rota", "org_id": "org1", "name": "Natt", "timezone": "Europe/Stockholm",
            "changed_at": now,
        },
        ladder_tables.alarm_message: {
            "id": "m-h1", "escalation": silent, "org_id": "org1", "home_id": "h1", "alarm": silent,
            "step": 1, "round": 1, "receiver": "p-h1", "person": "p-h1", "contact": "cp-h1",
            "channel": "sms", "state": "handed", "due_at": now, "due_mono": 0.0, "boot": "b",
            "set_at": now, "made_at": now, "sent_at": now,
        },
        admin_tables.first_code: {
            "code_hash": "first", "made_at": now, "expires_at": now + 60 * MIN,
        },
        tables.battery_point: {
            "id": "home:h1/5", "home_id": "h1", "device": "front", "at": now, "level_pct": 80,
        },
        admin_tables.battery_change: {
            "home_id": "h1", "device": "front", "asked_by": "p-h1", "asked_at": now,
        },
        admin_tables.rule_trial: {
            "id": "trial-h1", "home_id": "h1", "rule": "bed_exit", "change": "{}",
            "asked_by": "p-h1", "asked_at": now, "state": "done", "result": "{}",
        },
        admin_tables.plan_file: {
            "id": "file-h1", "org_id": "org1", "asked_by": "p-h1", "asked_at": now, "name": "x.csv",
            "source": "x", "data": b"id;home;start;end", "saved_at": now, "before": "[]",
        },
        admin_tables.change_before: {
            "id": "cb-h1", "org_id": "org1", "what": "home_area", "about": "h1", "before": "[]",
            "after": "[1]", "changed_by": "p-h1", "changed_at": now,
        },
        admin_tables.sign_on_provider: {"id": "own_x", "org_id": "org1", "changed_at": now},
        admin_tables.sign_on_group: {
            "id": "group-x", "org_id": "org1", "issuer": "https://idp.example", "name": "Norr",
            "roles": '["caregiver"]',
        },
        admin_tables.sign_on_group_team: {"group_id": "group-x", "team_id": 1},
        alarm_tables.home_care_id: {"home_id": "h1", "cid": "10149471", "set_at": now},
        alarm_tables.scaip_message: {
            "ref": "abc", "centre_id": "centre", "tries": 1, "told_at": now,
        },
    }  # fmt: skip
    for table, row in rows.items():
        conn.execute(insert(table).values(**row))
    u, carer = tables.user, _carer(conn)
    conn.execute(update(u).where(u.c.id == carer).values(fs_uniquifier="u-h1"))
    conn.execute(insert(tables.team_member).values(team_id=1, user_id=carer))
    member = insert(admin_tables.sign_on_member).values(group_id="group-x", user_id=carer)
    conn.execute(member)
    conn.execute(insert(admin_tables.sign_on_withheld).values(team_id=1, user_id=carer))
    conn.execute(
        insert(alarm_tables.contact_point).values(
            id="cp-h1", user_id=carer, channel="sms", value="+46700000001", value_sha256="v-h1",
            created_at=now,
        )
    )  # fmt: skip
    conn.execute(
        insert(alarm_tables.contact_code).values(
            id="cc-h1", user_id=carer, contact="cp-h1", code_sha256="x", sent_at=now
        )
    )
    conn.execute(
        insert(alarm_tables.contact_trial).values(message="t-h1", contact="cp-h1", sent_at=now)
    )
    conn.execute(insert(alarm_tables.alarm_seen).values(alarm="a-h1", user_id=carer, at=now))
    conn.execute(
        insert(ladder_tables.rota_shift).values(
            id="shift-h1", rota_id="rota", user_id=carer, since=now - 60 * MIN,
            until=now + 60 * MIN,
        )
    )  # fmt: skip
    conn.execute(
        insert(tables.session).values(
            id="session-h1", user_id=carer, factor="code", began_at=now, ends_at=now + 60 * MIN,
            seen_at=now, browser="x", browser_sha256="x", address_sha256="x",
        )
    )  # fmt: skip
    conn.execute(
        insert(tables.failed_sign_in).values(
            account_sha256="a-h1", user_id=carer, what="password", at=now, browser="x", network="x",
        )
    )  # fmt: skip
    conn.execute(
        insert(tables.passkey).values(
            user_id=carer, credential_id=b"h1", public_key=b"x", backup_state=False,
            device_type="x", lastuse_datetime=now.replace(tzinfo=None), name="h1", usage="first",
        )
    )  # fmt: skip


def multiply(app: Flask, count: int, *, first: int = 2) -> None:
    """Copies of what says `h1`, so that there are `count` homes; `first` is the first one that is
    missing."""
    with parts_of(app).db.write() as tx:
        carer = _carer(tx.conn)
        for table in metadata.sorted_tables:
            rows = [dict(row._mapping) for row in tx.conn.execute(select(table))]
            copies = [
                copy for row in rows for copy in _copies(table, row, carer, range(first, count + 1))
            ]
            if copies:
                tx.conn.execute(insert(table), copies)


def _carer(conn: Connection) -> int:
    u = tables.user.c
    return int(conn.execute(select(u.id).where(u.person_id == "p-h1")).scalar_one())


def _copies(
    table: Table, row: dict[str, Any], carer: int, numbers: range
) -> Iterator[dict[str, Any]]:
    """The row for other homes; none when it says nothing of `h1` and its carer."""
    number = tables.user.c.id
    accounts = [c.name for c in table.columns if c is number or c.references(number)]
    said = {name: _H1.split(value) for name, value in row.items() if _says(value)}
    theirs = [name for name in accounts if row[name] == carer]
    if not (said or theirs) or row.get("home_id", "h1") != "h1":
        return
    key = table.primary_key.columns
    numbered = [c.name for c in key if c.name == "id" and isinstance(c.type, Integer)]
    same = {k: v for k, v in row.items() if k in accounts or k not in numbered}
    for n in numbers:
        copy = same | {name: f"h{n}".join(parts) for name, parts in said.items()}
        copy |= dict.fromkeys(theirs, carer + APART * n)
        if table is tables.passkey:
            copy["credential_id"] = f"h{n}".encode()
        yield copy


def _says(value: object) -> bool:
    return isinstance(value, str) and "h1" in value and _H1.search(value) is not None
