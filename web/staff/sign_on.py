"""Single sign-on with OpenID Connect: the organisation's own provider says who somebody is.

Placeholder until its own module is complete.
"""

from __future__ import annotations

from flask import Flask

from web.staff.config import SignInConfig
from web.staff.secret_files import SecretFiles


def init_app(app: Flask, config: SignInConfig, secrets: SecretFiles) -> None:
    """Nothing yet."""
