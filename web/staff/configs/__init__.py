"""What a home consists of, edited here: a configuration whole, numbered, with who and why;
and SSH there for an hour.

Not for: what a driver or a rule takes (the home checks that), or pages.
"""
