"""The generated pages are what the code says."""

from __future__ import annotations

import pytest

from gateway import docs, events
from gateway.config.field_texts import flat
from gateway.config.home_file import Root


@pytest.mark.parametrize("page", docs.PAGES)
def test_the_page_is_up_to_date(page: str) -> None:
    """`python -m gateway.docs --write` mends it."""
    assert (docs.FOLDER / page).read_text(encoding="utf-8") == docs.PAGES[page]()


def test_every_kind_and_its_fields_are_told() -> None:
    """Each kind has a docstring and a section, each field a row."""
    page = docs.events_page()
    for name, cls in events.KINDS.items():
        section = page.split(f"\n## {name}\n")[1].split("\n## ")[0]
        assert cls.__doc__ is not None
        assert flat(cls.__doc__) in section
        assert not cls.__doc__.startswith(f"{cls.__name__}("), f"{name} has no docstring"
        for field in cls.__dataclass_fields__:  # type: ignore[attr-defined]
            assert f"| `{field}` |" in section


def test_every_key_has_its_meaning() -> None:
    """No key of the file is without a docstring, and units follow from names."""
    rows = [line for line in docs.configuration_page().splitlines() if line.startswith("| `")]
    assert len(rows) > len(Root.model_fields)
    assert [row for row in rows if row.endswith("|  |")] == []
    assert any("| `retain_days` | whole number | days | `90` |" in row for row in rows)
