"""The pages that staff look at: one file a page, read queries only.

A module here says with `routes.get` and `routes.post` what its addresses are, who may see them and
what stands in the menu: adding a page is adding a file and its template.  `register` is all that
the composition root needs.  Writing goes through `web.staff.care.actions`, from `forms`.

Not for: the link to homes, or signing in.
"""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from flask import Blueprint, Flask

from web import shown_text
from web.staff.pages import error_pages, last_passkey, layout, look, odd_text, routes, row_guard


def discover() -> tuple[routes.Route, ...]:
    """Every address of the pages: what the modules of this package declare."""
    _read_all(tuple(__path__))
    return tuple(routes.ROUTES)


@cache
def _read_all(folders: tuple[str, ...]) -> None:
    """Import each module, which declares its addresses as it is read."""
    for info in pkgutil.iter_modules(folders):
        import_module(f"{__name__}.{info.name}")


def register(app: Flask) -> None:
    """Add the pages, what their templates need, and the pages for what goes wrong."""
    shown_text.add_to(app.jinja_env)
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.context_processor(layout.context)
    layout.add_filters(app)
    app.jinja_env.globals["look_panel"] = look.panel
    row_guard.init_app(app)
    app.before_request(odd_text.refuse)
    app.before_request(last_passkey.keep)
    blueprint = Blueprint("pages", __name__)
    blueprint.before_request(layout.note_position)
    for route in discover():
        view = route.view if route.public else layout.signed_in(route.view, route.right)
        blueprint.add_url_rule(route.path, route.name, view, methods=[route.method])
    app.register_blueprint(blueprint)
    error_pages.init_app(app)
