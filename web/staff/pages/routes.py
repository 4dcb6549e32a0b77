"""How a page says where it is: `get` and `post` above a view, and nothing anywhere else.

    @get("/atkomst", "access", right=Right.AUDIT_ACCESS, menu=Menu(70, "search", N_("Åtkomstlogg")))
    def log(actor: Actor) -> str:

Every module of `web.staff.pages` is looked through when the application is made.  A view is given
the `Actor` first: who is not signed in is led to the sign-in, and who lacks the right is told so,
before it runs.  The tests walk what is declared here: a new page is tried with every role, another
organisation's ids and on both databases, and named in none of them.

Not for: what a page shows, or checks that depend on what is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar

from flask.typing import ResponseReturnValue

from web.staff.core.rights import Right

F = TypeVar("F", bound=Callable[..., ResponseReturnValue])

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Menu:
    """A page's entry in the menu, for those who may see the page; `right`: only for those who have
    it.  `place` orders the entries, with room between them for new ones."""

    place: int
    icon: str
    label: str
    right: Right | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One address with its view.  `name` is the endpoint, `pages.<name>`.  `right` None: everybody
    who is signed in; `public`: also who is not, and the view gets no actor.  `under` is the page
    of the menu from which it is found, by name: that entry is marked, and a page that is under
    another one has an entry of its own only for those whose menu has not that one."""

    method: str
    path: str
    name: str
    view: Callable[..., ResponseReturnValue]
    right: Right | None
    menu: Menu | None
    under: str | None
    public: bool
    file_max: int
    """Bytes of the file that its form brings; 0: it brings none."""
    examples: tuple[Fields, ...]
    """Forms (or queries) with which it does or shows something; ids that stand for what is there
    (`home`, `alarm`, `person`, …) are left to those who try it."""


ROUTES: list[Route] = []
"""In the order in which the modules were read."""


def get(
    path: str,
    name: str,
    *,
    right: Right | None = None,
    menu: Menu | None = None,
    under: str | None = None,
    public: bool = False,
    examples: tuple[Fields, ...] = ({},),
) -> Callable[[F], F]:
    """The view shows something and changes nothing."""
    return _declared("GET", path, name, right, menu, under, public, examples)


def post(
    path: str,
    name: str,
    *,
    right: Right | None = None,
    public: bool = False,
    file_max: int = 0,
    examples: tuple[Fields, ...] = ({},),
) -> Callable[[F], F]:
    """The view takes a form.  Without its token no form gets here."""
    return _declared("POST", path, name, right, None, None, public, examples, file_max)


def _declared(
    method: str,
    path: str,
    name: str,
    right: Right | None,
    menu: Menu | None,
    under: str | None,
    public: bool,
    examples: tuple[Fields, ...],
    file_max: int = 0,
) -> Callable[[F], F]:
    if any(route.name == name for route in ROUTES):
        raise ValueError(f"the page {name} is declared twice")
    if public and right is not None:
        raise ValueError(f"the page {name} asks nobody to sign in, and for a right")

    def declare(view: F) -> F:
        at = (method, path, name, view, right, menu, under, public, file_max, examples)
        ROUTES.append(Route(*at))
        return view

    return declare


def file_max(endpoint: str | None) -> int:
    """Bytes of the file that the form sent to this endpoint brings; 0: it brings none."""
    return next((one.file_max for one in ROUTES if endpoint == f"pages.{one.name}"), 0)


def in_menu() -> list[tuple[Route, Menu]]:
    """The pages of the menu, in its order."""
    found = [(route, route.menu) for route in ROUTES if route.menu is not None]
    return sorted(found, key=lambda one: one[1].place)


def menu_of(may: Callable[[Right], bool]) -> list[tuple[Route, Menu]]:
    """The entries of whoever may do this: what is found under one of them is none of its own."""
    mine = [
        (route, entry)
        for route, entry in in_menu()
        if all(right is None or may(right) for right in (route.right, entry.right))
    ]
    names = {route.name for route, _entry in mine}
    return [(route, entry) for route, entry in mine if route.under not in names]


def entry_of(endpoint: str, shown: Collection[str]) -> str | None:
    """Which of the entries that are shown (by name) this endpoint belongs to: its own, that of the
    page whose name its name begins with, or the one that page is under."""
    name = endpoint.removeprefix("pages.")
    near = [one for one in ROUTES if name == one.name or name.startswith(f"{one.name}_")]
    for one in sorted(near, key=lambda route: -len(route.name)):
        for entry in (one.name, one.under):
            if entry in shown:
                return entry
    return None
