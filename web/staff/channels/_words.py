"""The few words that leave the server: that there is an alarm, since when, and where to read more.

Never which home, who lives there or what happened: whoever reads a phone's locked screen, or a
provider's logs, learns nothing of anybody.  Not for: what a page says after signing in.
"""

from __future__ import annotations

from gateway.events import Severity
from web.staff.channels.contract import Message
from web.staff.core.i18n import N_, local, say_in

TITLES = {
    Severity.CARE: N_("Larm %(at)s"),
    Severity.TECHNICAL: N_("Tekniskt larm %(at)s"),
    Severity.ROUTINE: N_("Att se till %(at)s"),
}
"""By whom an alarm concerns."""

NEWS = N_("Besked")
TRIAL = N_("Provlarm %(at)s")
MANY = N_("i %(count)s hem")
AGAIN = N_("Påminnelse %(round)s")
REPLY = N_("Svara %(word)s för att ta larmet.")
OPEN_TO_READ = N_("Öppna för att se var det är.")
TAKE = N_("Ta larmet")
OPEN = N_("Öppna")
NOT_TAKEN = N_("Larmet kunde inte tas härifrån. Öppna det.")
CODE = N_("Tryggve: koden är %(code)s. Lämna den inte till någon.")
NOTHING_TO_DO = N_("Du behöver inte göra något.")


def title(message: Message, locale: str) -> str:
    """`Larm 02:14`, and in how many homes where one cause raised it in several."""
    if message.is_news:
        return say_in(locale, NEWS)
    words = TRIAL if message.trial or message.test else TITLES[message.severity]
    said = say_in(locale, words, at=f"{local(message.raised_at):%H:%M}")
    if message.others:
        said += " " + say_in(locale, MANY, count=message.others + 1)
    return said


def text(message: Message, locale: str, *, reply: bool) -> str:
    """The whole of a short message; `reply`: whether an answer can come back by the same way."""
    if message.said is not None:
        answer = message.said_reply if reply else None
        return message.said if answer is None else f"{message.said} {answer}"
    parts = [f"{title(message, locale)}."]
    if message.repeat > 1:
        parts.insert(0, say_in(locale, AGAIN, round=message.repeat) + ".")
    if message.trial:
        parts.append(say_in(locale, NOTHING_TO_DO))
    elif reply:
        parts.append(say_in(locale, REPLY, word=message.reply))
    return " ".join([*parts, message.url])


def below(message: Message, locale: str) -> str:
    """What stands below the title where a text has two parts."""
    if message.said is not None:
        return message.said
    if message.trial or message.test:
        return say_in(locale, NOTHING_TO_DO)
    again = say_in(locale, AGAIN, round=message.repeat) + ". " if message.repeat > 1 else ""
    return again + say_in(locale, OPEN_TO_READ)


def actions(locale: str) -> list[dict[str, str]]:
    """The buttons of a notification."""
    return [
        {"action": "take", "title": say_in(locale, TAKE)},
        {"action": "open", "title": say_in(locale, OPEN)},
    ]


def not_taken(locale: str) -> str:
    """The button was pressed, and the server did not hear of it."""
    return say_in(locale, NOT_TAKEN)


def code(code: str, locale: str) -> str:
    """What shows that a number or an address is its owner's."""
    return say_in(locale, CODE, code=code)
