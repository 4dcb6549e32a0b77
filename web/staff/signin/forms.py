"""The forms that take a password: signing in, showing again who one is, changing it.  Tries are
limited alike, and hashed a few at a time.

Not for: codes (`second_factor`), passkeys (`passkeys`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from flask import current_app
from flask_login import current_user
from flask_security import ChangePasswordForm, LoginForm, VerifyForm
from flask_security.utils import verify_password

from web.staff.signin import sessions
from web.staff.signin.failed_attempts import What, attempt, sentence
from web.staff.signin.models import User, normal_address


class SignInForm(LoginForm):
    """Flask-Security's form with one sentence for all that can go wrong, and limited tries."""

    remember = None  # a shared phone must not stay signed in

    def validate(self, **kwargs: object) -> bool:
        """Whether the account and password are right.  Each failure is an event."""

        def right() -> bool:
            return super(SignInForm, self).validate(**kwargs) and not self._has_better()

        if attempt(normal_address(self.email.data or ""), What.PASSWORD, right):
            return True
        for field in self:
            field.errors = []
        self.form_errors = [sentence()]
        self.user = None
        return False

    def _has_better(self) -> bool:
        """Whether this account signs in with a passkey and may not with a password alone: a stolen
        password must not be enough to set up a second factor beside it."""
        user = cast(User, self.user)
        return bool(user.needs_second_factor() and user.webauthn and not user.tf_primary_method)


class ProveForm(VerifyForm):
    """Asks a signed-in person for the password again; limited like a sign-in."""

    def validate(self, **kwargs: object) -> bool:
        """Whether it is right."""

        def right() -> bool:
            return bool(super(ProveForm, self).validate(**kwargs))

        if _of_this_session(right):
            return True
        self.password.errors = [sentence()]
        return False


class ChangeForm(ChangePasswordForm):
    """A new password; the present one is asked for, and cannot be guessed here either."""

    def validate(self, **kwargs: object) -> bool:
        """Whether the present one is right and the new one does."""
        if current_user.password and self.password.data:
            normalize = current_app.extensions["security"].password_util.normalize
            given = normalize(self.password.data)
            if not _of_this_session(lambda: bool(verify_password(given, current_user.password))):
                self.password.errors = [sentence()]
                return False
        return bool(super().validate(**kwargs))


def _of_this_session(right: Callable[[], bool]) -> bool:
    """Who is signed in already is counted by the session: others' guesses shut nobody out here, and
    a phone left on a table is no place to guess."""
    return attempt(current_user.email, What.PASSWORD, right, device=f"session:{sessions.here()}")
