"""Every wrong list and artefact that the tests know, given to the gateway's half and to root's.

Not for: with which word each is refused (`test_trust`, `test_install`).
"""

from __future__ import annotations

from pathlib import Path

from gateway.errors import ReleaseRefused
from gateway.updates import trust
from tests.updates import test_install, test_trust
from tests.updates.signed import Signed
from tests.updates.test_install import Machine


def tried(folder: Path) -> tuple[int, int]:
    """How many were tried, and how many were taken."""
    accepted = 0
    for number, (spoil, _) in enumerate(test_trust.WRONG.values()):
        signed = Signed(folder / f"list{number}")
        signed.add("0.3.0")
        spoil(signed)
        try:
            trust.genuine(test_trust.NAME, signed.read, signed.folder / "kept", signed.root)
            accepted += 1
        except ReleaseRefused:
            continue
    for number, (spoil_machine, _) in enumerate(test_install.WRONG.values()):
        place = folder / f"machine{number}"
        place.mkdir()
        machine = Machine(place)
        spoil_machine(machine)
        accepted += machine.take() == "trial"
    return len(test_trust.WRONG) + len(test_install.WRONG), accepted
