"""The home as it is now, folded from its events: devices, rights, who came in."""
