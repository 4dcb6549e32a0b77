"""Enrolment: what is kept, who is trusted, and what a failed try leaves behind."""

from __future__ import annotations

import json
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.config.home_file import parse
from gateway.config.secrets import FileSecrets
from gateway.doors import install_code
from gateway.errors import ConfigError, LinkDown, SecretError, UserError
from gateway.link.enrolment import enroll, load_enrolment
from gateway.wire import (
    HOME_HEADER,
    EnrollAnswer,
    EnrollRequest,
    ServerKey,
    fingerprint,
    make_code,
    split_code,
)
from tests.wireserver import WireServer

SERVER_KEY = Ed25519PrivateKey.generate()
RAW = SERVER_KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
CODE = make_code(bytes(range(7)), RAW)


def pem(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def answer(origin: str = "home:h1", key: Ed25519PrivateKey = SERVER_KEY) -> EnrollAnswer:
    return EnrollAnswer(home="h1", origin=origin, keys=[ServerKey(kid="k1", public_key=pem(key))])


@pytest.fixture
def server() -> Iterator[WireServer]:
    running = WireServer().start()
    running.enroll_answer = answer()
    yield running
    running.stop()


@pytest.fixture
def secrets(tmp_path: Path) -> FileSecrets:
    return FileSecrets(tmp_path)


def test_an_enrolled_home_speaks_with_its_own_key(
    server: WireServer, secrets: FileSecrets, tmp_path: Path
) -> None:
    """The key stays in the home (0600), the origin and the server's keys are kept, and requests
    are signed with what was enrolled."""
    asked: list[EnrollRequest] = []
    server.faults.append(
        lambda r: (
            r.path.endswith("/enroll")
            and bool(asked.append(EnrollRequest.model_validate_json(r.body)))  # type: ignore[func-returns-value]
        )
    )
    done = enroll(server.url, CODE.lower(), tmp_path, secrets)
    assert asked[0].code == split_code(CODE)[0]
    assert "PRIVATE" not in asked[0].public_key
    assert stat.S_IMODE(secrets.path("home_key").stat().st_mode) == 0o600
    assert (tmp_path / "origin").read_text() == "home:h1\n"
    again = load_enrolment(tmp_path, secrets)
    assert again is not None
    assert (again.home, set(again.keys.good(None))) == ("h1", {"k1"})
    assert set(done.keys.good(None)) == {"k1"}
    server.key = Ed25519PrivateKey.generate().public_key()
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    server.key = load_pem_public_key(asked[0].public_key.encode())  # type: ignore[assignment]
    assert again.link.lane().events([], 0) == 0
    assert len(server.tokens) == 1


def test_a_man_in_the_middle_cannot_answer(
    server: WireServer, secrets: FileSecrets, tmp_path: Path
) -> None:
    """Keys that the code does not name are refused, and an older enrolment is untouched."""
    enroll(server.url, CODE, tmp_path, secrets)
    before = {p.name: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    server.enroll_answer = answer(key=Ed25519PrivateKey.generate())
    with pytest.raises(UserError, match="does not hold the key that the code names"):
        enroll(server.url, CODE, tmp_path, secrets)
    after = {p.name: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert {name: after[name] for name in before} == before


def test_a_lost_answer_is_asked_for_again_with_the_same_key(
    server: WireServer, secrets: FileSecrets, tmp_path: Path
) -> None:
    """The server used the code up and its answer was cut: the second try shows the same key."""
    keys: list[str] = []

    def note(request: object) -> bool:
        keys.append(EnrollRequest.model_validate_json(request.body).public_key)  # type: ignore[attr-defined]
        return len(keys) == 1 and bool(request.cut())  # type: ignore[attr-defined]

    server.faults.append(note)
    with pytest.raises(LinkDown):
        enroll(server.url, CODE, tmp_path, secrets)
    assert load_enrolment(tmp_path, secrets) is None
    assert len(keys) == 1  # a code works once: it is not sent again by itself
    enroll(server.url, CODE, tmp_path, secrets)
    assert keys[0] == keys[1]
    assert not secrets.has("home_key.new")


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [
        ("http://staff.example", CODE, "begins with https://"),
        ("staff.example", CODE, "begins with https://"),
        ("https://[", CODE, "not the address of a staff server"),
        ("https://staff.example:99999", CODE, "not the address of a staff server"),
        ("https://staff example", CODE, "not the address of a staff server"),
        ("https://staff.\nexample", CODE, "not the address of a staff server"),
        ("https://%zz", CODE, "not the address of a staff server"),
        ("https://staff.example", "ABC", "18 letters and digits"),
        ("https://staff.example", CODE[:-1] + "U", "18 letters and digits"),
    ],
    ids=[
        *("no_tls", "no_scheme", "half_an_address", "no_port", "two_words", "two_lines", "no_host"),
        *("short", "no_letter_of_a_code"),
    ],
)
def test_what_was_typed_wrong_is_one_sentence(
    secrets: FileSecrets, tmp_path: Path, url: str, code: str, words: str
) -> None:
    """Nothing is sent and no key is made."""
    with pytest.raises(UserError, match=words):
        enroll(url, code, tmp_path, secrets)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("scheme", ["https", "Https", "HTTPS"])
def test_nothing_is_said_before_the_line_is_secured(
    secrets: FileSecrets, tmp_path: Path, scheme: str
) -> None:
    """However it is written: a keyboard makes the first letter large, a QR code all of them."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        said: list[bytes] = []

        def hear() -> None:
            line, _ = listening.accept()
            with line:
                said.append(line.recv(1))

        thread = threading.Thread(target=hear, daemon=True)
        thread.start()
        with pytest.raises(LinkDown):
            enroll(f"{scheme}://127.0.0.1:{listening.getsockname()[1]}", CODE, tmp_path, secrets)
        thread.join(60)
    assert said == [b"\x16"], "a TLS handshake (RFC 8446, 5.1)"


def test_what_an_earlier_version_kept_is_read_as_it_was_meant(
    server: WireServer, secrets: FileSecrets, tmp_path: Path
) -> None:
    """It kept an address as it was typed, and so may the home's file name it."""
    enroll(server.url, CODE, tmp_path, secrets)
    kept = tmp_path / "server.json"
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"url": "HTTPS://staff.example"}))
    file = b'[home]\nid = "h1"\n[staff]\nurl = "HTTPS://staff.example/"'
    again = load_enrolment(tmp_path, secrets, parse(file, Path("home.toml")))
    assert again is not None
    assert again.link.url == "https://staff.example"


def test_a_code_that_is_not_taken_is_one_sentence(
    server: WireServer, secrets: FileSecrets, tmp_path: Path
) -> None:
    """Used, too old, or mistyped: ask for a new one."""
    server.faults.append(lambda r: r.answer(403, server.problem("bad_code")))
    with pytest.raises(
        UserError, match=r"did not take the code \(bad_code\); ask for a new one"
    ) as refused:
        enroll(server.url, CODE, tmp_path, secrets)
    assert refused.value.data["code"] == "bad_code"


def test_a_server_that_is_busy_has_not_refused_the_code(
    server: WireServer, secrets: FileSecrets, tmp_path: Path
) -> None:
    """It is down for this home: nobody is sent for another code, the home may be installed at its
    own page meanwhile, and the same code is taken when it is tried again."""
    server.faults.append(lambda r: r.answer(503, server.problem("busy")))
    with pytest.raises(LinkDown):
        enroll(server.url, CODE, tmp_path, secrets)
    assert secrets.has(install_code.KEPT_AS)
    server.faults.clear()
    assert enroll(server.url, CODE, tmp_path, secrets).home == "h1"


def test_a_code_of_another_home_is_one_sentence(
    server: WireServer, secrets: FileSecrets, tmp_path: Path
) -> None:
    """The server is told which home the gateway's file names and refuses; one of an older version
    takes any, and then nothing is kept here."""
    claimed: list[str] = []
    server.faults.append(
        lambda r: (
            bool(claimed.append(r.handler.headers[HOME_HEADER]))  # type: ignore[func-returns-value]
            or r.answer(409, server.problem("other_home"))
        )
    )
    with pytest.raises(UserError, match="of another home, and this gateway's file says 'h9'"):
        enroll(server.url, CODE, tmp_path, secrets, home="h9")
    assert claimed == ["h9"]
    server.faults.clear()
    with pytest.raises(UserError, match="of the home 'h1', and this gateway's file says 'h9'"):
        enroll(server.url, CODE, tmp_path, secrets, home="h9")
    assert load_enrolment(tmp_path, secrets) is None
    assert enroll(server.url, CODE, tmp_path, secrets, home="h1").home == "h1"


def test_an_origin_of_another_home_is_refused(
    server: WireServer, secrets: FileSecrets, tmp_path: Path
) -> None:
    """The log's origin must be this home's."""
    server.enroll_answer = answer(origin="home:h2")
    with pytest.raises(UserError, match="origin of another home"):
        enroll(server.url, CODE, tmp_path, secrets)
    server.enroll_answer = answer(origin="home:h1~2")
    enroll(server.url, CODE, tmp_path, secrets)
    assert (tmp_path / "origin").read_text() == "home:h1~2\n"


def test_an_enrolment_that_is_not_whole_is_a_sentence(
    server: WireServer, secrets: FileSecrets, tmp_path: Path
) -> None:
    """A missing key, a broken file, a configuration of another home: each says what to do."""
    assert load_enrolment(tmp_path, secrets) is None
    enroll(server.url, CODE, tmp_path, secrets)
    other = parse(b'[home]\nid = "h9"', Path("home.toml"))
    with pytest.raises(ConfigError, match=r"home\.id: is 'h9', and this gateway is enrolled as"):
        load_enrolment(tmp_path, secrets, other)
    moved = parse(b'[home]\nid = "h1"\n[staff]\nurl = "https://x.example"', Path("home.toml"))
    with pytest.raises(ConfigError, match=r"staff\.url: is https://x\.example"):
        load_enrolment(tmp_path, secrets, moved)
    secrets.path("home_key").rename(tmp_path / "gone")
    with pytest.raises(SecretError, match="tryggve gateway enroll URL CODE"):
        load_enrolment(tmp_path, secrets)
    (tmp_path / "server.json").write_text("{")
    with pytest.raises(UserError, match="enroll the home again"):
        load_enrolment(tmp_path, secrets)


def test_codes_and_fingerprints() -> None:
    """Typed as people type; another key has another fingerprint; too little chance is refused."""
    secret, mark = split_code(CODE)
    assert mark == fingerprint(RAW) == CODE[-8:]
    typed = f" {CODE.lower().replace('-', ' ').replace('0', 'o').replace('1', 'l')} "
    assert split_code(typed) == (secret, mark)
    assert fingerprint(bytes(32)) != mark
    with pytest.raises(ValueError, match="bytes"):
        make_code(b"short", RAW)


def test_a_key_of_a_kind_that_is_not_known_is_passed_over(
    server: WireServer, secrets: FileSecrets, tmp_path: Path
) -> None:
    """A newer server has one beside those that this home can use, or a newer version of the home
    kept one before it went back: it is enrolled, starts, and keeps it for the version that can."""
    other = Ed448PrivateKey.generate().public_key()
    other_pem = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    newer = [ServerKey(kid="k9", public_key=one) for one in (other_pem, "ML-DSA:AAAA")]
    server.enroll_answer = answer().model_copy(update={"keys": [*newer, *answer().keys]})
    assert set(enroll(server.url, CODE, tmp_path, secrets).keys.good(None)) == {"k1"}
    again = load_enrolment(tmp_path, secrets)
    assert again is not None
    assert set(again.keys.good(None)) == {"k1"}
    assert other_pem in json.loads((tmp_path / "server.json").read_text())["keys"][0].values()
    server.enroll_answer = answer().model_copy(update={"keys": newer})
    with pytest.raises(UserError, match="keys cannot be read; update this gateway"):
        enroll(server.url, CODE, tmp_path, secrets)
