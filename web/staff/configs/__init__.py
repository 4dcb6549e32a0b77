"""What a home consists of, edited here: a configuration whole, numbered, with who and why.

Not for: what a driver or a rule takes (the home checks that), or pages.
"""
