"""Another program of the organisation, which listens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.staff.channels import receiver
from tests.staff.channels.twin import HTTP_FAULTS, Twin
from web.staff.channels.contract import Address, Why

FAULTS: dict[str, Why | None] = {
    **HTTP_FAULTS,
    "404": Why.BAD,
    "410": Why.GONE,
    "html": None,
}


@contextmanager
def running(folder: Path) -> Iterator[Twin]:
    """The program."""
    with receiver.running() as program:

        def behave(how: str) -> None:
            program.always = how

        def sent() -> bytes:
            return b"\n".join(str(one.headers).encode() + b"\n" + one.body for one in program.asked)

        yield Twin(
            settings={"timeout_s": 0.4, "private_networks": ["127.0.0.0/8"]},
            secrets={},
            address=Address("centre2", f"{program.url}/larm"),
            behave=behave,
            sent=sent,
            may_say=frozenset({"home"}),
        )
