"""What a person writes on the card: taken where it can only be meant in one way, else one sentence
that says where and how to mend it."""

from __future__ import annotations

from hashlib import pbkdf2_hmac

import pytest

from gateway.wire import split_code
from tools.image.card.given import (
    CODE_CHARS,
    FILE_MAX_BYTES,
    QR_BEGINS,
    TEMPLATE,
    Given,
    Wifi,
    Wrong,
    given,
    pictured,
    taken,
)
from web.staff.pages import qr

SERVER, CODE = "https://trygg.kommun.example", "7K3QM-2XWPA-9GHT4VBC"
PLAIN = f"server = {SERVER}\nkod = {CODE}\n"
WANTED = Given(SERVER, CODE)


@pytest.mark.parametrize(
    "data",
    [
        PLAIN.encode(),
        PLAIN.replace("\n", "\r\n").encode("utf-8-sig"),
        PLAIN.replace("\n", "\r").encode(),
        PLAIN.encode("utf-16"),
        b"\xfe\xff" + PLAIN.encode("utf-16-be"),
        f"# hälsning\n{PLAIN}".encode("cp1252"),
        f"Server: “{SERVER}/”\nKOD：".replace("：", ":").encode() + f" «{CODE.lower()}»".encode(),
        f"\ufeffserver={SERVER}\u200b\nkod\u00a0=\t{CODE.replace('-', '–')}".encode(),
        f"Serverns adress = trygg.kommun.example\ncode = {CODE.replace('-', ' ')}".encode(),
        f"{PLAIN}{PLAIN}wifi =\nwifi-lösenord =\n; more\n// more\n\n".encode(),
        f"{QR_BEGINS}{SERVER}#{CODE}".encode(),
    ],
    ids=[
        *("plain", "windows", "old mac", "utf-16", "utf-16, other way", "cp1252"),
        *("pretty quotes", "pretty dashes", "no https", "twice the same", "as the picture"),
    ],
)
def test_what_an_editor_made_of_it_does_not_matter(data: bytes) -> None:
    """A mark, line ends, UTF-16, an old code page, quotes, dashes, spaces that nobody sees."""
    found = given(data)
    assert found.server == SERVER and found.wifi is None
    assert found.code is not None and split_code(found.code) == split_code(CODE)


def test_the_picture_of_the_server_s_page_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The very text that `web.staff` draws."""
    monkeypatch.setattr(qr, "drawn", lambda text, _label: text)
    monkeypatch.setattr(qr, "_", lambda text: text)
    assert pictured(str(qr.enrolment(f"{SERVER}/", CODE))) == WANTED


@pytest.mark.parametrize(
    "text", ["https://example.org", f"{QR_BEGINS}{SERVER}", f"{QR_BEGINS}{SERVER}#1234"]
)
def test_another_picture_is_none(text: str) -> None:
    with pytest.raises(Wrong):
        pictured(text)


def test_a_new_card_s_file_gives_nothing_and_can_be_filled_in() -> None:
    """As it is, and as it is left afterwards, nothing is asked for."""
    assert given(TEMPLATE.encode()) == Given() == given(taken("hem-12").encode())
    filled = TEMPLATE.replace("server =", f"server = {SERVER}").replace("kod =", f"kod = {CODE}")
    assert given(filled.encode()) == WANTED
    assert "kod" in TEMPLATE and CODE not in taken("hem-12")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"server = {SERVER}", "kod fattas"),
        (f"kod = {CODE}", "adress fattas"),
        (f"{PLAIN}kod = {CODE[:-1]}", "Rad 2 och rad 3"),
        (f"server = {SERVER}\nkod = {CODE[:-1]}", "här står 17 tecken"),
        (f"server = {SERVER}\nkod = {CODE}/", "18"),
        (f"servr = {SERVER}", "Rad 1 går inte att förstå"),
        (f"# x\n{SERVER}", "Rad 2 går inte att förstå"),
        ("hej", "Rad 1"),
        (f"server = http://trygg.kommun.example\nkod = {CODE}", "https://"),
        (f"server = https://a b\nkod = {CODE}", "https://"),
        (f"server = https://me@there\nkod = {CODE}", "https://"),
        (f"server = https://there:99999\nkod = {CODE}", "https://"),
        (f"server = https://[::\nkod = {CODE}", "https://"),
        (f"server = https:///x\nkod = {CODE}", "https://"),
        (f"{QR_BEGINS}{SERVER}", "QR-koden är inte hel"),
        ("wifi-lösenord = 12345678", "Namnet på Wi-Fi fattas"),
        ("wifi = Hemma\nlösenord = kort", "8 till 63"),
        ("wifi = Hemma\nlösenord = it’s secret", "tecknet ’"),
        (f"wifi = {'å' * 17}\nlösenord = 12345678", "för långt"),
        ("wifi = Hemma\nland = Sverige", "två bokstäver"),
        ("a\0b", "ren text"),
        ("#" * (FILE_MAX_BYTES + 1), "för stor"),
    ],
)
def test_what_is_wrong_is_one_sentence(text: str, said: str) -> None:
    """In Swedish and in English; it names the line or the thing, and no traceback comes."""
    with pytest.raises(Wrong) as why:
        given(text.encode())
    assert said in why.value.sv
    for sentence in (why.value.sv, why.value.en):
        assert sentence.endswith((".", "=")) and "\n" not in sentence and len(sentence) < 160


@pytest.mark.parametrize(
    "data", [bytes(range(256)), b"\xff\xfe\x00", b"\xff" * 40, b"=", b"\xef\xbb"]
)
def test_no_bytes_at_all_break_it(data: bytes) -> None:
    """Whatever it is, it is understood or refused."""
    try:
        given(data)
    except Wrong as wrong:
        assert wrong.sv


def test_a_wi_fi_is_kept_without_its_password() -> None:
    """The key is IEEE 802.11's own from name and password; inner quotes are the name's."""
    found = given('wifi = Hemma “5G”\nwifi-lösenord = "hem ligt9"\nland = no'.encode()).wifi
    key = pbkdf2_hmac("sha1", b"hem ligt9", "Hemma “5G”".encode(), 4096, 32).hex()
    assert found == Wifi("Hemma “5G”", key, "NO")
    assert given(b"ssid=Open").wifi == Wifi("Open", None)
    assert given(b"ssid=x\npassword=" + b"A1" * 32).wifi == Wifi("x", "a1" * 32)


def test_secrets_are_not_shown_by_chance() -> None:
    """Neither in a log line nor in a traceback."""
    shown = repr(given(f"{PLAIN}wifi = a\nlösenord = 12345678".encode()))
    assert CODE not in shown and "key" not in shown


def test_the_code_is_as_long_as_the_server_s() -> None:
    """`gateway.wire` says how long; the card's program stands by itself."""
    assert sum(map(len, split_code(CODE))) - 1 == CODE_CHARS
