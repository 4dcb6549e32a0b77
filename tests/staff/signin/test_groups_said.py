"""What is read of what a provider says of somebody: its bounds, to the letter.

Not for: what groups give (`test_sign_on_groups`).
"""

from __future__ import annotations

import logging
from typing import Any

import pytest

from web.staff.signin import groups
from web.staff.signin.groups import GROUPS_MAX, NAME_MAX, TEXT_MAX, Fault, Said


def read(**claims: Any) -> Said:
    """What these claims say."""
    return groups.read(claims, "groups")


def test_as_much_as_is_taken_is_taken() -> None:
    """The last group, the last letter of one, of a name and of an address."""
    names = ["x" * NAME_MAX, *(f"g{n}" for n in range(GROUPS_MAX - 1))]
    said = read(groups=names, name="N" * TEXT_MAX, email="e" * TEXT_MAX)
    assert said == Said(frozenset(names), None, "N" * TEXT_MAX, "e" * TEXT_MAX)
    assert read(groups=[]) == Said(frozenset(), None, None, None)


@pytest.mark.parametrize(
    ("claims", "fault"),
    [
        ({}, Fault.MISSING),
        ({"groups": None, "hasgroups": False}, Fault.MISSING),
        ({"groups": None, "_claim_names": {"roles": "src1"}}, Fault.MISSING),
        ({"groups": None, "_claim_names": "groups"}, Fault.MISSING),
        ({"groups": None, "hasgroups": True}, Fault.OVERAGE),
        ({"groups": ["a"], "_claim_names": {"groups": "src1"}}, Fault.OVERAGE),
        ({"groups": "a"}, Fault.NO_LIST),
        ({"groups": [f"g{n}" for n in range(GROUPS_MAX + 1)]}, Fault.TOO_MANY),
        ({"groups": ["a", 1]}, Fault.NO_TEXT),
        ({"groups": ["a", "x" * (NAME_MAX + 1)]}, Fault.TOO_LONG),
    ],
    ids=lambda one: ascii(one)[:60],
)
def test_what_is_wrong_says_no_group_at_all(claims: dict[str, Any], fault: Fault) -> None:
    """Not those either that could be read; only what is missing may be said at another door."""
    said = groups.read(claims, "groups")
    assert (said.names, said.fault) == (frozenset(), fault)
    assert groups.lacks(claims, "groups") is (fault is Fault.MISSING)


def test_a_word_of_more_groups_beside_a_list_is_one_about_the_list() -> None:
    """Entra ID says `hasgroups` only where it writes none down."""
    assert read(groups=["a"], hasgroups=True).names == {"a"}


@pytest.mark.parametrize(
    ("claims", "name", "email"),
    [
        ({"name": " Ny Prov ", "email": " ny@x "}, "Ny Prov", "ny@x"),
        ({"name": "", "given_name": "Ny", "family_name": "Prov"}, "Ny Prov", None),
        ({"given_name": "Ny"}, "Ny", None),
        ({"family_name": "Prov", "given_name": 7}, "Prov", None),
        ({"name": "Ny", "given_name": "Else"}, "Ny", None),
        ({"given_name": "N" * 100, "family_name": "P" * 99}, f"{'N' * 100} {'P' * 99}", None),
        ({"given_name": "N" * 100, "family_name": "P" * 100}, None, None),
        ({"name": "N" * (TEXT_MAX + 1), "email": "e" * (TEXT_MAX + 1)}, None, None),
        ({"name": "Ny\nProv", "email": "a\x00"}, None, None),
        ({"email": "", "preferred_username": "ny"}, None, "ny"),
        ({"email": " ", "preferred_username": " "}, None, None),
        ({"email": "ny@x", "preferred_username": "else"}, None, "ny@x"),
        ({"name": True, "email": ["ny@x"]}, None, None),
    ],
    ids=lambda one: ascii(one)[:60],
)
def test_a_name_and_an_address_are_one_line_each_or_none(
    claims: dict[str, Any], name: str | None, email: str | None
) -> None:
    """Whatever else is said; what is not said is made of its parts, or of the user's name there."""
    said = groups.read(claims, "groups")
    assert (said.name, said.email) == (name, email)


def test_the_log_says_it_only_where_something_is_wrong(caplog: pytest.LogCaptureFixture) -> None:
    """With the provider and a word for it, and no group."""
    groups.tell("region", read(groups=["a"]))
    assert caplog.records == []
    with caplog.at_level(logging.WARNING):
        groups.tell("region", read(groups="secret"))
    (said,) = caplog.records
    assert (said.__dict__["provider"], said.__dict__["why"]) == ("region", "no_list")
    assert said.getMessage() == groups.SENTENCES[Fault.NO_LIST]
