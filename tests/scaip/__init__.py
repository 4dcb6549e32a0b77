"""Tests of what goes to an alarm centre."""
