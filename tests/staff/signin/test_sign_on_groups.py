"""Groups that a provider of single sign-on says somebody is in give and take roles and teams: what
an administrator said they give, in their own organisation, and never by a guess."""

from __future__ import annotations

import logging
from threading import Barrier, Thread
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from gateway.clock import ManualClock
from tests.staff.doors.test_lock_orders import told
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import add_home, add_user, parts_of, sign_in
from tests.staff.provider import Provider
from tests.staff.signin.test_single_sign_on import (  # noqa: F401 - fixtures
    SUBJECT,
    app,
    begin,
    inside,
    provider,
    with_provider,
)
from web.staff.core.config import SignInConfig, StaffConfig
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Operator, Role
from web.staff.people import access_revocation, accounts, roster, sign_on_groups, sso_ids
from web.staff.people.access_revocation import Scope
from web.staff.people.accounts import Refused, Wrong
from web.staff.people.signing_on import GroupRights
from web.staff.runtime.app import create_app
from web.staff.signin import groups
from web.staff.signin.auth import actor_of
from web.staff.storage import tables
from web.staff.storage.admin_tables import sign_on_member

ORG = Operator("org1")
NIGHT = "Nattpatrull Vård"


@pytest.fixture
def boss(app: Flask) -> Actor:  # noqa: F811
    """The administrator of `org1`, by hand; the team `Norr` works in `h1`."""
    parts = parts_of(app)
    made = add_user(app, "p1", ["administrator"])
    with parts.db.write() as tx:  # `p7` works in `h1` by nothing but a team
        tx.conn.execute(tables.assignment.delete())
    for kind in ("team", "area"):
        accounts.add_group(parts, ORG, kind, "Norr")
    numbered(parts, "Norr", 1)
    accounts.set_home_area(parts, ORG, "h1", 1)
    accounts.set_team_areas(parts, ORG, 1, [1])
    return made


def numbered(parts: Staff, name: str, number: int) -> None:
    """Let the team and the area of this name have this number: no database promises which."""
    with parts.db.write() as tx:
        for table in (tables.team, tables.area):
            tx.conn.execute(update(table).where(table.c.name == name).values(id=number))


def gives(
    app: Flask,  # noqa: F811
    *roles: Role,
    teams: tuple[int, ...] = (),
    name: str = NIGHT,
) -> str:
    """Let a group give something; its id."""
    parts = parts_of(app)
    sign_on_groups.add(parts, ORG, "region", name, roles, teams)
    with parts.db.read() as conn:
        return next(one.id for one in sign_on_groups.kept(conn, "org1") if one.name == name)


def enter(
    app: Flask,  # noqa: F811
    provider: Provider,  # noqa: F811
    status: int = 303,
    **claims: Any,
) -> FlaskClient:
    """A browser that comes by the provider, which says this."""
    provider.claims = claims
    client = app.test_client()
    assert client.get(provider.sign_in(begin(client))).status_code == status
    assert inside(client) is (status == 303)
    return client


def has(app: Flask, person: str = "p7") -> tuple[set[str], set[str]]:  # noqa: F811
    """The roles and teams of somebody, as everything that asks reads them."""
    with parts_of(app).db.read() as conn:
        (one,) = roster.accounts(conn, "org1", person)
    return set(one.roles), set(one.teams)


def works_in(app: Flask, person: str = "p7") -> set[str]:  # noqa: F811
    """The homes where somebody is assigned."""
    (row,) = rows(parts_of(app), tables.user, person_id=person)
    actor = actor_of(parts_of(app), row.id)
    assert actor is not None
    return set(actor.assigned)


def settled(app: Flask) -> list[tuple[str, str, str, str | None]]:  # noqa: F811
    """What the log says that providers changed."""
    events = told(parts_of(app), "account.settled")
    return [(e.data.provider, e.data.account, e.data.what, e.person) for e in events]


def test_groups_give_and_take_at_each_sign_in(
    app: Flask,  # noqa: F811
    provider: Provider,  # noqa: F811
    boss: Actor,
) -> None:
    """What the group gives is there beside what was given by hand, for everything that asks; when
    it is not said any more it is gone, and whatever else was open for that person is shut.  Each
    time the log says that it was the provider."""
    gives(app, Role.NIGHT_WATCHER, teams=(1,))
    enter(app, provider, groups=["else", NIGHT])
    assert has(app) == ({"coordinator", "night_watcher"}, {"Norr"})
    assert works_in(app) == {"h1"}
    assert [row.factor for row in rows(parts_of(app), tables.session)] == ["sign_on"]
    own, again = app.test_client(), enter(app, provider, groups=[NIGHT])
    sign_in(own, "p7")
    assert settled(app) == [("SITHS", "p7", "roles", None), ("SITHS", "p7", "teams", None)]
    version = rows(parts_of(app), tables.user, person_id="p7")[0].rights_version
    last = enter(app, provider, groups=["else"])
    assert has(app) == ({"coordinator"}, set())
    assert works_in(app) == set()
    assert settled(app)[2:] == [("SITHS", "p7", "roles", None), ("SITHS", "p7", "teams", None)]
    assert rows(parts_of(app), tables.user, person_id="p7")[0].rights_version > version
    assert not inside(again)
    assert not inside(own)
    assert inside(last)


def test_what_was_given_by_hand_stays(
    app: Flask,  # noqa: F811
    provider: Provider,  # noqa: F811
    boss: Actor,
) -> None:
    """A group neither takes what a person gave, nor makes its own of it; what is taken by hand
    stays as long as a group gives it."""
    parts = parts_of(app)
    gives(app, Role.COORDINATOR, teams=(1,))
    accounts.set_teams(parts, boss, "p7", [1])
    client = enter(app, provider, groups=[NIGHT])
    enter(app, provider, groups=[])
    assert inside(client), "nothing was lost"
    assert has(app) == ({"coordinator"}, {"Norr"})
    enter(app, provider, groups=[NIGHT])
    accounts.set_roles(parts, boss, "p7", [])
    accounts.set_teams(parts, boss, "p7", [])
    assert has(app) == ({"coordinator"}, {"Norr"})
    assert settled(app) == []
    enter(app, provider, groups=[])
    assert has(app) == (set(), set())


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"groups": None}, "missing"),
        ({"groups": NIGHT}, "no_list"),
        ({"groups": {NIGHT: True}}, "no_list"),
        ({"groups": True}, "no_list"),
        ({"groups": 7}, "no_list"),
        ({"groups": [NIGHT, *(f"g{n}" for n in range(10_000))]}, "too_many"),
        ({"groups": [NIGHT, 7]}, "no_text"),
        ({"groups": [NIGHT, None]}, "no_text"),
        ({"groups": [[NIGHT]]}, "no_text"),
        ({"groups": [NIGHT, {"name": NIGHT}]}, "no_text"),
        ({"groups": [NIGHT, "x" * 201]}, "too_long"),
        ({"groups": None, "roles": [NIGHT]}, "missing"),
        ({"groups": None, "hasgroups": True}, "overage"),
        ({"groups": None, "_claim_names": {"groups": "src1"}}, "overage"),
        ({"groups": [NIGHT], "_claim_names": {"groups": "src1"}}, "overage"),
    ],
    ids=lambda one: str(one)[:60],
)
def test_what_is_no_list_of_groups_gives_no_rights(
    app: Flask,  # noqa: F811
    provider: Provider,  # noqa: F811
    boss: Actor,
    caplog: pytest.LogCaptureFixture,
    claims: dict[str, Any],
    why: str,
) -> None:
    """The person is let in with what was given by hand, what groups gave before is gone, and the
    log says why in one sentence, without a name."""
    gives(app, Role.ADMINISTRATOR, teams=(1,))
    enter(app, provider, groups=[NIGHT])
    with caplog.at_level(logging.WARNING):
        enter(app, provider, **claims)
    assert has(app) == ({"coordinator"}, set())
    said = [one for one in caplog.records if one.name == groups.__name__]
    assert [(one.getMessage(), one.why) for one in said] == [  # type: ignore[attr-defined]
        (groups.SENTENCES[groups.Fault(why)], why)
    ]
    assert NIGHT not in caplog.text
    assert SUBJECT not in caplog.text


@pytest.mark.parametrize(
    "name",
    [
        NIGHT.lower(),
        NIGHT.upper(),
        f" {NIGHT}",
        f"{NIGHT} ",
        f"{NIGHT}\u0000",
        f"{NIGHT}\u200b",
        NIGHT.replace(" ", "\u00a0"),
        NIGHT.replace("å", "a\u030a"),
        NIGHT.replace("a", "\u0430"),
        f"/{NIGHT}",
        "%",
        "",
    ],
    ids=ascii,
)
def test_a_group_is_compared_letter_by_letter(
    app: Flask,  # noqa: F811
    provider: Provider,  # noqa: F811
    boss: Actor,
    name: str,
) -> None:
    """Whoever can name a group at the provider gets nothing by a name that only looks the same."""
    gives(app, Role.ADMINISTRATOR, teams=(1,))
    enter(app, provider, groups=[name])
    assert has(app) == ({"coordinator"}, set())
    enter(app, provider, groups=[name, NIGHT, NIGHT])
    assert has(app) == ({"administrator", "coordinator"}, {"Norr"})


def test_the_claim_of_the_file_is_read(
    app: Flask,  # noqa: F811
    provider: Provider,  # noqa: F811
    boss: Actor,
) -> None:
    """Which one says the groups stands in the server's file; Entra ID's word that there are more
    groups is none about roles."""
    parts = parts_of(app)
    known = parts.config.sign_in.oidc["region"].model_copy(update={"groups_claim": "roles"})
    signing = SignInConfig(oidc={"region": known})
    parts.config = parts.config.model_copy(update={"sign_in": signing})
    gives(app, Role.NIGHT_WATCHER)
    enter(app, provider, groups=[NIGHT])
    assert has(app)[0] == {"coordinator"}
    enter(app, provider, roles=[NIGHT], hasgroups=True)
    assert has(app)[0] == {"coordinator", "night_watcher"}


PERSON = {"sub": SUBJECT, "groups": [NIGHT]}


@pytest.mark.parametrize(
    ("person", "status", "roles"),
    [
        (PERSON, 303, {"coordinator", "night_watcher"}),
        (PERSON | {"sub": "somebody else"}, 303, {"coordinator"}),
        (PERSON | {"groups": [f"{NIGHT}\ud800"]}, 303, {"coordinator"}),
        ({"groups": [NIGHT]}, 303, {"coordinator"}),
        ([PERSON], 303, {"coordinator"}),
        (PERSON | {"_claim_names": {"groups": "src1"}}, 303, {"coordinator"}),
        (403, 303, {"coordinator"}),
        (503, 403, {"coordinator"}),
        (PERSON | {"more": "x" * 100_000}, 403, {"coordinator"}),
    ],
    ids=lambda one: ascii(sorted(one) if isinstance(one, set) else one)[:50],
)
def test_a_provider_is_asked_for_more_where_its_token_says_nothing(
    app: Flask,  # noqa: F811
    provider: Provider,  # noqa: F811
    boss: Actor,
    person: Any,
    status: int,
    roles: set[str],
) -> None:
    """What it says there counts about just this person; where it cannot be asked nobody is let in,
    for nobody knows what they may do; where groups give nothing it is not asked."""
    provider.metadata = {"userinfo_endpoint": f"{provider.url}/person"}
    provider.person = person
    enter(app, provider)
    assert "/person" not in provider.looked
    gives(app, Role.NIGHT_WATCHER)
    enter(app, provider, groups=["else"])
    assert "/person" not in provider.looked
    enter(app, provider, status)
    assert provider.looked.count("/person") == 1
    assert has(app)[0] == roles


def test_a_provider_speaks_for_its_own_organisation(
    app: Flask,  # noqa: F811
    provider: Provider,  # noqa: F811
    boss: Actor,
) -> None:
    """One of two organisations: what a group gives in the other one is nobody's here, and so is
    what it gives by another provider."""
    parts = parts_of(app)
    add_home(app, "h2", org="org2")
    both = parts.config.sign_in.oidc["region"].model_copy(
        update={"organisations": frozenset({"org1", "org2"})}
    )
    other = both.model_copy(update={"issuer": "https://other.example"})
    signing = SignInConfig(oidc={"region": both, "other": other})
    parts.config = parts.config.model_copy(update={"sign_in": signing})
    there = Operator("org2")
    accounts.add_group(parts, there, "team", "Söder")
    numbered(parts, "Söder", 2)
    sign_on_groups.add(parts, there, "region", NIGHT, [Role.ADMINISTRATOR], [2])
    sign_on_groups.add(parts, ORG, "other", NIGHT, [Role.ADMINISTRATOR], [1])
    with pytest.raises(Refused):
        sign_on_groups.add(parts, ORG, "region", "x", [], [2])
    enter(app, provider, groups=[NIGHT])
    assert has(app) == ({"coordinator"}, set())
    assert rows(parts, sign_on_member) == []
    gives(app, Role.NIGHT_WATCHER)
    enter(app, provider, groups=[NIGHT])
    assert has(app) == ({"coordinator", "night_watcher"}, set())


def test_a_group_alone_is_no_way_in(
    app: Flask,  # noqa: F811
    provider: Provider,  # noqa: F811
    boss: Actor,
) -> None:
    """Whom a group makes an administrator may administer, and does not count as the last one; they
    do not make it theirs by hand, and lose it with the group."""
    parts = parts_of(app)
    gives(app, Role.ADMINISTRATOR)
    enter(app, provider, groups=[NIGHT])
    (row,) = rows(parts, tables.user, person_id="p7")
    by_group = actor_of(parts, row.id)
    assert by_group is not None
    assert Role.ADMINISTRATOR in by_group.roles
    for change, why in (
        (lambda: accounts.set_roles(parts, by_group, "p1", []), Wrong.LOCKED_OUT),
        (lambda: accounts.set_active(parts, by_group, "p1", False), Wrong.LOCKED_OUT),
        (lambda: accounts.set_roles(parts, by_group, "p7", list(Role)), Wrong.YOURSELF),
    ):
        with pytest.raises(Refused) as caught:
            change()
        assert caught.value.why is why
    accounts.set_roles(parts, by_group, "p7", [Role.CAREGIVER])
    enter(app, provider, groups=[])
    assert has(app)[0] == {"caregiver"}
    assert has(app, "p1")[0] == {"administrator"}


NEW: dict[str, Any] = {"sub": "SE165500001234-NY01", "name": "Ny Prov", "email": "Ny@prov.example"}


def made(app: Flask) -> list[Any]:  # noqa: F811
    """Accounts that nobody added by hand."""
    return [one for one in rows(parts_of(app), tables.user) if one.person_id not in ("p1", "p7")]


def test_who_is_unknown_gets_an_account_where_the_organisation_wants_it(
    app: Flask,  # noqa: F811
    provider: Provider,  # noqa: F811
    boss: Actor,
) -> None:
    """Off at first, and only by a group that gives a role; with the name that the provider says,
    asked for with the scope `profile`; one account, however often they come; shut, it stays shut
    whatever the groups say."""
    parts = parts_of(app)
    gives(app, Role.NIGHT_WATCHER, teams=(1,))
    gives(app, teams=(1,), name="team only")
    enter(app, provider, 403, groups=[NIGHT], **NEW)
    assert provider.asked["scope"] == "openid"
    sign_on_groups.set_adds(parts, boss, True)
    for said in (["else"], [], None, ["team only"]):
        enter(app, provider, 403, groups=said, **NEW)
    assert made(app) == []
    enter(app, provider, groups=[NIGHT], **NEW)
    assert provider.asked["scope"] == "openid profile"
    (new,) = made(app)
    assert (new.name, new.email, new.org_id) == ("Ny Prov", "ny@prov.example", "org1")
    assert (new.password, new.sso_id, new.sso_issuer) == (None, NEW["sub"], provider.url)
    assert has(app, new.person_id) == ({"night_watcher"}, {"Norr"})
    assert [what for _by, who, what, _p in settled(app) if who == new.person_id] == [
        *("added", "roles", "teams"),
    ]
    enter(app, provider, groups=[NIGHT], **NEW)
    accounts.set_active(parts, boss, new.person_id, False)
    enter(app, provider, 403, groups=[NIGHT], **NEW)
    assert [one.active for one in made(app)] == [False]


def test_two_first_sign_ins_make_one_account(
    app: Flask,  # noqa: F811
    provider: Provider,  # noqa: F811
    boss: Actor,
) -> None:
    """The same person from two browsers in the same second."""
    parts = parts_of(app)
    gives(app, Role.NIGHT_WATCHER)
    sign_on_groups.set_adds(parts, boss, True)
    said = groups.read({"groups": [NIGHT], "name": "Ny Prov"}, "groups")
    known = parts.config.sign_in.oidc["region"]
    ready, numbers = Barrier(2), []

    def come() -> None:
        ready.wait(60)
        numbers.append(GroupRights().add(parts, known, "new", said))

    both = [Thread(target=come) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(60)
    assert numbers == [made(app)[0].id] * 2
    assert len(made(app)) == 1


@pytest.mark.parametrize(
    "claims",
    [
        {"name": None},
        {"name": ["Ny"]},
        {"name": "Ny\u0000Prov"},
        {"name": "x" * 201},
        {"email": "P7@prov.example"},
        {"sub": "x" * 201},
        {"sub": "x\u0000"},
    ],
    ids=lambda one: ascii(one)[:40],
)
def test_no_account_is_made_of_what_cannot_be_one(
    app: Flask,  # noqa: F811
    provider: Provider,  # noqa: F811
    boss: Actor,
    claims: dict[str, Any],
) -> None:
    """No name, none that can be kept, or the address of an account that is there: that one may be
    shut, and nobody but an administrator says that it is the same person."""
    gives(app, Role.NIGHT_WATCHER)
    sign_on_groups.set_adds(parts_of(app), boss, True)
    enter(app, provider, 403, groups=[NIGHT], **(NEW | claims))
    assert made(app) == []


def test_an_id_that_no_database_keeps_is_refused(
    app: Flask,  # noqa: F811
    provider: Provider,  # noqa: F811
) -> None:
    """PostgreSQL takes no U+0000: one sentence, and no fault of ours."""
    enter(app, provider, 403, sub="x\u0000")


def test_an_account_without_an_address_has_none_that_mail_reaches(
    app: Flask,  # noqa: F811
    provider: Provider,  # noqa: F811
    boss: Actor,
) -> None:
    """The provider need not say one."""
    gives(app, Role.NIGHT_WATCHER)
    sign_on_groups.set_adds(parts_of(app), boss, True)
    parts: dict[str, Any] = {"name": None, "email": None, "given_name": "Ny", "family_name": "Prov"}
    enter(app, provider, groups=[NIGHT], **(NEW | parts))
    (new,) = made(app)
    assert new.name == "Ny Prov"
    assert new.email == f"{new.person_id}@utan-adress.invalid"


def test_a_closed_account_is_not_opened_by_a_group(
    app: Flask,  # noqa: F811
    provider: Provider,  # noqa: F811
    boss: Actor,
) -> None:
    """It is refused as ever, gets nothing, and no other one is made beside it."""
    parts = parts_of(app)
    gives(app, Role.NIGHT_WATCHER)
    sign_on_groups.set_adds(parts, boss, True)
    accounts.set_active(parts, boss, "p7", False)
    enter(app, provider, 403, groups=[NIGHT], name="Prov", email="else@prov.example")
    assert rows(parts, tables.user, person_id="p7")[0].active is False
    assert has(app)[0] == {"coordinator"}
    assert made(app) == []


def test_with_the_provider_goes_what_it_gave(
    app: Flask,  # noqa: F811
    provider: Provider,  # noqa: F811
    boss: Actor,
    with_provider: StaffConfig,  # noqa: F811
    clock: ManualClock,
) -> None:
    """A server that starts without it takes it, with one that starts with it nothing happens; what
    was given by hand stays."""
    gives(app, Role.NIGHT_WATCHER, teams=(1,))
    enter(app, provider, groups=[NIGHT])
    both = ({"coordinator", "night_watcher"}, {"Norr"})
    for known, left in ((with_provider.sign_in, both), (SignInConfig(), ({"coordinator"}, set()))):
        anew = with_provider.model_copy(update={"sign_in": known})
        create_app(anew, clock=clock, watch=False).extensions["tryggve.stop"]()
        assert has(app) == left
    assert settled(app)[2:] == [
        (provider.url, "p7", "roles", None),
        (provider.url, "p7", "teams", None),
    ]


def test_with_the_id_goes_what_its_groups_gave(
    app: Flask,  # noqa: F811
    provider: Provider,  # noqa: F811
    boss: Actor,
) -> None:
    """Another id is another person at the provider."""
    gives(app, Role.NIGHT_WATCHER, teams=(1,))
    enter(app, provider, groups=[NIGHT])
    sso_ids.set_sso_id(parts_of(app), boss, "p7", SUBJECT)
    assert has(app) == ({"coordinator", "night_watcher"}, {"Norr"})
    sso_ids.set_sso_id(parts_of(app), boss, "p7", "another")
    assert has(app) == ({"coordinator"}, set())


def test_what_a_group_gives_changes_at_once(
    app: Flask,  # noqa: F811
    provider: Provider,  # noqa: F811
    boss: Actor,
) -> None:
    """For everybody who was in it at their last sign-in, by whoever changed it; another group that
    gives the same is enough."""
    parts = parts_of(app)
    night = gives(app, Role.NIGHT_WATCHER, teams=(1,))
    day = gives(app, Role.CAREGIVER, name="day")
    enter(app, provider, groups=[NIGHT, "day"])
    assert sign_on_groups.change(parts, boss, night, [Role.TECHNICIAN], []) is True
    assert has(app) == ({"caregiver", "coordinator", "technician"}, set())
    assert sign_on_groups.change(parts, boss, night, [Role.TECHNICIAN], []) is False
    sign_on_groups.change(parts, boss, night, [Role.CAREGIVER], [])
    sign_on_groups.remove(parts, boss, day)
    assert has(app)[0] == {"caregiver", "coordinator"}
    sign_on_groups.remove(parts, boss, night)
    assert has(app)[0] == {"coordinator"}
    changes = [e for e in told(parts, "account.changed") if e.person == "p1"]
    assert [e.data.what for e in changes] == ["sign_on_group"] * 4


def test_what_was_taken_back_no_group_gives_again(
    app: Flask,  # noqa: F811
    provider: Provider,  # noqa: F811
    boss: Actor,
) -> None:
    """Access to a home that was ended is not back at the next sign-in: the team that a group gives
    is left whole, its other homes become nobody's own, and it is given by hand or not at all."""
    parts = parts_of(app)
    add_home(app, "h2")
    accounts.set_home_area(parts, ORG, "h2", 1)
    gives(app, Role.CAREGIVER, teams=(1,))
    enter(app, provider, groups=[NIGHT])
    assert works_in(app) == {"h1", "h2"}
    done = access_revocation.revoke(parts, boss, "p7", Scope.HOME, "h1")
    assert (done.ends, done.stays) == (("h1", "h2"), ())
    enter(app, provider, groups=[NIGHT])
    assert (works_in(app), has(app)[1]) == (set(), set())
    accounts.set_teams(parts, boss, "p7", [1])
    assert works_in(app) == {"h1", "h2"}
    access_revocation.revoke(parts, boss, "p7", Scope.ALL)
    assert has(app) == ({"coordinator"}, set())
    accounts.set_active(parts, boss, "p7", True)
    assert has(app) == ({"coordinator"}, set())
    enter(app, provider, groups=[NIGHT])
    assert has(app) == ({"caregiver", "coordinator"}, {"Norr"})


def test_a_group_that_is_noted_in_another_organisation_gives_nothing(
    app: Flask,  # noqa: F811
    provider: Provider,  # noqa: F811
    boss: Actor,
) -> None:
    """Were an account moved, its old organisation's groups are not carried with it."""
    parts = parts_of(app)
    night = gives(app, Role.NIGHT_WATCHER, teams=(1,))
    enter(app, provider, groups=[NIGHT])
    add_home(app, "h2", org="org2")
    with parts.db.write() as tx:
        moved = update(tables.user).where(tables.user.c.person_id == "p7")
        tx.conn.execute(moved.values(org_id="org2"))
    sign_on_groups.change(parts, boss, night, [Role.ADMINISTRATOR], [1])
    with parts.db.read() as conn:
        (one,) = roster.accounts(conn, "org2", "p7")
        assert (one.roles, one.teams) == (("coordinator",), ())
        assert conn.execute(select(sign_on_member.c.user_id)).first() is not None
