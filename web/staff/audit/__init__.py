"""The access log: who read, opened, came in or looked."""
