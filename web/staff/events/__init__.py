"""The server's own events, and the tables that are folded from all events."""
