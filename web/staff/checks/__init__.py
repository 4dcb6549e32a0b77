"""Night checks: who has one, the visit that one leaves behind, and what must not be forgotten.

Not for: what a check means (the home's rules), or pages.
"""
