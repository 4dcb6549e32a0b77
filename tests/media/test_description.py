"""What an end of a call says of itself: bounded, and candidates only that may be followed."""

from __future__ import annotations

import pytest

from gateway.errors import DescriptionRefused
from gateway.media import description
from gateway.wire import CANDIDATES_MAX, SDP_MAX_BYTES

WAY = "a=candidate:1 1 udp 2122260223 192.168.1.7 51234 typ host generation 0 network-id 1"
OFFER = "\r\n".join(
    (
        "v=0",
        "o=- 8370 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1",
        "a=extmap-allow-mixed",
        "a=msid-semantic: WMS 1f",
        "m=audio 51234 UDP/TLS/RTP/SAVPF 111",
        "c=IN IP4 192.168.1.7",
        "a=rtcp:9 IN IP4 0.0.0.0",
        WAY,
        "a=ice-ufrag:Eo9w",
        "a=ice-pwd:kXn3wGBoQ9PBfzdz8vCVB3Uz",
        "a=fingerprint:sha-256 " + ":".join(["AB"] * 32),
        "a=setup:actpass",
        "a=mid:0",
        "a=sendrecv",
        "a=rtcp-mux",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        "a=mid:1",
        "a=sctp-port:5000",
        "",
    )
)


def test_a_browsers_offer_goes_through_with_what_is_known_of_it() -> None:
    """What a candidate tells beside is left out, and lines that nobody here reads."""
    kept = description.clean(OFFER).split("\r\n")
    assert "a=candidate:1 1 udp 2122260223 192.168.1.7 51234 typ host" in kept
    assert "a=rtpmap:111 opus/48000/2" in kept
    assert not any("msid" in line or "extmap" in line or "network-id" in line for line in kept)
    assert description.clean("\r\n".join(kept)) == "\r\n".join(kept)


@pytest.mark.parametrize(
    ("where", "goes"),
    [
        ("192.168.1.7 51234", True),
        ("10.1.2.3 1024", True),
        ("83.1.2.3 40000", True),
        ("2001:db8::7 51234", True),
        ("fd00::2 51234", True),
        ("127.0.0.1 51234", False),
        ("127.9.9.9 51234", False),
        ("::1 51234", False),
        ("::ffff:127.0.0.1 51234", False),
        ("169.254.1.1 51234", False),
        ("fe80::1 51234", False),
        ("224.0.0.251 5353", False),
        ("255.255.255.255 51234", False),
        ("0.0.0.0 51234", False),
        ("192.168.1.1 80", False),
        ("192.168.1.1 0", False),
        ("192.168.1.1 70000", False),
        ("5f3c9d1e-aaaa.local 51234", False),
        ("router.lan 51234", False),
    ],
)
def test_where_a_candidate_may_point(where: str, goes: bool) -> None:
    """To an address of somebody's own in some network; never to this machine, its link, to many at
    once, to a service's port, or to a name."""
    way = f"candidate:1 1 udp 2122260223 {where} typ host"
    assert (description.candidate(way) is not None) is goes
    text = OFFER.replace(WAY, f"a={way}")
    assert (f"a={way}" in description.clean(text)) is goes


def test_candidates_are_few_and_of_udp() -> None:
    """Twenty at the most; one over TCP, of another component, or of words is none."""
    many = [WAY.replace("51234", str(50000 + n)) for n in range(60)]
    assert len(description.candidates(many)) == CANDIDATES_MAX
    assert description.clean(OFFER.replace(WAY, "\r\n".join(many))).count("candidate") == 20
    for bad in ("", "candidate:x", WAY.replace("udp", "tcp"), WAY.replace(" 1 udp", " 2 udp")):
        assert description.candidate(bad) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "v=0",
        OFFER.replace("v=0", "v=1"),
        OFFER.replace("m=audio", "m=video"),
        OFFER.replace("m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "m=audio 9 RTP/AVP 0"),
        OFFER + OFFER.split("\r\n", 7)[7],
        OFFER.replace("a=ice-pwd", "a=ice-pass"),
        OFFER.replace("sha-256", "sha-1"),
        OFFER.replace("a=setup:actpass\r\n", ""),
        OFFER.replace("s=-", "s=\x00"),
        OFFER.replace("s=-", "s=ö"),
        OFFER.replace("a=mid:0", "a=mid:0\r\n" * 200),
        OFFER + "a=fmtp:111 " + "x" * SDP_MAX_BYTES,
    ],
)
def test_what_is_no_description_is_one_sentence(text: str) -> None:
    """Never a traceback of the library behind it."""
    with pytest.raises(DescriptionRefused) as caught:
        description.clean(text)
    assert len(caught.value.text) < 120


SEES = (
    OFFER.replace("m=audio 51234 UDP/TLS/RTP/SAVPF 111", "m=video 51234 UDP/TLS/RTP/SAVPF 96 97")
    .replace("a=sendrecv", "a=recvonly")
    .replace("a=rtpmap:111 opus/48000/2", "a=rtpmap:96 VP8/90000\r\na=rtpmap:97 H264/90000")
    .replace(
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=fmtp:97 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n"
        "a=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 goog-remb\r\na=rtcp-fb:96 run everything",
    )
)
"""A browser's offer to look."""


def test_a_look_is_video_and_a_call_is_sound() -> None:
    """Each takes its own kind, once, and nothing beside it; what is known of video goes through."""
    kept = description.clean(SEES, description.VIDEO).split("\r\n")
    assert {"a=rtpmap:96 VP8/90000", "a=rtcp-fb:96 nack pli", "a=recvonly"} <= set(kept)
    assert any("profile-level-id=42e01f" in line for line in kept)
    assert not any("run everything" in line for line in kept)
    both = SEES.replace("m=video", "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nm=video")
    twice = SEES.replace("m=video", "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nm=video")
    for text, media in (
        (SEES, description.AUDIO),
        (OFFER, description.VIDEO),
        (both, description.VIDEO),
        (twice, description.VIDEO),
        (SEES + "a=x\r\n" * 200, description.VIDEO),
        (SEES + "a=" + "x" * SDP_MAX_BYTES, description.VIDEO),
        ("", description.VIDEO),
    ):
        with pytest.raises(DescriptionRefused):
            description.clean(text, media)
