"""Night checks: the plan of a home, who has a check, the visit that one leaves behind, and what
must not be forgotten.

Not for: what a check means (the home's rules), or pages.
"""
