"""What a person gives the card: the server and the home's code, and the home's Wi-Fi.

    server = https://trygg.kommun.example
    kod = 7K3QM-2XWPA-9GHT4VBC
    wifi = Hemma
    wifi-lösenord = …

Written with whatever editor is there: a mark at the beginning, line ends of Windows, UTF-16, an old
code page, “quotes” and dashes that a program made pretty, no `https://`.  What can only be meant in
one way is taken so; anything else is one sentence that says where and how to mend it.

Not for: reading the partition (`box`), or whether the server takes the code (the gateway's own
`enroll`).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from hashlib import pbkdf2_hmac
from urllib.parse import urlsplit

FILE_MAX_BYTES = 16_384
"""A file of four lines and our explanation has one kilobyte; a larger one is something else."""

CODE_CHARS = 18
"""Letters and digits of a code (`gateway.wire.split_code`)."""

QR_BEGINS = "TRYGGVE:"
"""How the picture on the server's page begins: `TRYGGVE:<address>#<code>`."""

COUNTRY = "SE"
"""Whose rules the radio keeps to, where nobody said another."""

WORDS = {
    "server": ("server", "serverns adress", "adress", "address", "url"),
    "kod": ("kod", "code"),
    "wifi": ("wifi", "wifi namn", "wifi name", "ssid", "nätverk", "network"),
    "wifi-lösenord": ("wifi lösenord", "wifi password", "lösenord", "password"),
    "land": ("land", "country", "wifi land", "wifi country"),
}
"""Each word of the file, and how else it may be called."""

QUOTES = "\"'`´“”„‟‘’‚‛«»‹›"
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−"), "-")
_INVISIBLE = {
    **dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad")),
    **dict.fromkeys(map(ord, "\u00a0\u2007\u202f\t"), " "),
}


class Wrong(Exception):
    """What is wrong and how to mend it, in one sentence: Swedish, and English."""

    def __init__(self, sv: str, en: str) -> None:
        super().__init__(en)
        self.sv, self.en = sv, en


@dataclass(frozen=True, slots=True)
class Wifi:
    """A network.  `key` is what the password comes to (64 hexadecimal digits), so that the password
    itself is kept nowhere; None: an open one."""

    name: str
    key: str | None = field(repr=False)
    country: str = COUNTRY


@dataclass(frozen=True, slots=True)
class Given:
    """`server` and `code` are both there or both None."""

    server: str | None = None
    code: str | None = field(default=None, repr=False)
    wifi: Wifi | None = None

    @property
    def anything(self) -> bool:
        return self != Given()


def given(data: bytes) -> Given:
    """What a file says.  Raises `Wrong`."""
    found: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(_text(data).splitlines(), start=1):
        plain = line.strip()
        if not plain or plain.startswith(("#", ";", "//")):
            continue
        if plain.upper().startswith(QR_BEGINS):
            server, code = _of_picture(plain)
            pairs = [("server", server), ("kod", code)]
        else:
            pairs = [_pair(number, plain)]
        for word, value in pairs:
            if not value:
                continue
            before = found.setdefault(word, (number, value))
            if before[1] != value:
                raise Wrong(
                    f"Rad {before[0]} och rad {number} säger olika om ”{word}”; ta bort den ena.",
                    f"Lines {before[0]} and {number} differ about “{word}”; remove one of them.",
                )
    return _made({word: value for word, (_, value) in found.items()})


def pictured(text: str) -> Given:
    """What a QR code says.  Raises `Wrong`."""
    if not text.upper().startswith(QR_BEGINS):
        raise Wrong(
            "Koden framför kameran är ingen kod från Tryggve; visa den som står på hemmets sida.",
            "The code before the camera is none of Tryggve's; show the one on the home's page.",
        )
    server, code = _of_picture(text.strip())
    return _made({"server": server, "kod": code})


def _text(data: bytes) -> str:
    if len(data) > FILE_MAX_BYTES:
        raise Wrong(
            "Filen är för stor för att vara den rätta; den ska bara ha några rader.",
            "The file is too large to be the right one; it has a few lines only.",
        )
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"", "utf-8-sig")):
        if data.startswith(mark):
            try:
                text = data.decode(encoding)
                break
            except UnicodeDecodeError:
                continue
    else:
        text = data.decode("cp1252", errors="replace")  # an old Notepad's “ANSI”
    if "\0" in text:
        raise Wrong(
            "Filen är inte ren text; spara den som oformaterad text (Anteckningar, UTF-8).",
            "The file is no plain text; save it as plain text (Notepad, UTF-8).",
        )
    return unicodedata.normalize("NFC", text).translate(_INVISIBLE)


def _plain(word: str) -> str:
    """A word as it is compared: no accents, dashes or spaces, for editors and people differ."""
    apart = unicodedata.normalize("NFKD", word.casefold())
    return re.sub(r"[^a-z]", "", apart)


_MEANT = {_plain(name): word for word, names in WORDS.items() for name in names}


def _pair(number: int, line: str) -> tuple[str, str]:
    match = re.match(r"([^=:]*)[=:](.*)", line)
    word = _MEANT.get(_plain(match[1])) if match else None
    if match is None or word is None:
        known = ", ".join(WORDS)
        raise Wrong(
            f"Rad {number} går inte att förstå; skriv ett av orden {known}, sedan = och värdet.",
            f"Line {number} is not understood; write one of the words {known}, then = and a value.",
        )
    value = match[2].strip()
    if len(value) > 1 and value[0] in QUOTES and value[-1] in QUOTES:
        value = value[1:-1].strip()
    return word, value


def _of_picture(text: str) -> tuple[str, str]:
    server, mark, code = text[len(QR_BEGINS) :].rpartition("#")
    if not mark:
        raise Wrong(
            "QR-koden är inte hel; visa den igen, från hemmets sida.",
            "The QR code is not whole; show it again, from the home's page.",
        )
    return server, code


def _made(found: dict[str, str]) -> Given:
    wifi = _wifi(found)
    server, code = found.get("server"), found.get("kod")
    if server is None and code is None:
        return Given(wifi=wifi)
    if server is None:
        raise Wrong(
            "Serverns adress fattas; skriv en rad som börjar med server =",
            "The server's address is missing; write a line that begins with server =",
        )
    address = _server(server)
    if code is None:
        raise Wrong(
            "Hemmets kod fattas; skriv en rad som börjar med kod =",
            "The home's code is missing; write a line that begins with kod =",
        )
    return Given(address, _code(code), wifi)


def _server(value: str) -> str:
    text = value.strip(QUOTES + " ").translate(_DASHES).rstrip("/")
    if "://" not in text:
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        whole = parts.hostname and parts.port != 0
    except ValueError:
        parts, whole = urlsplit(""), None
    extra = parts.query or parts.fragment or parts.username or " " in text
    if parts.scheme.lower() != "https" or not whole or extra or not text.isprintable():
        raise Wrong(
            "Serverns adress är inte rätt; den börjar med https:// och står på hemmets sida.",
            "The server's address is not right; it begins with https:// and is on the home's page.",
        )
    return f"https://{text.split('://', 1)[1]}"


def _code(value: str) -> str:
    text = re.sub(r"\s", "", value.strip(QUOTES + " ").translate(_DASHES)).upper()
    count = len(text.replace("-", ""))
    if count != CODE_CHARS or not re.fullmatch(r"[0-9A-Z-]+", text):
        raise Wrong(
            f"Koden har {CODE_CHARS} bokstäver och siffror, och här står {count} tecken; skriv av "
            f"den igen.",
            f"The code has {CODE_CHARS} letters and digits, and here are {count}; copy it again.",
        )
    return text


def _wifi(found: dict[str, str]) -> Wifi | None:
    name, password = found.get("wifi"), found.get("wifi-lösenord")
    country = found.get("land", COUNTRY).upper()
    if name is None:
        if password is not None:
            raise Wrong(
                "Namnet på Wi-Fi fattas; skriv en rad som börjar med wifi =",
                "The name of the Wi-Fi is missing; write a line that begins with wifi =",
            )
        return None
    if not re.fullmatch(r"[A-Z]{2}", country):
        raise Wrong(
            "Landet skrivs med två bokstäver, som SE.",
            "The country is written with two letters, as SE.",
        )
    if len(name.encode()) > 32:
        raise Wrong(
            "Namnet på Wi-Fi är för långt; det har högst 32 tecken.",
            "The name of the Wi-Fi is too long; it has 32 characters at the most.",
        )
    return Wifi(name, None if password is None else _key(name, password), country)


def _key(name: str, password: str) -> str:
    """IEEE 802.11's own way from a password to a key; 64 hexadecimal digits are one already."""
    if re.fullmatch(r"[0-9a-fA-F]{64}", password):
        return password.lower()
    odd = next((char for char in password if not " " <= char <= "~"), None)
    if odd is not None:
        raise Wrong(
            f"Lösenordet till Wi-Fi har tecknet {odd}, som inget Wi-Fi har; skriv det som det står "
            f"på routern.",
            f"The Wi-Fi password has {odd} in it, as no Wi-Fi has; write it as on the router.",
        )
    if not 8 <= len(password) <= 63:
        raise Wrong(
            "Lösenordet till Wi-Fi har 8 till 63 tecken; skriv av det igen.",
            "A Wi-Fi password has 8 to 63 characters; copy it again.",
        )
    return pbkdf2_hmac("sha1", password.encode(), name.encode(), 4096, 32).hex()


TEMPLATE = """\
# Tryggve. Fyll i raderna, spara, och sätt kortet i gatewayen. Adressen och koden står på hemmets
# sida. Har hemmet kabel till routern behövs inga rader om Wi-Fi. Koden tas bort härifrån när den
# har lästs.
# Fill in the lines, save, and put the card into the gateway. The address and the code are on the
# home's page. Without Wi-Fi leave its lines empty. The code is removed from here once it is read.
server =
kod =
wifi =
wifi-lösenord =
"""
"""What lies on a new card."""


def taken(home: str) -> str:
    """What stands in the file afterwards."""
    return (
        f"# Tryggve. Kortet hör nu till {home}; koden och lösenordet har tagits bort härifrån.\n"
        f"# Nytt Wi-Fi: skriv raderna wifi = och wifi-lösenord = här. Nytt hem: ett nytt kort.\n"
        f"# This card is now {home}'s; the code and the password were removed from here.\n"
        f"# New Wi-Fi: write the lines wifi = and wifi-lösenord = here.  New home: a new card.\n"
    )
