"""Words for doors: what a technician is there for, and what became of the request.

As in `web.staff.texts.words`, the Swedish words are the message ids.  Not for: kinds of events and
their enums (`words`).
"""

from __future__ import annotations

from collections.abc import Mapping

from web.staff.core.i18n import N_

SERVICE_WHY: Mapping[str, str] = {
    "battery": N_("Byta batteri"),
    "lock": N_("Låset krånglar"),
    "gateway": N_("Hemmets enhet"),
    "sensor": N_("Matta eller sensor"),
    "mounting": N_("Montering"),
    "test": N_("Prova låset"),
    "other": N_("Annat"),
}
"""What the technician is there for (`web.staff.doors.service_access.WHY`)."""

STANDING: Mapping[str, str] = {
    "waiting": N_("Väntar på svar"),
    "expired": N_("Ingen svarade i tid"),
    "approved": N_("Godkänd"),
    "over": N_("Godkänd, tiden är ute"),
    "declined": N_("Nej"),
    "withdrawn": N_("Återtagen"),
}
"""What became of the request (`web.staff.doors.service_access.Standing`)."""
