"""Visits out: CSV that a spreadsheet may open, FHIR that another system can read."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.encounter import Encounter

from gateway.events import Undone
from tests.staff.care.test_actions import CAREGIVER
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import EnrolledHome
from tests.staff.visits.test_visit_actions import COORDINATOR, a_visit
from web.staff.core.context import Staff
from web.staff.storage.plan_tables import plan_visit
from web.staff.visits import plan_import, plan_store, visit_actions, visit_export
from web.staff.visits.plan_store import Sent

MIN = timedelta(minutes=1)


def days(staff: Staff) -> visit_export.Days:
    now = staff.clock.now()
    with staff.db.read() as conn:
        return visit_export.read_days(
            conn, ["h1"], now - 600 * MIN, now + 60 * MIN, now=now, tolerance=15 * MIN
        )


def a_day(home: EnrolledHome, staff: Staff) -> str:
    """A visit of the plan that was made and corrected, one that was declined, one still open."""
    now = staff.clock.now()
    drafts = [
        plan_import.Draft(1, "h1", "a1", now - 40 * MIN, now - 10 * MIN, "=1+1 Morgon"),
        plan_import.Draft(2, "h1", "a2", now - 200 * MIN, now - 170 * MIN),
    ]
    with staff.write() as tx:
        plan_store.keep(tx.conn, "org1", Sent("planering nord", drafts), now=now)
    ref = a_visit(home)
    args = {"since": None, "until": now - 5 * MIN, "reason": "forgot"}
    visit_actions.correct(staff, COORDINATOR, ref, **args)  # type: ignore[arg-type]
    declined = next(row for row in rows(staff, plan_visit) if row.external_id == "a2")
    visit_actions.decline(staff, CAREGIVER, "h1", Undone.DECLINED, declined.id)
    a_visit(home, person="p2", ended=False)
    return ref


def test_csv_for_a_spreadsheet(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """UTF-8 with its mark and semicolons, local times; the original beside the corrected; nothing
    that a spreadsheet would run; no name."""
    ref = a_day(enrolled_home, staff)
    data = visit_export.to_csv(days(staff), {"h1": "Europe/Stockholm"})
    assert data.startswith(b"\xef\xbb\xbf")
    lines = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig")), delimiter=";"))
    assert [line["deviations"] for line in lines] == ["declined", "", "unplanned"]
    made = lines[1]
    assert made["what"] == "'=1+1 Morgon"
    assert (made["arrival"], made["arrival_source"]) == ("2026-11-23T21:20:00+01:00", "unlock")
    assert (made["departure"], made["departure_source"]) == (
        "2026-11-23T21:55:00+01:00",
        "correction",
    )
    assert made["departure_stamped"] == "2026-11-23T21:50:00+01:00"
    assert (made["minutes"], made["corrected_by"], made["event"]) == ("35", "p9", ref)
    assert lines[2]["departure"] == ""
    assert "Prov" not in data.decode()


@pytest.mark.parametrize(
    "text",
    ["=A1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "  =1", "\xa0=1", "\uff1d1", "\uff20x"],
)
def test_no_cell_is_a_formula(text: str) -> None:
    """Whatever a planning system called it."""
    assert visit_export.cell(text) == f"'{text}"
    assert visit_export.cell("8-10 å=ä") == "8-10 å=ä"
    assert visit_export.cell("\u202e\u200b=A1") == "'=A1", "nor behind what nobody sees"


def test_fhir_encounters(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """Valid as R4 by the library that knows the standard; ids only; each state has its status."""
    ref = a_day(enrolled_home, staff)
    bundle = visit_export.to_fhir(days(staff), {"h1": "r-h1"}, at=staff.clock.now())
    checked = Bundle.model_validate(bundle)
    found: list[Any] = [entry.resource for entry in checked.entry or ()]
    assert all(isinstance(one, Encounter) for one in found)
    assert [one.status for one in found] == ["cancelled", "finished", "in-progress"]
    finished = bundle["entry"][1]["resource"]
    assert finished["period"] == {
        "start": "2026-11-23T20:20:00.000Z",
        "end": "2026-11-23T20:55:00.000Z",
    }
    assert finished["class"]["code"] == "HH"
    assert finished["identifier"] == [
        {"system": "urn:tryggve:event", "value": ref},
        {"system": "urn:tryggve:plan:planering-nord", "value": "a1"},
    ]
    assert finished["subject"]["identifier"]["value"] == "r-h1"
    assert [one["valueCode"] for one in finished["extension"]] == ["unlock", "correction"]
    assert found[0].reasonCode[0].text == "declined"
    assert found[2].period.end is None
    assert "Prov" not in str(bundle)
