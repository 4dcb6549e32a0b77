"""What each driver is called to who installs a home, at the server's page and at the Pi's.

Swedish; `N_` marks each for the server's catalogue, which both pages translate by.  Here and not in
the gateway, of which only a driver's own files know a make of lock.

Not for: what a driver says (`gateway.installs.words`).
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.installs.words import N_

DRIVERS: Mapping[str, str] = {
    "mat_gpio": N_("Matta på stift"),
    "mat_adc": N_("Matta med tryckceller"),
    "door_gpio": N_("Dörrgivare på stift"),
    "motion_gpio": N_("Rörelsegivare på stift"),
    "button_gpio": N_("Knapp på stift"),
    "bthome": N_("Trådlös givare eller knapp"),
    "lock_nuki": N_("Lås: Nuki"),
    "lock_danalock": N_("Lås: Danalock"),
    "lock_yale": N_("Lås: Yale"),
    "indicator": N_("Lampa och ton"),
    "speakerphone": N_("Högtalare med mikrofon"),
    "camera_v4l2": N_("Kamera med USB"),
    "camera_pi": N_("Kamera på enhetens kort"),
    "ups_gpio": N_("Reservbatteri"),
}
"""Drivers that a technician chooses from; another one is written by its name."""
