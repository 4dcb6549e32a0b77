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

TRIAL = N_("Provlarm %(at)s")
MANY = N_("i %(count)s hem")
AGAIN = N_("Påminnelse %(round)s")
REPLY = N_("Svara %(word)s för att ta larmet.")
CODE = N_("Tryggve: koden är %(code)s. Lämna den inte till någon.")
NOTHING_TO_DO = N_("Du behöver inte göra något.")


def title(message: Message, locale: str) -> str:
    """`Larm 02:14`, and in how many homes where one cause raised it in several."""
    words = TRIAL if message.trial or message.test else TITLES[message.severity]
    said = say_in(locale, words, at=f"{local(message.raised_at):%H:%M}")
    if message.others:
        said += " " + say_in(locale, MANY, count=message.others + 1)
    return said


def text(message: Message, locale: str, *, reply: bool) -> str:
    """The whole of a short message; `reply`: whether an answer can come back by the same way."""
    parts = [f"{title(message, locale)}."]
    if message.repeat > 1:
        parts.insert(0, say_in(locale, AGAIN, round=message.repeat) + ".")
    if message.trial:
        parts.append(say_in(locale, NOTHING_TO_DO))
    elif reply:
        parts.append(say_in(locale, REPLY, word=message.reply))
    return " ".join([*parts, message.url])


def code(code: str, locale: str) -> str:
    """What shows that a number or an address is its owner's."""
    return say_in(locale, CODE, code=code)
