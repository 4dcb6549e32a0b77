"""What is said of the way of an alarm: why the home could not tell somebody itself, where a test
alarm stayed.

As in `web.staff.texts.words`, the Swedish words are the message ids.  Not for: kinds of events
(`kind_words`).
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway import events
from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _
from web.staff.texts import words

PATH_WHY: Mapping[str, str] = {
    "no_modem": N_("hemmets enhet hittar inget modem"),
    "no_network": N_("modemet har ingen täckning"),
    "locked": N_("SIM-kortet är låst"),
    "refused": N_("operatören tog inte emot: kontrollera abonnemanget"),
    "no_answer": N_("inget svar i tid"),
    "busy": N_("larmcentralen är upptagen"),
    "undelivered": N_("kom inte fram till mottagaren"),
    "no_address": N_("mottagarens nummer saknas i hemmets enhet"),
    "no_channel": N_("hemmets enhet kan inte nå mottagaren så"),
}
"""A `why` of `gateway.message_failed`."""

HOPS: Mapping[str, str] = {
    "home": N_("hemmets enhet skickade inget provlarm"),
    "server": N_("servern tog inte emot provlarmet"),
    "dispatcher": N_("servern skickade inte provlarmet vidare"),
}
"""Where a test alarm stayed."""


def sent(data: events.GatewayMessageSent) -> str:
    """By what, and the how manieth time."""
    channel = words.enum_word(events.PathChannel, data.channel)
    return channel if data.attempt == 1 else _("%(what)s, gång %(n)s", what=channel, n=data.attempt)


def failed(data: events.GatewayMessageFailed) -> str:
    """By what, and why not."""
    channel = words.enum_word(events.PathChannel, data.channel)
    return f"{channel}: {words.spoken(PATH_WHY, data.why)}"


def ready(data: events.GatewaySecondPathReady) -> str:
    """How strong the network is."""
    if data.signal_pct is None:
        return ""
    return _("signal %(share)s", share=str(data.signal_pct) + " %")


def answered(data: events.ServerTestAnswered) -> str:
    """What did not hold."""
    if not data.broken:
        return _("alla larmvägar fungerar")
    return _("fungerar inte: %(names)s", names=", ".join(data.broken))
