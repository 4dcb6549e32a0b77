"""What a database cannot keep as text (`web.staff.storage.storable`) is refused before anything
reads it, in an address, a form or a file's name: on the pages and where one signs in.

Not for: what a field may say (each page), or programs that ask (each of their routes).
"""

from __future__ import annotations

from collections.abc import Iterator

from flask import abort, request

from web.staff.storage.storable import all_storable, storable

WHERE = ("pages", "security", "sign_on", "pushed")
"""The blueprints that people's browsers ask."""


def refuse() -> None:
    """Before a view: 400 for what cannot be kept."""
    if request.blueprint in WHERE and not all(map(storable, _said())):
        abort(400)
    try:
        asked = request.get_json(silent=True) if request.blueprint == "security" else None
    except RecursionError:  # it lies too deep
        abort(400)
    if not all_storable(asked):
        abort(400)


def _said() -> Iterator[str]:
    yield from (str(value) for value in (request.view_args or {}).values())
    for _name, value in request.args.items(multi=True):
        yield value
    if request.method == "POST":
        for _name, value in request.form.items(multi=True):
            yield value
        for _name, file in request.files.items(multi=True):
            yield file.filename or ""
