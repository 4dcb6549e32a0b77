"""Passkeys (WebAuthn): the phone's own lock, bound to this server's address; nothing to phish.

A passkey is a first factor and enough by itself: it is kept on a device and opened there by a
person (user verification is required).  Flask-Security has the endpoints, `static/js/passkey.js`
the browser's half.  Not for: codes (`second_factor`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, abort, request
from flask_security import WebauthnUtil
from flask_security.webauthn import (
    WebAuthnRegisterForm,
    WebAuthnRegisterResponseForm,
    WebAuthnSigninResponseForm,
)
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from werkzeug.exceptions import HTTPException
from wtforms import HiddenField

from web.staff.signin.failed_attempts import limits, note_refusal, place, sentence
from web.staff.storage.outage import FAULTS

log = logging.getLogger(__name__)

JSON_ONLY = frozenset(
    {
        "security.wan_register",
        "security.wan_register_response",
        "security.wan_signin",
        "security.wan_signin_response",
        "security.wan_verify",
        "security.wan_verify_response",
    }
)
"""Asked by our script only; there are no pages of their own."""


class Passkeys(WebauthnUtil):
    """What is asked of an authenticator: that it finds the account, and knows its person."""

    def authenticator_selection(self, user: object, usage: str) -> AuthenticatorSelectionCriteria:  # noqa: ARG002
        """Any kind of device; discoverable, with user verification."""
        return AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        )

    def user_verification(self, user: object, usage: list[str]) -> UserVerificationRequirement:  # noqa: ARG002
        """Always: the device asks for a finger, a face or its own code."""
        return UserVerificationRequirement.REQUIRED


class RegisterForm(WebAuthnRegisterForm):
    """A passkey of ours is always a first factor."""

    usage = HiddenField(default="first")

    def validate(self, **kwargs: object) -> bool:
        """Whether the name does."""
        self.usage.data = "first"
        return bool(super().validate(**kwargs))


class RegisterAnswerForm(WebAuthnRegisterResponseForm):
    """The authenticator's answer when a passkey is added."""

    def validate(self, **kwargs: object) -> bool:
        """Whether it fits the challenge.  What the browser tells of extensions is not kept: nothing
        here needs it, and anybody can write it."""
        done = _read(super().validate, kwargs)
        self.extensions = ""
        if not done and not self.errors:
            self.form_errors = [sentence()]
        return done


class SignInAnswerForm(WebAuthnSigninResponseForm):
    """The authenticator's answer: each challenge once, and one sentence for whatever is wrong."""

    def validate(self, **kwargs: object) -> bool:
        """Whether it was signed by a known passkey of an active account."""
        fresh = limits().challenge.allow(self.challenge)
        # Flask-Security notes a closed account as an error and goes on: so look for errors, too
        if fresh and _read(super().validate, kwargs) and not self.errors:
            return True
        if limits().address.allow(place()):  # a flood is not worth its events
            note_refusal()
        for field in self:
            field.errors = []
        self.form_errors = [sentence()]
        return False


def _read(judge: Callable[..., Any], kwargs: Mapping[str, object]) -> bool:
    """What Flask-Security says of an answer.  Of one that is nested without end, or no answer at
    all, the libraries below it raise whatever they meet: it is a wrong one."""
    try:
        return bool(judge(**kwargs))
    except FAULTS:  # the database is away
        raise
    except HTTPException:
        raise
    except Exception as error:  # the edge: anybody may send anything
        log.info("a passkey's answer cannot be read", extra={"why": type(error).__name__})
        return False


def settings() -> dict[str, object]:
    """Flask-Security's settings."""
    return {
        "SECURITY_WEBAUTHN": True,
        "SECURITY_WAN_RP_NAME": "Tryggve",
        "SECURITY_WAN_ALLOW_AS_FIRST_FACTOR": True,
        "SECURITY_WAN_ALLOW_AS_MULTI_FACTOR": True,
        "SECURITY_WAN_ALLOW_USER_HINTS": False,  # which accounts there are is nobody's business
        "SECURITY_WAN_ALLOW_AS_VERIFY": ["first"],
        "SECURITY_WAN_POST_REGISTER_VIEW": "/konto",
    }


def init_app(app: Flask) -> None:
    """Answer only our script on the endpoints without pages."""

    @app.before_request
    def _json_only() -> None:
        if request.endpoint in JSON_ONLY:
            asks_json = request.accept_mimetypes.best == "application/json"
            if request.method != "POST" or not asks_json:
                abort(404)
