"""The fast copy of a rule's state equals the copy of `dataclasses.replace`."""

from __future__ import annotations

import dataclasses

import pytest

from gateway.rules import Rule, bind
from gateway.rules.common.replace import replace
from tests.rules.conftest import home_of

RULES = bind({}, home_of())


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    """A state with slots, as an outsider's rule may have."""

    a: int
    b: int = 2


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_state_is_copied_as_by_the_standard_library(rule: Rule) -> None:
    """Each field of each rule's state: changed in the copy, kept in the original, the rest as it
    was."""
    state = rule.start(rule.settings)
    for field in dataclasses.fields(state):
        old, new = getattr(state, field.name), object()
        copy = replace(state, **{field.name: new})
        assert copy == dataclasses.replace(state, **{field.name: new})
        assert type(copy) is type(state)
        assert getattr(state, field.name) is old
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(copy, field.name, old)


def test_a_field_that_is_not_there_is_refused() -> None:
    """A misspelt field must not hide in the copy."""
    state = RULES[0].start(RULES[0].settings)
    with pytest.raises(TypeError, match="has no field occupyed"):
        replace(state, occupyed=True)
    with pytest.raises(TypeError):
        replace(Slotted(1), c=3)  # type: ignore[call-arg]


def test_a_state_with_slots_is_copied_too() -> None:
    """Slower, but the same."""
    assert replace(Slotted(1), b=3) == Slotted(1, 3)
