"""Recorded homes through the live rules: read, replayed, judged."""
