"""From inputs to numbered events on the disk: one turn at a time, one log."""
