"""Nattillsyn: tonight's checks on one page.  What is due now, who looks, what is unclear, who must
be visited, what is done and what was missed.

Two never look at once: who begins has the check, and the others see who
(`web.staff.checks.claims`).  One check stands open beside the board (`?oppna=<home>/<check>`), with
all that can be done about it.  Not for: the look through a camera (`parts/look_panel.html`), the
forms (`check_forms`), or reading checks (`night_rows`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from flask import request
from flask_babel import ngettext
from sqlalchemy import Connection

from gateway.envelope import Event
from gateway.events import Ref, Settled
from web.staff.care.look_consent import looks_withdrawn
from web.staff.core import i18n
from web.staff.core.context import staff
from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.pages import layout, lists, lookups, night_rows, reading
from web.staff.pages.layout import main_attributes, page
from web.staff.pages.lookups import Place
from web.staff.pages.night_rows import CheckCard
from web.staff.pages.routes import Menu, get

DUE = 60
"""Checks due now on a sheet: a night of forty homes, and half as many again."""

OTHERS = 24
"""Checks of another part on a sheet."""

DARK_FROM, DARK_TO = 21, 7
"""Hours between which the board is dark unless the reader chose: whoever looks at it by night has
eyes that are used to the dark."""


@dataclass(frozen=True, slots=True)
class Panel:
    """The check that stands open; `asks_visit`: somebody must go there."""

    card: CheckCard
    asks_visit: bool
    end: Event | None
    because: Mapping[Ref, Event]


@get(
    "/nattillsyn",
    "night_board",
    right=Right.SEE_CARE,
    menu=Menu(15, "moon", N_("Nattillsyn")),
    examples=({}, {"oppna": "h1/n@1"}, {"oppna": "x"}, {"del": "nu", "efter": "0_h1/n@2"}),
)
def board(actor: Actor) -> str:
    """The page `/nattillsyn`."""
    now = staff().clock.now()
    with staff().db.read() as conn:
        places, names = lookups.places(conn, actor), lookups.names(conn, actor)
        going = night_rows.open_checks(conn, actor, places, names)
        to_visit = night_rows.tasks(conn, actor, places, names)
        left = {card.key for card in to_visit}
        going = [card for card in going if card.key not in left]
        due, looking, unclear, goes = (
            [card for card in going if card.part == part]
            for part in ("due", "looking", "unclear", "visit")
        )
        to_visit += goes
        unclear = night_rows.asked_again(conn, unclear)
        done, missed = night_rows.over(conn, actor, places, names, now)
        counts = night_rows.counts(conn, actor, now)
        panel = _panel(conn, actor, places, names)
        if panel is not None:
            reading.note(actor, {panel.card.row.home_id}, "home")
        return page(
            "night_board.html",
            conn,
            actor,
            due=_sheet(due, "nu", DUE),
            looking=_sheet(looking, "pagar", OTHERS),
            unclear=_sheet(unclear, "oklart", OTHERS),
            to_visit=_sheet(to_visit, "besok", OTHERS),
            done=done,
            missed=missed,
            counts=counts,
            ahead=night_rows.ahead(conn, actor, places, now),
            panel=panel,
            settled=Settled.offered(),
            no_looks=looks_withdrawn(conn, actor.homes),
            may_check=actor.may(Right.ANSWER_CHECK),
            may_count=actor.may(Right.ASSIGN),
            **_theme(now),
            **main_attributes(
                kinds="alarm check home bed visit look plan consent",
                title=_title(len(due), len(to_visit)),
            ),
        )


def _sheet(cards: list[CheckCard], name: str, size: int) -> lists.Fold[CheckCard]:
    """The most urgent first, by UTC: an hour that comes twice in a night is not mixed up."""
    asked = {key: value for key, value in request.args.items() if key != "oppna"}
    return lists.fold(cards, name, _order, _key, asked, whole=0, rows=size)


def _order(card: CheckCard) -> lists.Order:
    until = card.row.answer_by if card.row.closed_at is None else None
    return lists.moment(until or card.asks_since), card.key


def _key(card: CheckCard) -> str:
    return card.key


def _title(due: int, to_visit: int) -> str:
    """What the tab says, so that it can be read while another page is open."""
    told = [
        ngettext("%(num)s att göra", "%(num)s att göra", due) if due else "",
        ngettext("%(num)s att besöka", "%(num)s att besöka", to_visit) if to_visit else "",
    ]
    return " · ".join([*filter(None, told), _("Nattillsyn")])


def _theme(now: datetime) -> dict[str, object]:
    hour = i18n.local(now).hour
    night = hour >= DARK_FROM or hour < DARK_TO
    return {"theme": "dark"} if night and layout.theme() == "auto" else {}


def _panel(
    conn: Connection, actor: Actor, places: Mapping[str, Place], names: Mapping[str, str]
) -> Panel | None:
    found = night_rows.one(conn, actor, request.args.get("oppna", ""), places, names)
    if found is None:
        return None
    card, asks_visit = found
    refs = [ref for ref in (card.row.asked_ref, card.row.closed_ref) if ref]
    events = lookups.events_by_ref(conn, refs, actor.homes)
    end = events.get(card.row.closed_ref or "")
    because = lookups.reasons(conn, events.values(), actor.homes)
    card = replace(card, asked=events.get(card.row.asked_ref or ""))
    [card] = night_rows.asked_again(conn, [card])
    if card.row.done_by == "sensor":
        card = replace(card, rests_on=night_rows.rests_on(end, because, card.place))
    return Panel(card, asks_visit, end, because)
