"""The link's protocols: both ends say which they speak, and two that are too far apart say so in
one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.config.secrets import FileSecrets
from gateway.errors import LinkRefused, UserError
from gateway.link.enrolment import enroll
from gateway.link.https import Link
from gateway.wire import FIRST_PROTOCOL, PROTOCOL_HEADER, PROTOCOLS, protocols_of, too_far_apart
from tests.test_enroll import CODE
from tests.wireserver import Request, WireServer

KEY = Ed25519PrivateKey.generate()


@pytest.fixture
def server() -> Iterator[WireServer]:
    """A server that a test gives its protocols."""
    running = WireServer(key=KEY.public_key()).start()
    yield running
    running.stop()


@pytest.mark.parametrize(
    ("theirs", "ours", "update"),
    [
        ((1, 1), (1, 1), None),
        ((1, 3), (3, 4), None),
        ((3, 4), (1, 3), None),
        ((1, 2), (3, 4), "the home"),
        ((3, 4), (1, 2), "the server"),
    ],
)
def test_two_that_have_one_in_common_talk(
    theirs: tuple[int, int], ours: tuple[int, int], update: str | None
) -> None:
    """Otherwise the sentence names the older one."""
    wrong = too_far_apart(theirs, "the home", "the server", ours)
    assert (wrong is None) == (update is None)
    assert update is None or (wrong or "").endswith(f": update {update}.")


@pytest.mark.parametrize("said", [None, "", "x", "1", "1-", "-1", "1-2-3", "²-3", "1-9999999"])
def test_who_does_not_say_speaks_the_first(said: str | None) -> None:
    """The release 0.1.0 says nothing; neither is anything else read into it."""
    assert protocols_of(said) == FIRST_PROTOCOL
    assert protocols_of("2-5") == (2, 5)


def test_a_home_says_what_it_speaks(server: WireServer) -> None:
    """With every request."""
    heard: list[str | None] = []

    def note(request: Request) -> bool:
        heard.append(request.handler.headers.get(PROTOCOL_HEADER))
        return False

    server.faults.append(note)
    link = Link(server.url, "h1", KEY)
    lane = link.lane()
    lane.events([], 0)
    lane.urgent([], 0)
    lane.close()
    assert heard == [f"{PROTOCOLS[0]}-{PROTOCOLS[1]}"] * 2


def newer(request: Request) -> bool:
    """A server that understands nothing of ours any more."""
    return request.answer(200, {"have": 0}, **{PROTOCOL_HEADER: "7-9"})


def test_a_home_takes_no_answer_of_a_server_too_far_ahead(server: WireServer) -> None:
    """It says so in one sentence, which the technician reads on the home's page; nothing counts as
    delivered."""
    server.faults.append(newer)
    lane = Link(server.url, "h1", KEY).lane()
    with pytest.raises(LinkRefused) as caught:
        lane.events([], 0)
    lane.close()
    assert (caught.value.status, caught.value.code) == (426, "protocol")
    assert caught.value.text == (
        "the staff server speaks protocol 7-9 of the link and this gateway 1-1: update this "
        "gateway."
    )


def test_a_gateway_is_not_enrolled_where_it_could_not_talk(
    server: WireServer, tmp_path: Path
) -> None:
    """One sentence, and nothing is kept."""
    server.faults.append(newer)
    with pytest.raises(UserError, match=r"update this gateway\. Nothing was enrolled here"):
        enroll(server.url, CODE, tmp_path, FileSecrets(tmp_path))
    assert not (tmp_path / "server.json").exists()
