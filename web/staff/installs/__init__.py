"""A home is installed: tried by a person, ticked by its own events, and accepted."""
