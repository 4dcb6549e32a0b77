"""Signing in: Flask-Security with argon2, sessions of one shift, forms that cannot be forged.

A failed sign-in has one sentence, whatever failed, and takes as long.  `current_actor` is who acts
now.  Not for: what a role may do (`web.staff.core.rights`).
"""

from __future__ import annotations

import secrets as random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from flask import Flask, Response, abort, g, redirect, request, session, url_for
from flask_babel import gettext
from flask_login import current_user, user_logged_in, user_logged_out
from flask_security import MailUtil, Security, SQLAlchemySessionUserDatastore, UserMixin
from flask_security.signals import tf_profile_changed, wan_registered
from flask_wtf.csrf import CSRFProtect
from sqlalchemy import Integer, Text, bindparam, select
from sqlalchemy.orm import Session, joinedload, scoped_session
from werkzeug.wrappers import Response as BaseResponse

from gateway.envelope import Draft
from gateway.events import AccountSignedIn
from web.staff.core.assignments import assigned_homes
from web.staff.core.context import Staff, staff
from web.staff.core.rights import Actor, Right, Role, rights_of
from web.staff.core.secret_files import PASSWORD_PEPPER, SESSION, SecretFiles
from web.staff.events import append
from web.staff.homelink import routes
from web.staff.signin import (
    devices,
    failed_attempts,
    grace,
    hashing,
    passkeys,
    second_factor,
    sessions,
    single_sign_on,
)
from web.staff.signin.forms import ChangeForm, ProveForm, SignInForm
from web.staff.signin.groups import Rights
from web.staff.signin.models import Passkey, RoleRow, User, make_sessions, normal_address
from web.staff.signin.sessions import Factor
from web.staff.storage import tables
from web.staff.storage.database import Database

P = ParamSpec("P")
R = TypeVar("R")

PASSWORD_MIN_CHARS = 12
"""NIST SP 800-63B asks for 8 beside a second factor, which comes later."""

ARGON2 = {"argon2__rounds": 3, "argon2__memory_cost": 65536, "argon2__parallelism": 4}
"""Passes, KiB and lanes of one hash: RFC 9106's second choice, for a machine with little memory.
Some 0.1 s of a server's processor; tests make it cheap (`tests/staff/cheap.py`)."""

FRESH = timedelta(minutes=15)
"""How long after proving who you are you may change how you sign in, or others' accounts."""

FACTORS = {
    "security.login": Factor.PASSWORD_ALONE,
    "security.two_factor_token_validation": Factor.CODE,
    "security.mf_recovery": Factor.RECOVERY,
    "security.wan_signin_response": Factor.PASSKEY,
    "sign_on.answer": Factor.SIGN_ON,
}
"""What was shown, by the view that signed somebody in."""


class PlainMail(MailUtil):
    """Addresses are names of accounts here: compared without case, nothing is sent or looked up."""

    def normalize(self, email: str) -> str:
        return normal_address(email)

    def validate(self, email: str) -> str:
        return self.normalize(email)


_BY_SESSION = (
    select(User)
    .options(joinedload(User.roles))
    .where(tables.user.c.fs_uniquifier == bindparam("fs_uniquifier"))
)


class Datastore(SQLAlchemySessionUserDatastore):
    """Flask-Security's, writing when nobody else does (SQLite has one writer)."""

    def __init__(self, database: Database, sessions: scoped_session[Session]) -> None:
        super().__init__(sessions, User, RoleRow, Passkey)
        self._database = database

    def find_user(self, case_insensitive: bool = False, **kwargs: Any) -> UserMixin | None:
        """See Flask-Security.  By what a session names, every request asks: that statement is built
        once."""
        if kwargs.keys() == {"fs_uniquifier"} and not case_insensitive:
            user: User | None = self.db.session.scalar(_BY_SESSION, kwargs)
            return user
        return super().find_user(case_insensitive, **kwargs)

    def commit(self) -> None:
        """Write what was changed."""
        with self._database.alone():
            super().commit()  # type: ignore[no-untyped-call]


def hashing_settings(secrets: SecretFiles) -> dict[str, object]:
    """Flask-Security's settings for stored passwords: argon2 and nothing else.  Raises
    `SecretError`."""
    return {
        "SECURITY_PASSWORD_SALT": secrets.read(PASSWORD_PEPPER),
        "SECURITY_PASSWORD_HASH": "argon2",
        "SECURITY_PASSWORD_SCHEMES": ["argon2"],
        "SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS": dict(ARGON2),
        "SECURITY_DEPRECATED_PASSWORD_SCHEMES": [],
    }


def init_app(app: Flask, secrets: SecretFiles, rights: Rights) -> None:
    """Set up sessions, forms and sign-in; `rights`: what groups of single sign-on give.  Raises
    `SecretError`."""
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
        SECURITY_CACHE_CONTROL=None,  # `runtime.web_security` says no-store to everything
        SECURITY_API_ENABLED_METHODS=["session"],
        SECURITY_FRESHNESS=FRESH,
        SECURITY_FRESHNESS_GRACE_PERIOD=timedelta(0),
        SECURITY_CHANGEABLE=True,
        SECURITY_SEND_PASSWORD_CHANGE_EMAIL=False,
        SECURITY_CHANGE_URL="/konto/losenord",
        SECURITY_POST_CHANGE_VIEW="/konto",
        SECURITY_POST_VERIFY_VIEW="/konto",
        **hashing_settings(secrets),
        **second_factor.settings(secrets),
        **passkeys.settings(),
        SECURITY_POST_LOGIN_VIEW="/",
        SECURITY_POST_LOGOUT_VIEW="/login",
        SECURITY_LOGOUT_METHODS=["POST"],
    )
    app.extensions[failed_attempts.EXTENSION] = failed_attempts.Limits()
    app.extensions[sessions.EXTENSION] = sessions.Gate(parts.db, parts.broker)
    app.extensions[hashing.EXTENSION] = hashing.Turns(lambda: _free_threads(parts))
    CSRFProtect(app).exempt(routes.blueprint)  # a home signs its requests, and has no cookie
    orm = make_sessions(parts.db)
    app.extensions["tryggve.sessions"] = orm
    security = Security(
        app,
        Datastore(parts.db, orm),
        login_form=SignInForm,
        verify_form=ProveForm,
        change_password_form=ChangeForm,
        two_factor_setup_form=second_factor.SetUpForm,
        two_factor_rescue_form=second_factor.NoRescueForm,
        two_factor_verify_code_form=second_factor.CodeForm,
        mf_recovery_form=second_factor.RecoveryForm,
        wan_register_form=passkeys.RegisterForm,
        wan_register_response_form=passkeys.RegisterAnswerForm,
        wan_signin_response_form=passkeys.SignInAnswerForm,
        mail_util_cls=PlainMail,
        totp_cls=second_factor.OnceTotp,
        webauthn_util_cls=passkeys.Passkeys,
    )
    security.pwd_context = hashing.InTurns(security.pwd_context, app.extensions[hashing.EXTENSION])
    second_factor.init_app(app)
    passkeys.init_app(app)
    single_sign_on.init_app(app, config, secrets, rights)
    _guard_sessions(app)

    @app.teardown_appcontext
    def _remove(_error: BaseException | None) -> None:
        orm.remove()

    user_logged_in.connect(_signed_in, app)
    user_logged_out.connect(_signed_out, app)
    tf_profile_changed.connect(_code_set_up, app)
    wan_registered.connect(_passkey_set_up, app)


def _free_threads(parts: Staff) -> int:
    """Threads of this worker that requests may take now."""
    return parts.config.listen.threads - sum(parts.broker.counts())


def _guard_sessions(app: Flask) -> None:
    """Nobody is signed in whose session does not hold (`web.staff.signin.sessions`)."""
    manager: Any = app.login_manager  # type: ignore[attr-defined]
    # Only the session says who somebody is; Flask-Security's own loader would look for tokens in
    # the body of every request, a home's batches too.
    manager.request_loader(lambda _request: None)
    load = manager._user_callback

    @manager.user_loader  # type: ignore[untyped-decorator]
    def _load(uniquifier: str) -> User | None:
        user: User | None = load(uniquifier)
        if user is None or not sessions.holds(user.id, [role.name for role in user.roles]):
            return None
        return user


def _signed_in(_app: Flask, user: User, **_more: object) -> None:
    session.permanent = True
    parts = staff()
    factor = FACTORS.get(request.endpoint or "")
    now = datetime.now(UTC)
    with parts.write() as tx:
        if factor is None:  # a changed password: the other sessions are over, this one goes on
            present = g.get("tryggve_session")
            sessions.end(tx, user.id)
            sessions.begin(
                tx,
                user.id,
                Factor.read(present.factor) if present else Factor.PASSWORD_ALONE,
                present.ends_at if present else None,
            )
            return
        until = None
        if factor is Factor.PASSWORD_ALONE:
            standing = grace.begin(tx, user.id, now)
            if user.needs_second_factor():
                until = standing.session_until(now)
        if factor is Factor.SIGN_ON:
            single_sign_on.settle(tx, user.id)
        sessions.begin(tx, user.id, factor, until)
        append.write(parts, tx, None, Draft(AccountSignedIn(), person=user.person_id))
    devices.remember(user.email)


def _code_set_up(_app: Flask, user: User, **_more: object) -> None:
    with staff().write() as tx:
        sessions.prove(tx, user.id, Factor.CODE)


def _passkey_set_up(_app: Flask, user: User, **_more: object) -> None:
    with staff().write() as tx:
        sessions.prove(tx, user.id, Factor.PASSKEY)


def _signed_out(_app: Flask, **_more: object) -> None:
    with staff().write() as tx:
        sessions.end_here(tx)


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
    actor: Actor | None = g.tryggve_actor
    if actor is None:
        abort(401)
    return actor


_USER, _ORG = bindparam("user_id", type_=Integer), bindparam("org", type_=Text)

# Built once: every request of a person asks them, and building costs more than running.
_WHO = (
    select(tables.user.c.person_id, tables.user.c.name, tables.user.c.org_id, tables.role.c.name)
    .select_from(tables.user)
    .outerjoin(tables.user_role, tables.user_role.c.user_id == tables.user.c.id)
    .outerjoin(tables.role, tables.role.c.id == tables.user_role.c.role_id)
    .where(tables.user.c.id == _USER, tables.user.c.active)
)
_IS_ASSIGNED = tables.home.c.id.in_(assigned_homes(_USER))
_ALL_HOMES = select(tables.home.c.id, _IS_ASSIGNED).where(
    tables.home.c.org_id == _ORG, tables.home.c.closed_at.is_(None)
)
_ASSIGNED = _ALL_HOMES.where(_IS_ASSIGNED)


def actor_of(parts: Staff, user_id: int) -> Actor | None:
    """The actor behind an account; None when it is gone or not active."""
    user = {"user_id": user_id}
    with parts.db.read() as conn:
        rows = conn.execute(_WHO, user).all()
        if not rows:
            return None
        person, name, org, _role = rows[0]
        known = {role.value for role in Role}
        roles = frozenset(Role(role) for *_who, role in rows if role in known)
        everywhere = Right.SEE_ALL_HOMES in rights_of(roles)
        query = _ALL_HOMES if everywhere else _ASSIGNED
        found = conn.execute(query, user | {"org": org}).all()
    homes = frozenset(home for home, _is_assigned in found)
    assigned = frozenset(home for home, is_assigned in found if is_assigned)
    return Actor(person, name, org, roles, homes, assigned)


def new_uniquifier() -> str:
    """What ties a session to an account; a new one ends all its sessions."""
    return random.token_hex(16)
