"""Page and home meet at a relay (coturn) alone, and who looks on there learns nothing."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.demo.stage import Stage
from tests.e2e import turn
from web.staff.talk.relays import TURN_SECRET

pytest.importorskip("aiortc")

from tests.e2e.test_voice import HEARS, HOME_HZ, begin, chromium, ends, furnish_voice, says, talk

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

ONLY_THE_RELAY = """
const Direct = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Direct {
  constructor(how) {
    super({ ...how, iceTransportPolicy: "relay" });
    (window.peers ??= []).push(this);
  }
};
"""
"""In the page, before its own scripts: no way but over the relay."""

PAIR = """async () => {
  const found = [...(await window.peers.at(-1).getStats()).values()];
  const pair = found.find((one) => one.type === "candidate-pair" && one.nominated);
  return found.find((one) => one.id === pair.localCandidateId).candidateType;
}"""


def through(stage: Stage, relay: turn.Relay, secret: str) -> None:
    """Tell the server of the relay, as docs/voice.md says."""
    folder = stage.folder / "staff"
    (folder / "secrets" / TURN_SECRET).write_text(secret)
    (folder / "secrets" / TURN_SECRET).chmod(0o600)
    with (folder / "staff.toml").open("a") as file:
        file.write(f'\n[voice]\nturn_urls = ["{relay.url}"]\n')
    stage.kill_staff()
    stage.start_staff()


def test_a_relay_carries_what_it_cannot_read(
    set_stage: Callable[..., Stage], tmp_path: Path
) -> None:
    """The page has no way but the relay, opened by a word that the server made for this call: the
    home is heard; at the relay there is nothing but STUN, DTLS and SRTP, and nobody who looks on
    there can read what is carried."""
    secret = secrets.token_hex(16)
    with turn.relay(tmp_path, secret) as relay, turn.looking_on(relay.ports) as seen:
        stage = set_stage(home=False)
        furnish_voice(stage)
        through(stage, relay, secret)
        stage.start_home("--still", "--awake")
        with chromium(tmp_path) as browser:
            page = begin(stage, browser, ONLY_THE_RELAY)
            talk(page)
            assert page.evaluate(HEARS, {"hertz": HOME_HZ}) == pytest.approx(HOME_HZ, abs=20)
            assert page.evaluate(PAIR) == "relay"
            page.get_by_test_id("talk-end").click()
            says(page, "over")
            assert ends(stage, 1) == ["hung_up"]
    sealed_only(seen, b"left_s")


def sealed_only(seen: turn.Seen, word: bytes) -> None:
    """Nothing but the three, and what they carry is even."""
    kinds = seen.kinds()
    assert set(kinds) == {"stun", "dtls", "srtp"}, kinds
    assert kinds["srtp"] > 50
    assert turn.evenness(seen.media()) > 7.9
    assert not any(word in one for one in seen.datagrams)
