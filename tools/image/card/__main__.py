"""Takes what a person wrote on the card, shows what is missing meanwhile, and starts the gateway.

As root, at each start (`tryggve-card.service`); ends when the home runs.
"""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from pathlib import Path

from .box import Box, become
from .page import Page
from .taking import Said, Taking

LOOK = (
    *become("tryggve", "--groups=video"),
    *("/opt/tryggve-gateway/package/bin/python3", "-I", str(Path(__file__).with_name("qr.py"))),
)
"""As the home's user, for a camera's pictures are read by a library that may have faults."""


def look(seconds: float) -> str | None:
    """A code before the camera."""
    if not list(Path("/dev").glob("video[0-9]*")):
        return None
    try:
        done = subprocess.run(
            [*LOOK, str(seconds)],
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + 30,
            errors="replace",
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def main() -> int:
    """Until the home runs."""
    page, box = Page(), Box()

    def tell(said: Said) -> None:
        page.said = said
        print(f"{said.sv}\n{said.en}" + (f"\n({said.detail})" if said.detail else ""), flush=True)

    if box.home() is None:
        with suppress(OSError):  # it is a help, and no more
            page.open()
    Taking(box, tell, look).run(time.sleep)
    page.close()
    box.start()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
