"""46elks, as its published interface says: `POST /a1/sms` with a form and HTTP basic, JSON back."""

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
    "half": Why.BUSY,
    "html": Why.BUSY,
    "huge": Why.BUSY,
}

GOOD = b'{"id": "s17a6dafb12d6b1cabc053d57dac2b9d8", "status": "created", "cost": 3500}'


@contextmanager
def running(folder: Path) -> Iterator[Twin]:
    """The provider, listening."""
    with receiver.running(GOOD) as provider:

        def behave(how: str) -> None:
            provider.always = how

        yield Twin(
            settings={
                "from": "+46766861234",
                "user": "u1",
                "url": f"{provider.url}/a1",
                "timeout_s": 0.4,
            },
            secrets={"sms_secret": "a secret of the provider's"},
            address=Address("c1", "+46701234567", person="p7"),
            behave=behave,
            sent=lambda: b"\n".join(one.path.encode() + b"\n" + one.body for one in provider.asked),
        )
