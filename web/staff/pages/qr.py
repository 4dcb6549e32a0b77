"""A text as a QR code, drawn into the page: nothing is fetched, and nothing is kept.

Not for: the second factor's own, which Flask-Security draws.
"""

from __future__ import annotations

from markupsafe import Markup
from qrcode.constants import ERROR_CORRECT_M  # type: ignore[import-untyped]
from qrcode.main import QRCode  # type: ignore[import-untyped]

from web.staff.core.i18n import say as _

QUIET = 4
"""Modules of white around it (ISO/IEC 18004, 6.3.8): without them a camera does not find it."""


def enrolment(server: str, code: str) -> Markup:
    """What connects a new gateway: the server's address and the home's code, as
    `TRYGGVE:<address>#<code>`, for a gateway that has a camera or a technician who types it."""
    return drawn(f"TRYGGVE:{server.rstrip('/')}#{code}", _("Koden och serverns adress som bild"))


def drawn(text: str, label: str) -> Markup:
    """The code of a text as SVG; `label` says what it is to who cannot see it."""
    code = QRCode(error_correction=ERROR_CORRECT_M, border=0)
    code.add_data(text)
    code.make()
    rows = code.get_matrix()
    size = len(rows) + 2 * QUIET
    path = "".join(
        f"M{x + QUIET} {y + QUIET}h1v1h-1z"
        for y, row in enumerate(rows)
        for x, dark in enumerate(row)
        if dark
    )
    return Markup(
        '<svg class="qr" role="img" aria-label="{}" width="220" height="220"'
        ' viewBox="0 0 {} {}" shape-rendering="crispEdges"><path d="{}"/></svg>'
    ).format(label, size, size, path)
