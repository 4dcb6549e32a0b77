"""Every kind, code and text has words, in Swedish and in English."""

from __future__ import annotations

import inspect
from enum import StrEnum
from pathlib import Path

import pytest

from gateway import docs, events, rules
from gateway.access import grants
from gateway.doors import orders
from web import icons
from web.staff.care import actions
from web.staff.cli import catalogue
from web.staff.core import i18n
from web.staff.core.rights import Role
from web.staff.pages import event_list, forms
from web.staff.texts import check_words, door_words, event_summary, kind_words, words

[ENGLISH] = catalogue.files()


def every_enum() -> list[type[StrEnum]]:
    """The enums whose values may come to a screen."""
    found = [
        value
        for module in (events, grants)
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, StrEnum) and list(value)
    ]
    assert len(found) > 10
    return found


def used_texts() -> set[str]:
    """Every text in the code and the templates that is to be translated."""
    used = {_first(m.id) for m in catalogue.used_texts() if m.id}
    assert len(used) > 300
    return used


def english() -> dict[str, tuple[str, ...]]:
    """The English catalogue as it is written: text to its translations."""
    written = catalogue.read(ENGLISH)
    assert not any(message.fuzzy for message in written if message.id)
    return {_first(m.id): _all(m.string) for m in written if m.id}


def _first(text: object) -> str:
    return str(text[0] if isinstance(text, tuple | list) else text)


def _all(text: object) -> tuple[str, ...]:
    return tuple(text) if isinstance(text, tuple | list) else (str(text),)


def test_every_kind_has_a_word() -> None:
    """No event reaches the screen as its bare kind, and no word is for a kind that is not there."""
    assert set(kind_words.KINDS) == set(events.KINDS)


def test_every_kind_has_a_group_a_tone_and_an_icon_that_exist() -> None:
    """A misspelt icon would be a dot, a misspelt group would hide the kind from the filter."""
    for kind, word in kind_words.KINDS.items():
        assert word.group in kind_words.GROUPS, kind
        assert word.tone in ("quiet", "ok", "warn", "alarm"), kind
        assert word.icon in icons.NAMES, kind


def test_a_kind_needs_its_class_and_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its section of docs/events.md, its group and icon, and the words of what it says in codes
    follow from them."""
    monkeypatch.setitem(events.KINDS, "mat.folded", events.Data)
    del events.KINDS["mat.folded"]  # taken out again at the end

    @events.kind("mat.folded", by=events.By.HOME)
    class MatFolded(events.Data):
        """The mat was folded."""

        fault: events.MatFault
        """What came of it."""

    page = docs.events_page()
    assert "\n## mat.folded\n\nThe mat was folded.\n" in page
    assert "| `fault` | one of `cut`" in page
    word = kind_words.placed("mat.folded", kind_words.KindWord("Mattan veks"))
    assert (word.group, word.icon) == ("bed", "mat")
    told = event_summary.particulars(MatFolded(fault=events.MatFault.CUT), None)
    assert told == "kabeln är av eller urdragen"


@pytest.mark.parametrize(
    ("press", "told"),
    [
        (events.ButtonPressed(), ""),
        (events.ButtonPressed(button=1, how=events.PressHow.ONCE), ""),
        (events.ButtonPressed(button=3, how=events.PressHow.ONCE), "knapp 3, en gång"),
        (events.PendantPressed(verified=True, how=events.PressHow.HELD), "hölls inne"),
    ],
)
def test_a_press_says_which_button_and_how(
    press: events.ButtonPressed | events.PendantPressed, told: str
) -> None:
    """Nothing for the plain press of a device's first button: nearly all are that."""
    assert event_summary.particulars(press, None) == told


def test_a_noun_that_no_list_knows_is_named() -> None:
    """Its first kind says where it belongs."""
    with pytest.raises(KeyError, match="kettle"):
        kind_words.placed("kettle.boiled", kind_words.KindWord("Vattnet kokar"))


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


def test_quiet_kinds_are_of_known_kinds() -> None:
    """A misspelt kind in these tables would silently do nothing."""
    assert set(events.KINDS) >= event_list.QUIET | event_list.RAW


def test_the_turns_reasons_of_the_contract_have_sentences() -> None:
    """Every `why` that `unlock.ended` documents is told in plain words."""
    field = inspect.getsource(events.LockOperationEnded)
    named = set(field.split("None when done; else", 1)[1].split('"""', 1)[0].split("`")[1::2])
    assert {"asleep", "no_answer", "restarted", "radio"} <= named
    assert {str(why) for why in orders.WITHDRAWN} <= named
    assert named <= set(door_words.TURN_WHY)


def test_the_checks_reasons_of_the_contract_have_words() -> None:
    """Every documented `why` of an asked and of an escalated check has a word."""
    asked = inspect.getsource(events.CheckAsked).split("What the sensors lack:", 1)[1]
    assert set(asked.split('"""', 1)[0].split("`")[1::2]) == set(check_words.ASKED_WHY)
    source = inspect.getsource(events.CheckEscalated).rsplit('"""', 2)[1]
    assert set(source.split("`")[1::2]) == set(check_words.ESCALATED_WHY)


def test_every_rule_has_a_word() -> None:
    """A decision's rule is told beside it, and so is a rule that failed."""
    assert set(words.RULES) == set(rules.names())


def test_english_is_complete() -> None:
    """Each text in code and templates has an English one, and none is left over."""
    written = english()
    assert used_texts() - set(written) == set()
    assert set(written) - used_texts() == set()
    assert [text for text, told in written.items() if not all(told)] == []
    assert catalogue.main(["--check"]) == 0


def test_english_keeps_the_blanks() -> None:
    """`%(who)s` and its like are the same in both languages."""
    for text, told in english().items():
        for one in told:
            assert _blanks(one) ^ _blanks(text) <= {"num"}, text  # one of a kind needs no number


def _blanks(text: str) -> set[str]:
    return {part.split(")", 1)[0] for part in text.split("%(")[1:]}


def test_what_readers_get_is_what_is_written() -> None:
    """The pages take their English from the written file, plural forms too."""
    compiled = i18n.catalogue("en")
    for text, told in english().items():
        if len(told) == 1:
            assert compiled.gettext(text) == told[0]
        else:
            assert compiled.ngettext(text, "", 1) == told[0]
            assert compiled.ngettext(text, "", 2) == told[1]
    assert i18n.catalogue("sv").gettext("Larm") == "Larm"


def test_new_texts_are_taken_in_and_named_and_old_ones_dropped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make texts` leaves the translator nothing to do but to translate."""
    path = tmp_path / "en" / "LC_MESSAGES" / "messages.po"
    path.parent.mkdir(parents=True)
    path.write_text(
        ENGLISH.read_text("utf-8").replace('msgid "Larm"\n', 'msgid "Larmet som var"\n'), "utf-8"
    )
    monkeypatch.setattr(catalogue, "TRANSLATIONS", tmp_path)
    assert catalogue.main(["--check"]) == 1
    assert "is not what the code says" in capsys.readouterr().err
    assert catalogue.main(["--write"]) == 1
    assert capsys.readouterr().err == "en/LC_MESSAGES/messages.po has no translation of: Larm\n"
    text = path.read_text("utf-8")
    assert 'msgid "Larm"\nmsgstr ""\n' in text
    assert "Larmet som var" not in text
    path.write_text(text.replace('msgid "Larm"\nmsgstr ""\n', 'msgid "Larm"\nmsgstr "Alarm"\n'))
    assert catalogue.main(["--check"]) == 0
