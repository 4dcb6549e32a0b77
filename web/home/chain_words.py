"""What the home's own page says of the way of its alarms: Swedish first, English beside it.

Not for: other texts (`words`).
"""

from __future__ import annotations

CHAIN: dict[str, tuple[str, str]] = {
    "alarm.second_path_down": ("Reservvägen för larm fungerar inte", "No spare way for alarms"),
    "alarm.chain_broken": ("Ett provlarm kom inte fram", "A test alarm did not get through"),
    "chain": ("Larmkedjan", "The alarm chain"),
    "chain.passed": ("Provad", "Tested"),
    "chain.never": ("Inte provad än", "Not tested yet"),
    "chain.server": ("Bruten: servern tog inte emot", "Broken: the server did not take it"),
    "chain.dispatcher": (
        "Bruten: servern skickade inte vidare",
        "Broken: the server did not pass it on",
    ),
    "chain.path": ("Reservväg", "Spare way"),
    "chain.path.ok": ("Fungerar", "Works"),
    "chain.path.bad": ("Fungerar inte", "Does not work"),
}
"""Joined to the rest by `words`."""
