"""Which language the reader gets, and the times of day on the screen.

Message ids are Swedish, so that Swedish shows even where no catalogue is installed; English comes
from `translations/en`, as it is written: the `.po` is compiled in memory when the first reader
wants it, so that nothing compiled is kept and none can be old (`translations/README.md`).  Not for:
the words for kinds and codes (`web.staff.texts.words`).
"""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.support import Translations
from flask import Flask, has_request_context, request
from flask_babel import Babel, Domain, get_locale, gettext

LANGUAGES = {"sv": "Svenska", "en": "English"}
"""Code to the language's own name; the first is the default."""

DEFAULT = "sv"

COOKIE = "sprak"
"""Name of the cookie that keeps a chosen language."""

ZONE = "Europe/Stockholm"
"""Where no home says otherwise, times of day are shown as here."""

FIRST_YEAR, LAST_YEAR = 2000, 2100
"""Years that a date may be in; others only make arithmetic overflow."""

TRANSLATIONS = Path(__file__).parents[1] / "translations"


def chosen_language() -> str:
    """The cookie's language, else the account's, else Swedish.  The browser's own wish is not
    asked: a ward's shared computer says English far too often."""
    if not has_request_context():
        return DEFAULT
    wish = request.cookies.get(COOKIE)
    if wish in LANGUAGES:
        return wish
    return _of_account() or DEFAULT


def _of_account() -> str | None:
    from flask_login import current_user

    wish = getattr(current_user, "locale", None)
    return wish if wish in LANGUAGES else None


@cache
def catalogue(language: str) -> Translations:
    """The texts of a language, compiled (45 ms for 780 texts on a core as slow as a Pi 4's, once a
    process); empty for Swedish, which the message ids are."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    path = TRANSLATIONS / language / "LC_MESSAGES" / "messages.po"
    if not path.is_file():
        return Translations()
    compiled = BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return Translations(compiled)


class Written(Domain):  # type: ignore[misc]  # Flask-Babel publishes no types
    """The application's texts, straight from the written catalogues."""

    def get_translations(self) -> Translations:
        """Those of the reader's language."""
        return catalogue(language())


def init_app(app: Flask) -> None:
    """Give the application its languages."""
    app.config.setdefault("BABEL_DEFAULT_LOCALE", DEFAULT)
    app.config.setdefault("BABEL_DEFAULT_TIMEZONE", ZONE)
    babel = Babel(app, locale_selector=chosen_language)
    babel.domain_instance = Written()


def say(text: str, **values: object) -> str:
    """`text` in the reader's language, with `%(name)s` filled in (imported as `_`)."""
    return str(gettext(text, **values))


def say_in(language: str, text: str, **values: object) -> str:
    """`text` (marked by `N_`) in a language, where no reader asks: for what is sent out."""
    found = catalogue(language) if language in LANGUAGES else catalogue(DEFAULT)
    return str(found.ugettext(text)) % values


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for it
    """Mark a text for the catalogue; it is translated when it is shown."""
    return text


def language() -> str:
    """The language code of this answer: `sv` or `en`."""
    locale = get_locale()
    return DEFAULT if locale is None else str(locale.language)


def local(at: datetime, zone: str | None = None) -> datetime:
    """`at` in the home's own time (an IANA name; None, or a zone that this machine does not know:
    `ZONE`).  A time at the very end of what can be written comes back as it is: it must not darken
    the page it stands on."""
    try:
        return at.astimezone(zone_of(zone))
    except OverflowError:
        return at


def zone_of(name: str | None) -> ZoneInfo:
    """A home's time zone, by its IANA name; `ZONE` where this machine knows none of that name: a
    home's alarm rings all the same."""
    try:
        return ZoneInfo(name or ZONE)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(ZONE)


def day_of(text: str) -> date | None:
    """The date in an address or a form; None for what is none, or is no day anybody asks for."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if FIRST_YEAR <= day.year <= LAST_YEAR else None
