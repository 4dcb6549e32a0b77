"""A call or a look that a newer server begins with more than this home knows: nobody hears or sees,
and the page reads why."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("aiortc")

from gateway.access import look_permits, permits
from gateway.events import LookRefusal, LookRefused, VoiceRefusal, VoiceRefused
from gateway.wire import CallOrder, LookOrder
from tests.media.home_parts import KEY
from tests.media.look_parts import LookHome
from tests.media.parts import CallHome


async def test_a_call_that_is_not_understood_is_refused(tmp_path: Path) -> None:
    """No child is started; the log names call and person, and the page is told."""
    home = CallHome(tmp_path)
    token = permits.sign(home.permit(), KEY, "k1")
    order = CallOrder(what="begin", call="c1", permit=token)
    home.spawn(home.calls.order(order, False))
    assert (await home.said("refused")).why == VoiceRefusal.NOT_UNDERSTOOD
    await home.settled()
    (refused,) = home.data(VoiceRefused)
    assert (refused.call, refused.why) == ("c1", VoiceRefusal.NOT_UNDERSTOOD)
    assert home.children == []


async def test_a_look_that_is_not_understood_is_refused(tmp_path: Path) -> None:
    """Neither shutter nor lamp moves; the log names the look, and the page is told."""
    home = LookHome(tmp_path)
    token = look_permits.sign(home.permit(), KEY, "k1")
    home.spawn(home.looks.order(LookOrder(what="begin", look="l1", permit=token), False))
    assert (await home.said("refused")).why == LookRefusal.NOT_UNDERSTOOD
    await home.settled()
    (refused,) = home.data(LookRefused)
    assert (refused.look, refused.why) == ("l1", LookRefusal.NOT_UNDERSTOOD)
    assert home.children == []
