"""What the steps of an alarm are called: by which way it was sent, and why it did not come.

A word that is not known here is shown as it came.  Not for: what alarms are about, or what they
turned out to be (`words`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _

CHANNELS: Mapping[str, str] = {
    "live_page": N_("Öppen sida"),
    "push": N_("Push"),
    "sms": N_("SMS"),
    "email": N_("E-post"),
    "scaip": N_("Larmcentral"),
    "webhook": N_("Annat system"),
    "mqtt": N_("Hemautomation"),
}
"""By the name of a channel's file."""

UNDELIVERED_WHY: Mapping[str, str] = {
    "no_channel": N_("mottagaren har ingen larmväg"),
    "gone": N_("adressen finns inte längre"),
    "refused": N_("leverantören nekade oss"),
    "bad": N_("leverantören godtog inte meddelandet"),
    "busy": N_("leverantören var överlastad"),
    "unreachable": N_("leverantören svarade inte"),
    "not_delivered": N_("kom inte fram till telefonen"),
}
"""`web.staff.channels.contract.Why`."""


def lasted(time: timedelta | None) -> str:
    """`45 s`, `3 min 20 s`, `1 h 5 min`; a dash where nobody knows."""
    if time is None:
        return "–"
    seconds = round(time.total_seconds())
    if seconds < 60:
        return _("%(n)s s", n=seconds)
    if seconds < 600 and seconds % 60:
        return _("%(m)s min %(n)s s", m=seconds // 60, n=seconds % 60)
    if seconds < 3600:
        return _("%(m)s min", m=round(seconds / 60))
    hours, minutes = divmod(round(seconds / 60), 60)
    return _("%(h)s h %(m)s min", h=hours, m=minutes) if minutes else _("%(h)s h", h=hours)
