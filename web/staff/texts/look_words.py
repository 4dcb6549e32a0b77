"""What looks into homes are called on the screen: how one ended, and why one was refused, in
sentences that say what to do; what a picture is.

As in `web.staff.texts.words`, the Swedish words are the message ids.  Not for: the words of codes
(`look_enums`), or the panel's own texts.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway import events
from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _
from web.staff.texts import words

NOT_CONNECTED = N_("Hemmet är inte anslutet just nu, så kameran går inte att nå.")

SILENT = N_("Kontakten med hemmet är bruten. Hemmet stänger kameran av sig själv.")
"""Where the server's own reckoning ended it."""

ENDED: Mapping[str, str] = {
    "closed": N_("Kameratillsynen är avslutad."),
    "viewer_lost": N_("Kameratillsynen bröts: sidan stängdes eller tappade kontakten."),
    "ice_timeout": N_("Det gick inte att få fram någon bild från hemmet."),
    "limit_reached": N_("Tiden är ute. Hemmet stängde kameran."),
    "consent_withdrawn": N_("Hemmet stängde kameran: samtycket har tagits tillbaka."),
    "ground_gone": N_("Hemmet stängde kameran: larmet eller tillsynen är avslutad."),
    "camera_missing": N_("Hemmets kamera hittades inte."),
    "camera_busy": N_("Hemmets kamera används av något annat."),
    "camera_failed": N_("Hemmets kamera slutade ge bilder."),
    "lamp_dark": N_("Hemmet stängde kameran: lampan som lyser vid kameratillsyn slocknade."),
    "media_stuck": N_("Kameratillsynen bröts av ett fel i hemmets enhet."),
    "media_died": N_("Kameratillsynen bröts av ett fel i hemmets enhet."),
    "stopped": N_("Kameratillsynen bröts: hemmets enhet stängdes av."),
    "restarted": N_("Kameratillsynen bröts: hemmets enhet startade om."),
    "refused": N_("Kameratillsynen blev inte av."),
    "unknown": N_("Kameratillsynen är avslutad."),
}
"""Sentences for whoever looks; by `gateway.events.LookEnd`."""

PICTURES: Mapping[str, str] = {
    "normal": N_("Vanlig bild."),
    "edges": N_("Konturer, räknade i hemmet: du ser hur någon ligger, inte ansiktet."),
    "silhouette": N_("Siluett, räknad i hemmet: du ser hur någon ligger, inte ansiktet."),
    "thermal": N_("Värmebild: ljusare är varmare."),
    "depth": N_("Djupbild: ljusare är närmare."),
    "unknown": N_("Okänd sorts bild."),
}
"""What a picture shows, for whoever looks; by `gateway.events.PictureKind`."""


def over(state: str, why: str) -> str:
    """Why a look is over, in a sentence, from what the home said last."""
    if why == "not_connected":
        return _(NOT_CONNECTED)
    if state == "refused":
        return words.enum_word(events.LookRefusal, why)
    if state == "ended":
        return words.spoken(ENDED, why or "unknown")
    return _(SILENT)
