"""What a home says about a look, and its sealed pictures: for the page that began it.

A look that is over takes no picture, and one that goes on has an end of the server's own reckoning.
Not for: beginning a look (`web.staff.looks`), or opening a picture: nobody here can.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from gateway.errors import DescriptionRefused
from gateway.media import description
from gateway.wire import PICTURE_MAX_BYTES, PICTURES_MAX, LookSignal, PictureTaken
from web.staff.core.context import Staff
from web.staff.homelink import call_signals
from web.staff.homelink.ingest import Refused
from web.staff.realtime.pictures import NoPlace
from web.staff.storage.look_tables import look_session

ORDER = ("asked", "answered", "relaying", "begun", "ended", "refused")
"""Of a look's states; the last two are its end."""

NO_PICTURES = ("asked", "answered", *call_signals.OVER)
"""The states in which none are sent here; a newer home or worker may have more in which they
are."""

LATE_S = 5.0
"""Seconds past the end that the home told, after which a look is over here whatever it says: its
parent kills the camera's process after three."""

LEFT_MAX_S = 60.0
"""Seconds that a look has left at the most, extended."""

S = look_session


def receive(staff: Staff, home: str, signal: LookSignal) -> None:
    """Keep it.  Raises `Refused` for a look that this home has none of, and for a description that
    is none."""
    try:
        answer = description.clean(signal.sdp, description.VIDEO) if signal.sdp else ""
    except DescriptionRefused as error:
        raise Refused(400, "bad_request", f"sdp: {error.text}.") from error
    more: dict[str, Any] = {"answer": answer} if answer else {}
    if signal.key:
        more["key"] = signal.key
    if signal.state in ("begun", *call_signals.STILL) and signal.left_s is not None:
        left_s = min(signal.left_s, LEFT_MAX_S) + LATE_S
        more["until"] = datetime.now(UTC) + timedelta(seconds=left_s)
    with staff.write() as tx:
        mine = (S.c.id == signal.look) & (S.c.home_id == home)
        state = None if signal.state in call_signals.STILL else signal.state
        if not call_signals.forward(tx, S, mine, ORDER, state, signal.why, more):
            raise Refused(404, "no_look", "There is no such look into this home.")
    if signal.state in call_signals.OVER:
        staff.pictures.drop(signal.look)


def take_picture(staff: Staff, home: str, look: str, number: int, sealed: bytes) -> PictureTaken:
    """Hold a sealed picture for the page, instead of the one before.  Raises `Refused`: no such
    look of this home's, over, a number that is not higher, no place for it now."""
    if not 1 <= number <= PICTURES_MAX or not 0 < len(sealed) <= PICTURE_MAX_BYTES:
        raise Refused(400, "bad_picture", f"A picture has a number up to {PICTURES_MAX}.")
    with staff.db.read() as conn:
        mine = (S.c.id == look) & (S.c.home_id == home)
        row = conn.execute(select(S.c.state, S.c.until).where(mine)).one_or_none()
    if row is None:
        raise Refused(404, "no_look", "There is no such look into this home.")
    if row.state in NO_PICTURES or row.until < datetime.now(UTC):
        raise Refused(409, "over", "The look is over, or its pictures go another way.")
    try:
        if not staff.pictures.put(look, number, sealed):
            raise Refused(409, "old_picture", "There is a newer picture of this look.")
        return PictureTaken(look=look, number=number, asked_s=staff.pictures.unasked_s(look))
    except NoPlace as error:
        raise Refused(429, "no_place", "There is no place for another picture now.") from error
