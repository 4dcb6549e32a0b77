"""A changed copy of a rule's state: `dataclasses.replace`, for states without slots.

Every event makes several such copies in every rule that listens to it; `dataclasses.replace` runs
the constructor of a frozen class anew, which sets each field by itself: 3.0 µs for the fifteen
fields of the rule `bed` where a copied `__dict__` takes 0.45 µs (measured on Python 3.11).  Half of
what a turn of the engine cost was that.

Not for: a class with a `__post_init__`, which is not run.
"""

from __future__ import annotations

from dataclasses import replace as _slowly
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # its fields and their types are checked as those of `dataclasses.replace` are
    from dataclasses import replace as replace  # noqa: PLC0414 - said again: it is for others
else:
    _new, _set = object.__new__, object.__setattr__  # nine times an event: looked up once

    def replace(obj: Any, /, **changes: Any) -> Any:
        """A copy of the frozen dataclass `obj` with these fields changed; `TypeError` for a field
        that it does not have.  A class with slots is copied by `dataclasses.replace`."""
        try:
            fields = obj.__dict__
        except AttributeError:
            return _slowly(obj, **changes)
        changed = fields | changes
        if len(changed) != len(fields):
            unknown = sorted(changes.keys() - fields.keys())
            raise TypeError(f"{type(obj).__name__} has no field {', '.join(unknown)}")
        copy = _new(obj.__class__)
        _set(copy, "__dict__", changed)
        return copy
