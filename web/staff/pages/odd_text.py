"""A form with a character that no text has (U+0000) is refused before any page reads it: PostgreSQL
keeps none, and nobody types one.

Not for: what a field may say (each page).
"""

from __future__ import annotations

from flask import abort, request


def refuse() -> None:
    """Before a form is read: 400 for one that cannot be kept."""
    if request.method != "POST":
        return
    said = [value for _name, value in request.form.items(multi=True)]
    said += [file.filename or "" for _name, file in request.files.items(multi=True)]
    if any("\x00" in value for value in said):
        abort(400)
