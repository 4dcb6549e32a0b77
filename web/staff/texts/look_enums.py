"""The words of what looks by a camera say in codes: a part of `web.staff.texts.words`.

Not for: the sentences for whoever looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from gateway import events
from web.staff.core.i18n import N_

LOOK: Mapping[type[StrEnum], Mapping[str, str]] = {
    events.PictureKind: {
        "normal": N_("vanlig bild"),
        "edges": N_("konturer"),
        "silhouette": N_("siluett"),
        "thermal": N_("värmebild"),
        "depth": N_("djupbild"),
        "unknown": N_("okänd sorts bild"),
    },
    events.LookWhy: {
        "check": N_("tillsyn enligt planen"),
        "sensor_unsure": N_("sensorn gav inget säkert svar"),
        "again": N_("förra kameratillsynen var oklar"),
        "alarm": N_("larm"),
        "worry": N_("oro för brukaren"),
        "asked": N_("på begäran av brukaren eller en anhörig"),
        "test": N_("prov av kameran"),
        "unknown": N_("okänt varför"),
    },
    events.LookRefusal: {
        "forged": N_("Hemmet godtog inte kameratillsynen."),
        "not_understood": N_("Hemmets enhet är äldre än servern och förstod inte begäran."),
        "other_home": N_("Kameratillsynen gällde ett annat hem."),
        "other_camera": N_("Hemmet har ingen sådan kamera."),
        "clock_uncertain": N_("Hemmet vet inte vad klockan är och öppnar inte kameran."),
        "not_yet": N_("Kameratillsynen gäller inte än."),
        "expired": N_("Det tog för lång tid. Tryck en gång till."),
        "replayed": N_("Begäran är redan använd. Tryck en gång till."),
        "alarm_closed": N_("Larmet är avslutat, så kameran öppnades inte."),
        "check_closed": N_("Tillsynen är redan klar, så kameran öppnades inte."),
        "no_consent": N_("Samtycke till kameratillsyn saknas eller har tagits tillbaka."),
        "busy": N_("Någon annan gör redan en kameratillsyn."),
        "no_camera": N_("Hemmets kamera fungerar inte."),
        "no_light": N_(
            "Lampan som lyser vid kameratillsyn fungerar inte, så kameran öppnades inte."
        ),
        "no_shutter": N_("Luckan framför kameran gick inte att öppna."),
        "no_media": N_("Hemmets enhet kunde inte starta kameratillsynen."),
        "bad_offer": N_("Webbläsaren kunde inte börja en kameratillsyn. Läs in sidan igen."),
        "not_recorded": N_("Hemmet kunde inte skriva i sin logg och öppnar inte kameran."),
        "unknown": N_("Hemmet nekade, av en orsak som servern inte känner till."),
    },
    events.LookEnd: {
        "closed": N_("avslutad"),
        "viewer_lost": N_("sidan försvann"),
        "ice_timeout": N_("ingen väg för bilden"),
        "limit_reached": N_("tiden var ute"),
        "consent_withdrawn": N_("samtycket togs tillbaka"),
        "ground_gone": N_("larmet eller tillsynen avslutades"),
        "camera_missing": N_("kameran hittades inte"),
        "camera_busy": N_("kameran används av ett annat program"),
        "camera_failed": N_("kameran slutade ge bilder"),
        "lamp_dark": N_("lampan i hemmet slocknade"),
        "media_stuck": N_("fel i hemmets enhet"),
        "media_died": N_("fel i hemmets enhet"),
        "stopped": N_("hemmets enhet stängdes av"),
        "restarted": N_("hemmets enhet startade om"),
        "refused": N_("blev inte av"),
        "unknown": N_("okänt hur"),
    },
    events.ShutterWanted: {
        "open": N_("gick inte att öppna"),
        "shut": N_("gick inte att stänga"),
        "unknown": N_("gjorde inte som den skulle"),
    },
    events.LookWay: {
        "direct": N_("direkt"),
        "relay": N_("krypterat genom servern"),
        "none": N_("ingen bild gick fram"),
        "unknown": N_("okänt vilken väg"),
    },
}
