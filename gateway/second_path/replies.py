"""Whether a text message that came in is the answer of somebody who was told.

Not for: what follows from one (`teller`).
"""

from __future__ import annotations

import string


def is_reply(text: str, reply: str) -> bool:
    """Whether it begins with the word that was asked for, however it is written."""
    words = text.strip().split()
    return bool(words) and words[0].strip(string.punctuation).casefold() == reply.casefold()


def is_number(address: str | None, number: str) -> bool:
    """Whether it came from this number."""
    return address is not None and _plain(address) == _plain(number)


def _plain(number: str) -> str:
    digits = "".join(sign for sign in number if sign.isdigit() or sign == "+")
    return f"+{digits[2:]}" if digits.startswith("00") else digits
