"""The ledger on the Pi's page: who was here, in plain words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.events import ACCESS_KINDS
from tests.home.test_page import NOW, FakePort, enter, sample, text_of
from web.home.app import create_app
from web.home.port import Access
from web.home.words import Words

MIN = timedelta(minutes=1)
ROWS = (
    Access("home:h1/9", NOW - 30 * MIN, "visit.started", "p7", "unlock"),
    Access("home:h1/8", NOW - 31 * MIN, "unlock.requested", "p7", "alarm", "unlock", "done"),
    Access("staff:h1/4", NOW - 300 * MIN, "record.read", "p9", "events"),
    Access("home:h1/2", NOW - 3000 * MIN, "unlock.refused", None, "forged"),
)


class Port(FakePort):
    """A home with a ledger."""

    rows: tuple[Access, ...] = ROWS

    def ledger(self) -> tuple[Access, ...]:
        return self.rows


def test_the_ledger_in_plain_swedish() -> None:
    """Under the days as one says them, newest first, each row with its reference for the staff; no
    jargon, and who is unknown is said to be unknown."""
    html = enter(create_app(Port(sample())).test_client()).get("/ledger").text
    seen = text_of(html)
    for words in (
        "Vem har varit här?",
        "I dag 02:00 Någon från hemtjänsten (p7) kom till dig",
        "01:59 Någon från hemtjänsten (p7) låste upp dörren Ett larm hade gått hos dig",
        "I går 21:30 Någon från hemtjänsten (p9) läste om dig Vad som har hänt hemma hos dig",
        "Söndag 22 november 00:30 Någon som vi inte vet vem det var försökte öppna dörren och fick",
    ):
        assert words in seen
    assert [part.split('"')[0] for part in html.split('data-ref="')[1:]] == [r.ref for r in ROWS]


def test_nobody_was_here() -> None:
    """An empty ledger says so."""
    port = Port(sample())
    port.rows = ()
    assert "Ingen har varit här" in enter(create_app(port).test_client()).get("/ledger").text


@pytest.mark.parametrize("language", ["sv", "en"])
@pytest.mark.parametrize("action", sorted(ACCESS_KINDS))
def test_every_kind_of_row_is_a_sentence(language: str, action: str) -> None:
    """No row reaches an old person as a code, however a turn ended."""
    words = Words(language)
    for turn in ("unlock", "lock"):
        for outcome in (None, "done", "failed", "unknown"):
            row = Access("r", NOW, action, "p7", "", turn, outcome)
            said = words.access(row)
            assert "p7" in said
            assert action not in said
            assert "_" not in said
