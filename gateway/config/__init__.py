"""What the home is told before it starts: its file and its secrets."""
