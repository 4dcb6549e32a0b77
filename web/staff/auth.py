"""Signing in: Flask-Security with argon2, sessions of one shift, forms that cannot be forged.

A failed sign-in has one sentence, whatever failed, and takes as long.  `current_actor` is who acts
now.  Not for: what a role may do (`web.staff.rights`).
"""

from __future__ import annotations

import secrets as random
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from flask import Flask, Response, abort, current_app, g, redirect, request, session, url_for
from flask_babel import gettext
from flask_login import current_user, user_logged_in
from flask_security import LoginForm, MailUtil, Security, SQLAlchemySessionUserDatastore
from flask_wtf.csrf import CSRFError, CSRFProtect
from sqlalchemy import select
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response as BaseResponse

from gateway.envelope import Draft
from gateway.events import AccountRefused, AccountSignedIn
from web.staff import decisions, link, tables
from web.staff.context import Staff, staff
from web.staff.limits import Limiter
from web.staff.models import RoleRow, User, make_sessions
from web.staff.rights import RIGHTS, Actor, Right, Role
from web.staff.secret_files import PASSWORD_PEPPER, SESSION, SecretFiles

P = ParamSpec("P")
R = TypeVar("R")

PASSWORD_MIN_CHARS = 12
"""NIST SP 800-63B asks for 8 beside a second factor, which comes later."""

TRIES = 10
"""Failed sign-ins of one account from one address in the window."""
TRIES_OF_ADDRESS = 100
"""A whole municipality may sit behind one address."""
TRIES_WINDOW_S = 600.0


def sentence() -> str:
    """The one answer to any failed sign-in."""
    return str(
        gettext(
            "Inloggningen misslyckades: kontrollera e-postadress och lösenord, och vänta några "
            "minuter om du har försökt flera gånger."
        )
    )


def normal_address(email: str) -> str:
    """How an account's address is stored and compared."""
    return email.strip().casefold()


class PlainMail(MailUtil):
    """Addresses are names of accounts here: compared without case, nothing is sent or looked up."""

    def normalize(self, email: str) -> str:
        return normal_address(email)

    def validate(self, email: str) -> str:
        return self.normalize(email)


class SignInForm(LoginForm):
    """Flask-Security's form with one sentence for all that can go wrong, and limited tries."""

    remember = None  # a shared phone must not stay signed in

    def validate(self, **kwargs: Any) -> bool:
        """Whether the account and password are right.  Each failure is an event."""
        parts = staff()
        address = request.remote_addr or ""
        account = normal_address(self.email.data or "")
        of_account, of_address = _limits()
        allowed = of_account.allow(f"{address} {account}") and of_address.allow(address)
        if allowed and super().validate(**kwargs):
            of_account.forget(f"{address} {account}")
            return True
        if allowed:
            told = AccountRefused(address_sha256=parts.keys.hash_address(address))
            with parts.write() as tx:
                decisions.write(parts, tx, None, Draft(told))
        for field in self:
            field.errors = []
        self.form_errors = [sentence()]
        self.user = None
        return False


def _limits() -> tuple[Limiter, Limiter]:
    """The application's limiters of failed sign-ins: an account from an address, an address."""
    found: tuple[Limiter, Limiter] = current_app.extensions["tryggve.limits"]
    return found


def hashing_settings(secrets: SecretFiles) -> dict[str, Any]:
    """Flask-Security's settings for stored passwords: argon2 and nothing else.  Raises
    `SecretError`."""
    return {
        "SECURITY_PASSWORD_SALT": secrets.read(PASSWORD_PEPPER),
        "SECURITY_PASSWORD_HASH": "argon2",
        "SECURITY_PASSWORD_SCHEMES": ["argon2"],
        "SECURITY_DEPRECATED_PASSWORD_SCHEMES": [],
    }


def init_app(app: Flask, secrets: SecretFiles) -> None:
    """Set up sessions, forms and sign-in.  Raises `SecretError`."""
    parts: Staff = app.extensions["tryggve"]
    config = parts.config
    app.config.update(
        SECRET_KEY=secrets.read(SESSION),
        SESSION_COOKIE_NAME="__Host-tryggve" if config.secure_cookies else "tryggve",
        SESSION_COOKIE_SECURE=config.secure_cookies,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=timedelta(hours=config.session_hours),
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session
        SECURITY_PASSWORD_LENGTH_MIN=PASSWORD_MIN_CHARS,
        SECURITY_RETURN_GENERIC_RESPONSES=True,
        SECURITY_FLASH_MESSAGES=False,
        SECURITY_CACHE_CONTROL=None,  # ours (`web.staff.guard`) says no-store to everything
        SECURITY_API_ENABLED_METHODS=["session"],
        **hashing_settings(secrets),
        SECURITY_POST_LOGIN_VIEW="/",
        SECURITY_POST_LOGOUT_VIEW="/login",
        SECURITY_LOGOUT_METHODS=["POST"],
    )
    if config.listen.trusted_proxies:
        n = config.listen.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=n, x_proto=n, x_host=n)  # type: ignore[method-assign]
    app.extensions["tryggve.limits"] = (
        Limiter(TRIES, TRIES_WINDOW_S),
        Limiter(TRIES_OF_ADDRESS, TRIES_WINDOW_S),
    )
    CSRFProtect(app).exempt(link.blueprint)  # a home signs its requests, and has no cookie
    sessions = make_sessions(parts.db)
    app.extensions["tryggve.sessions"] = sessions
    datastore = SQLAlchemySessionUserDatastore(sessions, User, RoleRow)
    Security(app, datastore, login_form=SignInForm, mail_util_cls=PlainMail)
    # Only the session says who somebody is; Flask-Security's own loader would look for tokens in
    # the body of every request, a home's batches too.
    app.login_manager.request_loader(lambda _request: None)  # type: ignore[attr-defined]

    @app.teardown_appcontext
    def _remove(_error: BaseException | None) -> None:
        sessions.remove()

    @app.errorhandler(CSRFError)
    def _forged(_error: CSRFError) -> tuple[str, int]:
        return gettext("Sidan är för gammal: ladda om den och försök igen."), 400

    user_logged_in.connect(_signed_in, app)


def _signed_in(_app: Flask, user: User, **_more: Any) -> None:
    session.permanent = True
    parts = staff()
    with parts.write() as tx:
        decisions.write(parts, tx, None, Draft(AccountSignedIn(), person=user.person_id))


def sign_in_required(view: Callable[P, R]) -> Callable[P, R | BaseResponse]:
    """A view for signed-in staff: a page sends others to the sign-in, anything else answers 401."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R | BaseResponse:
        if current_user.is_authenticated:
            return view(*args, **kwargs)
        if request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
            return redirect(url_for("security.login", next=request.full_path.rstrip("?")))
        return Response(gettext("Logga in först."), 401, mimetype="text/plain")

    return guarded


def current_actor() -> Actor:
    """Who acts now: read once a request.  Answers 401 when nobody is signed in."""
    if not current_user.is_authenticated:
        abort(401)
    if "tryggve_actor" not in g:
        g.tryggve_actor = actor_of(staff(), current_user.id)
    found: Actor | None = g.tryggve_actor
    if found is None:
        abort(401)
    return found


def actor_of(parts: Staff, user_id: int) -> Actor | None:
    """The actor behind an account; None when it is gone or not active."""
    u, r, ur = tables.user, tables.role, tables.user_role
    a, h = tables.assignment, tables.home
    with parts.db.read() as conn:
        row = conn.execute(
            select(u.c.person_id, u.c.name, u.c.org_id).where(u.c.id == user_id, u.c.active)
        ).one_or_none()
        if row is None:
            return None
        names = conn.execute(
            select(r.c.name).join(ur, ur.c.role_id == r.c.id).where(ur.c.user_id == user_id)
        ).scalars()
        known = {role.value for role in Role}
        roles = frozenset(Role(name) for name in names if name in known)
        assigned = frozenset(
            conn.execute(
                select(h.c.id)
                .join(a, a.c.home_id == h.c.id)
                .where(a.c.user_id == user_id, h.c.org_id == row.org_id)
            ).scalars()
        )
        homes = assigned
        if any(Right.SEE_ALL_HOMES in RIGHTS[role] for role in roles):
            homes = frozenset(
                conn.execute(select(h.c.id).where(h.c.org_id == row.org_id)).scalars()
            )
    return Actor(row.person_id, row.name, row.org_id, roles, homes, assigned)


def new_uniquifier() -> str:
    """What ties a session to an account; a new one ends all its sessions."""
    return random.token_hex(16)
