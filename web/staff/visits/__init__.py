"""Visits: the plan, what was done, corrections, and files for other programs."""
