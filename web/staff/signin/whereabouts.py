"""Roughly who and where: a browser's name and a network, enough for an owner to know a sign-in
again and too little to follow anybody.

Not for: keyed hashes that tell two places apart (`web.staff.core.keys`).
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, ip_address

BROWSERS = (("Edg", "Edge"), ("Firefox", "Firefox"), ("Chrom", "Chrome"), ("Safari", "Safari"))
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)

GROUPS_OF_IPV6 = 3
"""48 bits: what a provider gives to one customer."""


def browser_name(agent: str) -> str:
    """`Chrome, Android`; `?` for what is no browser that we know."""
    parts = [
        next((name for part, name in known if re.search(part, agent)), "")
        for known in (BROWSERS, SYSTEMS)
    ]
    return ", ".join(part for part in parts if part) or "?"


def rough_network(address: str) -> str:
    """`192.0.2.x` or `2001:db8:1:x`: the network without the device in it; empty for no address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return ""
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    if isinstance(parsed, IPv4Address):
        return ".".join([*str(parsed).split(".")[:3], "x"])
    groups = parsed.exploded.split(":")[:GROUPS_OF_IPV6]
    return ":".join([*(group.lstrip("0") or "0" for group in groups), "x"])
