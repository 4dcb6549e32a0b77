"""Night checks: the plan of a home."""
