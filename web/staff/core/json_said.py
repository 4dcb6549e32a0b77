"""JSON that somebody else wrote, read so that all of its texts can be kept and looked for.

Not for: what it should say, or JSON of the server's own.
"""

from __future__ import annotations

import json
import re
from typing import Any

_HALF = re.compile(r"\\u[dD][89a-fA-F]")
"""Where half of a character may be written; a whole one is two of them."""


def read(data: bytes) -> Any:
    """What it says, numbers as Python reads them.  Raises `ValueError` for what is no JSON in
    UTF-8, lies too deep, or holds half a character: no database keeps such a text, and no key is
    made of one."""
    text = data.decode("utf-8-sig")
    try:
        said = json.loads(text)
        if _HALF.search(text):
            json.dumps(said, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("it lies too deep") from error
    return said
