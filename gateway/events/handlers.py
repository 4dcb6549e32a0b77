"""Functions by the class of an event's data, each checked to take that class.

    fold = Handlers[View, Event]()

    @fold.on(AlarmRaised)
    def _raised(view: View, event: Event, data: AlarmRaised) -> None: ...

Not for: what they do, or in which order events come.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

from gateway.events.base import Data

S = TypeVar("S")
E = TypeVar("E")
A = TypeVar("A", bound=Data)
B = TypeVar("B", bound=Data)


class Handlers(Generic[S, E]):
    """For each class at most one function of what it changes, the event, and its data."""

    def __init__(self) -> None:
        self._by_class: dict[type[Data], Callable[[S, E, Any], None]] = {}

    def apply(self, state: S, event: E, data: Data) -> None:
        """Call the function for the class of `data`; nothing happens when there is none."""
        handler = self._by_class.get(type(data))
        if handler is not None:
            handler(state, event, data)

    def kinds(self) -> list[str]:
        """The kinds for which there is a function."""
        return [cls.KIND for cls in self._by_class]

    @overload
    def on(
        self, first: type[A], /
    ) -> Callable[[Callable[[S, E, A], None]], Callable[[S, E, A], None]]: ...

    @overload
    def on(
        self, first: type[A], second: type[B], /
    ) -> Callable[[Callable[[S, E, A | B], None]], Callable[[S, E, A | B], None]]: ...

    @overload
    def on(
        self, *classes: type[Data]
    ) -> Callable[[Callable[[S, E, Data], None]], Callable[[S, E, Data], None]]: ...

    def on(
        self, *classes: type[Data]
    ) -> Callable[[Callable[[S, E, Any], None]], Callable[[S, E, Any], None]]:
        """Register the function for these classes.  Raises `ValueError` for one that has one."""

        def register(function: Callable[[S, E, Any], None]) -> Callable[[S, E, Any], None]:
            for cls in classes:
                if cls in self._by_class:
                    raise ValueError(f"{cls.KIND} is handled twice")
                self._by_class[cls] = function
            return function

        return register
