"""The second factor beside a password: a code of an authenticator (TOTP, RFC 6238), or one of ten
recovery codes.

Flask-Security has the pages; here are its settings, limits on guessing, and who needs one.  Secrets
are encrypted in the database with a key that is not in it.  Not for: passkeys, which need no second
factor (`passkeys`).
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from flask import Flask, abort, request
from flask_babel import gettext
from flask_security import Totp
from flask_security.forms import (
    TwoFactorRescueForm,
    TwoFactorSetupForm,
    TwoFactorVerifyCodeForm,
)
from flask_security.recovery_codes import MfRecoveryForm
from wtforms import RadioField

from web.staff.core.secret_files import FACTOR_KEY, SecretFiles
from web.staff.signin.failed_attempts import What, attempt

WINDOW_S = 30
"""Seconds that a phone's clock may be off."""

RECOVERY_CODES = 10

CLOSED = frozenset({"security.two_factor_rescue", "security.tf_select"})
"""Ways of Flask-Security that we do not offer: codes by mail, and a choice of methods."""


class CodeForm(TwoFactorVerifyCodeForm):
    """Takes a code once, and not after too many wrong ones."""

    def validate(self, **kwargs: object) -> bool:
        """Whether the code is right."""
        return _guarded(self, "code", super().validate, kwargs)


class RecoveryForm(MfRecoveryForm):
    """Takes a recovery code, and not after too many wrong ones."""

    def validate(self, **kwargs: object) -> bool:
        """Whether the code is one of those that are left."""
        return _guarded(self, "code", super().validate, kwargs)


class SetUpForm(TwoFactorSetupForm):
    """An authenticator, or none where the role allows that; no codes by mail or SMS."""

    setup = RadioField(choices=["authenticator", "disable"], validate_choice=False)


class NoRescueForm(TwoFactorRescueForm):
    """Flask-Security makes one on the page of the code; ours offers recovery codes only."""

    help_setup = RadioField(choices=["recovery_code"], validate_choice=False)


def _guarded(form: Any, field: str, validate: Any, kwargs: dict[str, object]) -> bool:
    form[field].data = (form[field].data or "").strip()
    if attempt(form.user.email, What.CODE, lambda: bool(validate(**kwargs))):
        return True
    form[field].errors = [
        gettext("Koden stämmer inte, eller är redan använd. Vänta på nästa och försök igen.")
    ]
    return False


class OnceTotp(Totp):
    """No code works twice."""

    def get_last_counter(self, user: Any) -> int | None:
        """The counter of the last code that was used."""
        counter: int | None = user.tf_last_counter
        return counter

    def set_last_counter(self, user: Any, tmatch: Any) -> None:
        """Kept with the account; the page's own commit writes it."""
        user.tf_last_counter = tmatch.counter


def settings(secrets: SecretFiles) -> dict[str, object]:
    """Flask-Security's settings.  Raises `SecretError`."""
    key = secrets.read(FACTOR_KEY)
    fernet = base64.urlsafe_b64encode(hashlib.sha256(b"recovery:" + key.encode()).digest())
    return {
        "SECURITY_TWO_FACTOR": True,
        "SECURITY_TWO_FACTOR_ENABLED_METHODS": ["authenticator"],
        "SECURITY_TWO_FACTOR_RESCUE_EMAIL": False,
        "SECURITY_TWO_FACTOR_ALWAYS_VALIDATE": True,
        "SECURITY_TWO_FACTOR_AUTHENTICATOR_VALIDITY": WINDOW_S,
        "SECURITY_TWO_FACTOR_POST_SETUP_VIEW": "/konto",
        "SECURITY_TOTP_SECRETS": {"1": key},
        "SECURITY_TOTP_ISSUER": "Tryggve",
        "SECURITY_MULTI_FACTOR_RECOVERY_CODES": True,
        "SECURITY_MULTI_FACTOR_RECOVERY_CODES_N": RECOVERY_CODES,
        "SECURITY_MULTI_FACTOR_RECOVERY_CODES_KEYS": [fernet],
    }


def init_app(app: Flask) -> None:
    """Close the ways that are not offered."""

    @app.before_request
    def _closed() -> None:
        if request.endpoint in CLOSED:
            abort(404)
