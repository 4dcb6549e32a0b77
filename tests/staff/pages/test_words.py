"""Every kind, code and text has words, in Swedish and in English."""

from __future__ import annotations

import inspect
from enum import StrEnum
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from gateway import events
from gateway.access import grants
from web.staff.care import actions
from web.staff.core.i18n import TRANSLATIONS
from web.staff.core.rights import Role
from web.staff.pages import event_list, forms, icons
from web.staff.texts import event_summary, words

STAFF = TRANSLATIONS.parent
ENGLISH = TRANSLATIONS / "en" / "LC_MESSAGES"
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]


def every_enum() -> list[type[StrEnum]]:
    """The enums whose values may come to a screen."""
    found = [
        value
        for module in (events, grants)
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, StrEnum) and value is not StrEnum
    ]
    assert len(found) > 10
    return found


def used_texts() -> set[str]:
    """Every text in the code and the templates that is to be translated."""
    keywords = {"_": None, "gettext": None, "ngettext": (1, 2), "lazy_gettext": None} | {
        "N_": None,
        "say": None,
    }
    found = set()
    for row in extract_from_dir(STAFF, METHODS, keywords=keywords):
        text = row[2]
        found.add(text[0] if isinstance(text, tuple) else text)
    found.discard("")
    assert len(found) > 300
    return found


def catalogue() -> dict[str, tuple[str, ...]]:
    """The English catalogue's source: text to its translations."""
    with (ENGLISH / "messages.po").open("rb") as file:
        read = read_po(file, locale="en")
    assert not any(message.fuzzy for message in read if message.id)
    return {_first(m.id): _all(m.string) for m in read if m.id}


def _first(text: object) -> str:
    return str(text[0] if isinstance(text, tuple | list) else text)


def _all(text: object) -> tuple[str, ...]:
    return tuple(text) if isinstance(text, tuple | list) else (str(text),)


def test_every_kind_has_a_word() -> None:
    """No event reaches the screen as its bare kind, and no word is for a kind that is not there."""
    assert set(words.KINDS) == set(events.KINDS)


def test_every_kind_has_a_group_a_tone_and_an_icon_that_exist() -> None:
    """A misspelt icon would be a dot, a misspelt group would hide the kind from the filter."""
    for kind, word in words.KINDS.items():
        assert word.group in words.GROUPS, kind
        assert word.tone in ("quiet", "ok", "warn", "alarm"), kind
        assert word.icon in icons.NAMES, kind


@pytest.mark.parametrize("enum", every_enum(), ids=lambda e: e.__name__)
def test_every_value_of_every_enum_has_a_word(enum: type[StrEnum]) -> None:
    """A new refusal or finding without words fails here, not in front of a caregiver."""
    assert set(words.ENUMS[enum]) == {member.value for member in enum}


def test_every_reason_to_refuse_an_action_has_a_sentence() -> None:
    """Each `actions.Why` is answered in words."""
    assert set(forms.SENTENCES) == set(actions.Why)


def test_every_role_has_a_word() -> None:
    """The menu says who one is."""
    assert set(words.ALLOWED) == {role.value for role in Role}


def test_particulars_and_quiet_kinds_are_of_known_kinds() -> None:
    """A misspelt kind in these tables would silently do nothing."""
    assert set(event_summary._TELL) <= set(events.KINDS)
    assert set(events.KINDS) >= event_list.QUIET | event_list.RAW


def test_the_turns_reasons_of_the_contract_have_sentences() -> None:
    """Every `why` that `unlock.ended` documents is told in plain words."""
    field = inspect.getsource(events.UnlockEnded)
    named = set(field.split("None when done; else", 1)[1].split('"""', 1)[0].split("`")[1::2])
    assert {"asleep", "no_answer", "restarted"} <= named
    assert named <= set(words.TURN_WHY)


def test_the_checks_reasons_of_the_contract_have_words() -> None:
    """Every documented `why` of an asked and of an escalated check has a word."""
    asked = inspect.getsource(events.CheckAsked).split("What the sensors lack:", 1)[1]
    assert set(asked.split('"""', 1)[0].split("`")[1::2]) == set(words.ASKED_WHY)
    source = inspect.getsource(events.CheckEscalated).rsplit('"""', 2)[1]
    assert set(source.split("`")[1::2]) == set(words.ESCALATED_WHY)


def test_every_alarm_that_a_rule_raises_has_a_word() -> None:
    """The rules' own words for alarms, as they stand in their source, are in the table."""
    from gateway.rules import device_health
    from gateway.rules.bed_exit import ALARM

    raised = {what.value for what in device_health.What} | {ALARM, "home_silent", "home_tampered"}
    folder = Path(inspect.getfile(device_health)).parent
    checks = (folder / "night_check.py").read_text("utf-8")
    raised |= {word for word in checks.split('"') if word.startswith("check_")}
    raised |= {"check_unreported"}
    assert raised <= set(words.ALARMS)


def test_english_is_complete() -> None:
    """Each text in code and templates has an English one, and none is left over."""
    english = catalogue()
    assert used_texts() - set(english) == set()
    assert set(english) - used_texts() == set()
    assert [text for text, told in english.items() if not all(told)] == []


def test_english_keeps_the_blanks() -> None:
    """`%(who)s` and its like are the same in both languages."""
    for text, told in catalogue().items():
        for one in told:
            assert _blanks(one) ^ _blanks(text) <= {"num"}, text  # one of a kind needs no number


def _blanks(text: str) -> set[str]:
    return {part.split(")", 1)[0] for part in text.split("%(")[1:]}


def test_the_compiled_catalogue_is_the_written_one() -> None:
    """`.mo` and `.po` say the same."""
    with (ENGLISH / "messages.mo").open("rb") as file:
        compiled = {_first(m.id): _all(m.string) for m in read_mo(file) if m.id}
    assert compiled == catalogue()
