"""What a person does on the pages: each form comes here, goes to `web.staff.care.actions`, and is
answered with a sentence.

Not for: night checks (`check_forms`), rights or rules (`actions` and the home decide), or showing
anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TypeVar

from flask import request, url_for
from flask.typing import ResponseReturnValue

from gateway.access.grants import Action
from gateway.events import AlarmFinding, AlarmOutcome, Coded, Refusal, Tap
from web.staff.care import actions
from web.staff.care.actions import Refused, Why
from web.staff.core.context import staff
from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.doors import lock_orders
from web.staff.pages import lookups
from web.staff.pages.layout import answered, refused
from web.staff.pages.routes import post
from web.staff.texts import words
from web.staff.texts.event_summary import clock

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")


def refusal_text(actor: Actor, refusal: Refused, home: str | None = None) -> str:
    """Why an action was refused, in a sentence that says what to do."""
    data = refusal.data
    if refusal.why is Why.NOT_FIRST or (refusal.why is Why.CLOSED and data.get("person")):
        with staff().db.read() as conn:
            who = lookups.names(conn, actor).get(data["person"], data["person"])
            place = lookups.places(conn, actor).get(home or "")
        at = clock(data["at"], place.zone if place else None)
        if refusal.why is Why.NOT_FIRST:
            return _("%(who)s hann före, %(at)s.", who=who, at=at)
        return _("%(who)s har redan avslutat det, %(at)s.", who=who, at=at)
    if refusal.why is Why.NOT_CONNECTED:
        return _("Hemmet är inte anslutet just nu. Inget skickades till låset.")
    return _(SENTENCES[refusal.why])


def number_of(text: str, *, none: int = -1, digits: int = 9) -> int:
    """What was typed as a whole number from 0; `none` for what is no number, or has more digits."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= digits else none


def not_saved(actor: Actor, refusal: Refused, home: str, meanwhile: str) -> tuple[str, int]:
    """Why a numbered thing of a home (its plan, its configuration) was not saved, and the answer's
    status; `meanwhile`: what to say when somebody else changed it since the page was shown."""
    if refusal.why is Why.NOT_FIRST:
        return meanwhile, 409
    return refusal_text(actor, refusal, home), 403


def with_former(found: Sequence[T], first: T | None = None) -> list[tuple[T, T | None]]:
    """Each of a history, the newest first, with the one before it; `first` is what the oldest one
    changed."""
    return list(zip(found, [*found, first][1:], strict=True))


SENTENCES = {
    Why.NO_ROLE: N_("Din roll får inte göra det här."),
    Why.NOT_ASSIGNED: N_("Du är inte inplanerad i det här hemmet. Ring samordnaren."),
    Why.NOT_PLANNED: N_(
        "Inget besök är planerat för dig här nu. Ring samordnaren om du ändå ska in."
    ),
    Why.NOT_APPROVED: N_("Ingen annan har godkänt att låset vrids för service."),
    Why.NO_REQUEST: N_("Begäran finns inte längre. Be teknikern fråga igen."),
    Why.SAME_PERSON: N_("Någon annan än du själv måste godkänna."),
    Why.NO_HOME: N_("Hemmet finns inte, eller hör inte till dig."),
    Why.NO_LOCK: N_("Hemmet har inget sådant lås."),
    Why.NOT_CONNECTED: N_("Hemmet är inte anslutet just nu. Inget skickades till låset."),
    Why.NO_ALARM: N_("Larmet finns inte längre."),
    Why.NO_WORDS: N_("Skriv några ord först."),
    Why.NOT_FIRST: N_("En kollega hann före."),
    Why.CLOSED: N_("Det är redan avslutat."),
    Why.NO_CHECK: N_("Tillsynen finns inte längre."),
    Why.NOT_ASKED: N_("Tillsynen väntar inte längre på svar."),
    Why.NOTHING_SEEN: N_(
        "Kameran visade ingenting. Ring eller åk dit, och registrera tillsynen så."
    ),
    Why.NO_TAG: N_("Taggen hör inte till något av dina hem. Säg till samordnaren."),
    Why.NO_VISIT: N_("Besöket finns inte längre."),
    Why.NO_PLAN: N_("Besöket finns inte i planen längre."),
    Why.NOT_YOURS: N_("Du kan rätta dina egna besök samma dag. Be samordnaren om hjälp med andra."),
    Why.LOCKED: N_("Besöket är låst och kan inte ändras längre."),
    Why.NO_EVENT: N_("Ingen händelse i dina hem har den beteckningen."),
    Why.KEPT: N_(
        "Den händelsen kan inte läggas undan. Det gäller öppna larm, åtkomstloggen och det som "
        "personalen har gjort."
    ),
    Why.NO_SAMPLE: N_("Raden hör inte till något av era stickprov."),
    Why.OWN_ACCESS: N_("Det här är din egen åtkomst. En kollega får kontrollera den."),
    Why.NO_VOICE: N_("Det här hemmet har ingen högtalare att tala genom."),
    Why.NO_CALL: N_("Samtalet finns inte längre."),
    Why.BAD_OFFER: N_("Webbläsaren kunde inte börja ett samtal. Läs in sidan igen."),
    Why.NO_CAMERA: N_("Det här hemmet har ingen kamera för tillsyn."),
    Why.NO_CONSENT: N_("Samtycke till kameratillsyn saknas i det här hemmet."),
    Why.NO_REASON: N_("Välj först varför du behöver se."),
    Why.NOT_SEEN: N_("Läs sensorns svar först. Läs in sidan igen."),
    Why.NOT_TAKEN: N_("Ta tillsynen först."),
    Why.LOOKING: N_("En kollega ser redan genom kameran."),
    Why.NO_LOOK: N_("Kameratillsynen är redan avslutad."),
    Why.EXTENDED: N_("Kameratillsynen är redan förlängd. Det går bara en gång."),
    Why.BAD_TIME: N_(
        "Tiderna stämmer inte: de ska ha passerat, sluttiden ska vara efter starttiden, och "
        "något ska vara ändrat."
    ),
}


ALARMS_MAX = 50
"""Alarms that one form takes or closes: an incident has a handful."""


def choice(enum: type[E], name: str) -> E | None:
    """The form's value as a member of `enum`, or None when it is missing, unknown or not one that
    anybody may choose."""
    word = request.form.get(name, "")
    try:
        return enum.chosen(word) if issubclass(enum, Coded) else enum(word)
    except ValueError:
        return None


@post("/larm/ta", "acknowledge", examples=({}, {"back": "shift"}))
def acknowledge(actor: Actor) -> ResponseReturnValue:
    """POST `/larm/ta`: take an alarm on, or all of an incident's."""
    done, refusal = _each_alarm(lambda ref: actions.acknowledge(staff(), actor, ref))
    if refusal is None:
        text = _("Du har tagit larmet.") if done == 1 else _("Du har tagit larmen.")
        return answered(text, _alarm_page())
    told = refusal_text(actor, refusal, request.form.get("home"))
    if done:
        return answered(_("Du har tagit %(n)s larm.", n=done) + " " + told, _alarm_page())
    return refused(told, _alarm_page())


@post("/larm/pa-vag", "set_out", examples=({}, {"back": "shift"}))
def set_out(actor: Actor) -> ResponseReturnValue:
    """POST `/larm/pa-vag`: on the way to an alarm, or to all of an incident's."""
    done, refusal = _each_alarm(lambda ref: actions.set_out(staff(), actor, ref))
    if refusal is None or done:
        return answered(_("Du är på väg. Kollegorna ser det."), _alarm_page())
    return refused(refusal_text(actor, refusal, request.form.get("home")), _alarm_page())


@post("/larm/framme", "answer_arrival", examples=({"there": "yes"}, {"there": "no"}, {}))
def answer_arrival(actor: Actor) -> ResponseReturnValue:
    """POST `/larm/framme`: whether one is there, as was asked; of all of an incident's."""
    word = request.form.get("there", "")
    if word not in ("yes", "no"):
        return refused(_("Svara om du är framme eller på väg."), _alarm_page(), 422)
    there = word == "yes"
    done, refusal = _each_alarm(
        lambda ref: actions.answer_arrival(staff(), actor, ref, there=there)
    )
    if refusal is not None and not done:
        return refused(refusal_text(actor, refusal, request.form.get("home")), _alarm_page())
    if there:
        return answered(_("Du är framme. Kollegorna ser det."), _alarm_page())
    return answered(_("Du är på väg. Kollegorna ser det."), _alarm_page())


@post("/larm/anteckna", "note_alarm", examples=({"note": "x"}, {}))
def note_alarm(actor: Actor) -> ResponseReturnValue:
    """POST `/larm/anteckna`: a note to an alarm."""
    try:
        actions.note(staff(), actor, request.form.get("alarm", ""), request.form.get("note", ""))
    except Refused as refusal:
        status = 422 if refusal.why is Why.NO_WORDS else 409
        return refused(refusal_text(actor, refusal), _alarm_page(), status)
    return answered(_("Anteckningen är sparad."), _alarm_page())


@post(
    "/larm/avsluta",
    "resolve",
    examples=({"finding": "fall"}, {"finding": "other", "note": "x"}, {"outcome": "mended"}),
)
def resolve(actor: Actor) -> ResponseReturnValue:
    """POST `/larm/avsluta`: close an alarm, or those of an incident that are named, with what it
    turned out to be; `again`: say so of one that is closed.  A page of before sends an outcome."""
    finding, outcome = choice(AlarmFinding, "finding"), choice(AlarmOutcome, "outcome")
    words_said = request.form.get("note", "")
    again = "again" in request.form
    if finding is None and outcome is None:
        return refused(_("Välj först orsaken till larmet."), _alarm_page(), 422)
    if finding is AlarmFinding.OTHER and not words_said.strip():
        return refused(_("Skriv några ord om orsaken."), _alarm_page(), 422)
    if not request.form.getlist("alarm"):
        return refused(_("Välj först vilka larm som ska avslutas."), _alarm_page(), 422)

    def close(ref: str) -> object:
        if finding is not None:
            return actions.explain(staff(), actor, ref, finding, words_said, again=again)
        return actions.resolve(staff(), actor, ref, outcome or AlarmOutcome.NO_NEED)

    done, refusal = _each_alarm(close)
    if refusal is None:
        text = _("Larmet är avslutat.") if done == 1 else _("Larmen är avslutade.")
        return answered(text, _alarm_page())
    told = refusal_text(actor, refusal, request.form.get("home"))
    if done:
        return answered(_("Avslutade larm: %(n)s.", n=done) + " " + told, _alarm_page())
    return refused(told, _alarm_page())


def _each_alarm(act: Callable[[str], object]) -> tuple[int, Refused | None]:
    """Do it to each alarm of the form; how many it was done to, and the first refusal.  One after
    the other: what a colleague was first with keeps nobody from the rest."""
    done, first = 0, None
    for ref in dict.fromkeys(request.form.getlist("alarm")[:ALARMS_MAX] or [""]):
        try:
            act(ref)
            done += 1
        except Refused as refusal:
            first = first or refusal
    return done, first


def _alarm_page() -> str:
    """Where a form about an alarm stood: Nu, the alarm's own page, or the home's card on Mitt
    pass."""
    if request.form.get("back") == "alarm":
        return url_for("pages.alarm_one", alarm=request.form.get("alarm") or "-")
    if request.form.get("back") == "shift":
        return url_for("pages.shift", _anchor=f"home-{request.form.get('home', '')}")
    return url_for("pages.now")


@post("/pass/<home>/las", "turn", examples=({"action": "unlock"}, {"action": "lock"}))
def turn(actor: Actor, home: str) -> ResponseReturnValue:
    """POST `/pass/<home>/las`: turn a lock.  A second tap while the first is under way is the same
    turn."""
    here = "pages.shift" if actor.may(Right.TURN_LOCK) else "pages.service"
    back = url_for(here, _anchor=f"home-{home}")
    device = request.form.get("device", "")
    action = choice(Action, "action")
    if action not in (Action.UNLOCK, Action.LOCK):
        return refused(_("Sidan förstod inte det som skickades. Läs in sidan igen."), back, 422)
    try:
        key = request.form.get("key")
        sent = lock_orders.order_turn(staff(), actor, home, device, action, key=key)
    except Refused as refusal:
        text = refusal_text(actor, refusal, home)
        if refusal.why is Why.NOT_ASSIGNED and request.form.get("elsewhere"):
            text = words.enum_word(Refusal, Refusal.ALARM_CLOSED)  # the page was older than that
        return refused(text, back)
    return answered("", back, grant=sent.grant)


@post("/pass/<home>/besok", "tap", examples=({"tap": "arrive"}, {"tap": "leave"}))
def tap(actor: Actor, home: str) -> ResponseReturnValue:
    """POST `/pass/<home>/besok`: arrived, or leaving."""
    back = url_for("pages.shift", _anchor=f"home-{home}")
    what = choice(Tap, "tap")
    if what is None:
        return refused(_("Sidan förstod inte det som skickades. Läs in sidan igen."), back, 422)
    try:
        done = actions.tap(staff(), actor, home, what)
    except Refused as refusal:
        return refused(refusal_text(actor, refusal, home), back)
    with staff().db.read() as conn:
        place = lookups.places(conn, actor).get(home)
        doors = lookups.devices(conn, [home]).values()
    at = clock(done.at, place.zone if place else None)
    if what is Tap.ARRIVE:
        return answered(_("Ankomst registrerad %(at)s.", at=at), back)
    text = _("Avgång registrerad %(at)s.", at=at)
    if any(door.type == "lock" and door.present and door.state == "unlocked" for door in doors):
        text += " " + _("Dörren är upplåst. Lås den.")
    return answered(text, back)
