"""Words for visits and the access log: corrections, deviations, and what was read.

As in `web.staff.texts.words`, the Swedish words are the message ids.  Not for: kinds of events and
their enums (`words`).
"""

from __future__ import annotations

from collections.abc import Mapping

from web.staff.core.i18n import N_

CORRECTED_WHY: Mapping[str, str] = {
    "forgot": N_("Glömde registrera"),
    "wrong_time": N_("Fel tid"),
    "phone": N_("Telefonen fungerade inte"),
    "lock": N_("Låset fungerade inte"),
    "other": N_("Annat"),
}
"""Why a stamp of a visit was corrected."""

DEVIATIONS: Mapping[str, str] = {
    "missed": N_("Uteblivet besök"),
    "declined": N_("Tackade nej"),
    "absent": N_("Inte hemma"),
    "other": N_("Ej utfört"),
    "late": N_("För sent"),
    "early": N_("För tidigt"),
    "short": N_("För kort"),
    "long": N_("För långt"),
    "fewer": N_("För få"),
    "somebody_else": N_("En kollega gjorde besöket"),
    "no_departure": N_("Avgång saknas"),
    "unplanned": N_("Inte planerat"),
}
"""How a visit differs from the plan (`web.staff.visits.followup.Deviation`)."""

READ_WHAT: Mapping[str, str] = {
    "home": N_("hemmets sida"),
    "events": N_("händelser"),
    "visits": N_("besök"),
    "visits_file": N_("besök, som fil"),
    "access": N_("åtkomstloggen"),
    "acute": N_("larm i andra hem"),
    "alarm": N_("ett larms sida"),
    "figures": N_("uppföljning av larm"),
    "access_file": N_("åtkomstloggen, som fil"),
    "relative": N_("anhörigsidan"),
    "position_alarm": N_("position, på grund av larm"),
    "position_search": N_("position, personen saknas"),
    "position_safety": N_("position, oro för personens säkerhet"),
    "position_test": N_("position, prov av givaren"),
}
"""What `record.read` says was opened."""
