"""Whom a home tells, as a newer version of this server decided it: it stays, in words of its own,
and goes down the stream; whoever looks or changes something is told so in one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from gateway.config.secrets import FileSecrets
from gateway.envelope import Draft, from_json
from gateway.events import HomeField, HomeSecondPathSet, Severity, Unknown
from gateway.second_path.receivers_file import ReceiversFile
from tests.staff.homelink.test_second_path import NUMBER, RECEIVERS, decide
from tests.staff.pages.conftest import as_role, post, text_of
from tests.staff.parts import EnrolledHome
from web.staff.cli.main import main
from web.staff.core.config import StaffConfig
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.events import append
from web.staff.homelink import second_path
from web.staff.homelink.second_path import ListUnread
from web.staff.people import home_details
from web.staff.storage import alarm_tables, tables

__all__ = ["as_role"]

PATH = "/administration/hem/h1/reservvag"
T = alarm_tables.path_list


@pytest.fixture
def newer(staff: Staff, home: EnrolledHome) -> EnrolledHome:
    """A home that a newer server told more than this one knows."""
    decide(staff)
    with staff.write() as tx:
        row = tx.conn.execute(select(T)).one()
        claims = {**json.loads(row.claims), "nights": {"p7": True}}
        kept = json.loads(row.decided)
        kept["receivers"].append(["p9", "satellite", "x", "care"])
        fields = dict(newest(tx.conn)["data"])
        fields["only_at_night"] = True
        fields["digest"] = second_path._listed("h1", claims).digest()
        append.write(staff, tx, "h1", Draft(Unknown(HomeSecondPathSet.KIND, fields)))
        values = {"claims": json.dumps(claims), "decided": json.dumps(kept)}
        tx.conn.execute(update(T).values(values))
    return home


def newest(conn: Any) -> dict[str, Any]:
    """The last event about it, as a home gets it."""
    e = tables.event.c
    query = select(e.body, e.hash).where(e.kind == HomeSecondPathSet.KIND).order_by(e.seq.desc())
    body, digest = conn.execute(query).first()
    return {**json.loads(body), "hash": bytes(digest).hex()}


def decided(staff: Staff) -> Any:
    """What is kept of it here."""
    with staff.db.read() as conn:
        return json.loads(conn.execute(select(T.c.decided)).scalar_one())


def at_the_home(staff: Staff, folder: Path) -> ReceiversFile:
    """What a home holds that begins to listen now."""
    keys = {staff.keys.kid: staff.keys.private.public_key()}
    file = ReceiversFile("h1", FileSecrets(folder), lambda: keys, lambda do: do())
    with staff.db.read() as conn:
        file.apply(from_json(newest(conn)))
    file.offered(second_path.token(staff, "h1") or "")
    return file


def test_the_home_has_what_was_decided(staff: Staff, newer: EnrolledHome, tmp_path: Path) -> None:
    """Also where it listens at a worker that cannot read it: the list is signed whole."""
    file = at_the_home(staff, tmp_path)
    assert (file.complete, file.address("p7")) == (True, NUMBER)
    assert [one.id for one in file.receivers(Severity.CARE)] == ["p7", "c1"]


def test_its_page_says_so_and_changes_nothing(
    staff: Staff, newer: EnrolledHome, as_role: Callable[..., FlaskClient]
) -> None:
    """In one sentence; neither somebody more, nor less, nor the home's ladder takes its place."""
    boss = as_role("coordinator", person="boss")
    page = text_of(boss, PATH)
    assert "Reservvägen är bestämd i en nyare version av servern." in page
    assert "+46" not in page
    assert 'data-test="form-add"' not in page
    before = decided(staff)
    for fields in (
        {"do": "add", "receiver": "boss", "address": "+46701111111", "told": "care"},
        {"do": "remove", "receiver": "p7"},
        {"do": "follow"},
    ):
        said = post(boss, PATH, **fields)
        assert (said.status_code, said.json["text"][:11]) == (409, "Reservvägen"), fields
    assert decided(staff) == before


def test_a_command_says_so_and_only_anew_takes_its_place(
    staff: Staff,
    newer: EnrolledHome,
    config: StaffConfig,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Who stays with the older version can still say whom the home tells."""
    file = tmp_path / "staff.toml"
    file.write_text(
        f'database = "{config.database}"\nsecrets_dir = "{config.secrets_dir}"\n'
        "secure_cookies = false\n"
    )
    before = decided(staff)
    for command in (["show", "h1"], ["set", "h1"]):
        assert main(["second-path", *command, "--config", str(file)]) == 2
        said = capsys.readouterr()
        assert (said.out, said.err.count("\n")) == ("", 1)
        assert "set by a newer version of this server" in said.err
    assert decided(staff) == before
    assert main(["second-path", "set", "h1", "--anew", "--config", str(file)]) == 0
    assert decided(staff)["receivers"] == []


def test_a_home_is_renamed_all_the_same(
    staff: Staff, newer: EnrolledHome, make_user: Callable[..., Actor], tmp_path: Path
) -> None:
    """The list names it as it is called now, or not at all where it is protected since; all else
    that was decided goes with it, word for word."""
    by = make_user("boss", ["coordinator"])
    with staff.db.read() as conn:
        before = newest(conn)["data"]
    home_details.set_details(staff, by, "h1", {HomeField.LABEL: "Lgh 9"})
    file = at_the_home(staff, tmp_path / "one")
    assert (file.complete, file.label, file.address("p7")) == (True, "Lgh 9", NUMBER)
    home_details.set_protected(staff, by, "h1", protected=True)
    file = at_the_home(staff, tmp_path / "two")
    assert (file.complete, file.label) == (True, None)
    with staff.db.read() as conn:
        after = newest(conn)["data"]
        kept = json.loads(conn.execute(select(T.c.claims)).scalar_one())
    assert {**after, "digest": ""} == {**before, "digest": ""}
    assert kept["nights"] == {"p7": True}
    assert decided(staff)["receivers"][-1] == ["p9", "satellite", "x", "care"]


@pytest.mark.parametrize("kept", ["", "[]", "{}", '{"receivers": 7}', '"x"'])
def test_what_is_no_list_harms_nobody(
    staff: Staff, home: EnrolledHome, make_user: Callable[..., Actor], kept: str
) -> None:
    """The home listens on and is renamed, and whoever asks for the list is told."""
    by = make_user("boss", ["coordinator"])
    decide(staff)
    with staff.db.write() as tx:
        tx.conn.execute(update(T).values(claims=kept, decided=kept))
    home_details.set_details(staff, by, "h1", {HomeField.LABEL: "Lgh 9"})
    with staff.db.read() as conn, pytest.raises(ListUnread):
        second_path.held_by(conn, "h1")
    stream = home.listen(1)
    assert next(stream)
    with pytest.raises(ListUnread):
        decide(staff, RECEIVERS[:1])
    assert decide(staff, RECEIVERS[:1], anew=True)
