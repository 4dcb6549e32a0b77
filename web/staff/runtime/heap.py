"""What Python's garbage collector goes through: not what stays for as long as the worker runs.

A full collection looks at every object while nobody else has the interpreter: a quarter of a
million of the program's own, two tenths of a second, once for every eight pages that read a
thousand homes.

Not for: which threads have the interpreter when (`serve`).
"""

from __future__ import annotations

import gc

YOUNG = 10_000
"""Objects made and not yet gone until the young are looked through: a page that reads a thousand
homes makes some twenty thousand, and Python's own 700 has them looked through thirty times."""


def keep() -> None:
    """What is there now stays.  Call it when the program is made, and before it has work."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
