"""A driver for Tryggve in a package of its own: a door's contact, and its virtual twin.

driver   what runs in a home (docs/drivers.md shows it whole)
twin     a home's virtual pins with such a contact, for Tryggve's contract test
"""
