"""Single sign-on with OpenID Connect: the organisation's own provider says who somebody is.

Authlib does the protocol (code flow with PKCE, state, nonce; signature, issuer, audience and time
of the ID token).  Here is what it cannot know: which levels of assurance (`acr`) are enough, which
account a person has, and that a provider signs in its own organisations' people only.  Any failure
is one sentence and no session.  Off unless configured.  Not for: making accounts.
"""

from __future__ import annotations

import logging
from typing import Any

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_client import OAuth
from flask import Blueprint, Flask, abort, current_app, redirect, render_template, request, session
from flask import url_for as url
from flask.typing import ResponseReturnValue
from flask_login import logout_user
from flask_security.utils import login_user
from joserfc.errors import JoseError
from requests import RequestException
from werkzeug.wrappers import Response

from web.staff.core.config import SignInConfig, SingleSignOn
from web.staff.core.paths import safe_next
from web.staff.core.secret_files import SecretFiles
from web.staff.signin.failed_attempts import limits, note_refusal, sentence
from web.staff.signin.models import User

log = logging.getLogger(__name__)

blueprint = Blueprint("sign_on", __name__, url_prefix="/inloggning")

EXTENSION = "tryggve.sign_on"

TIMEOUT_S = 10
"""Seconds to wait for the provider, each time."""

LEEWAY_S = 30
"""Seconds that the provider's clock may be off."""

NEXT = "tryggve_next"


class NotSignedIn(Exception):
    """The provider's answer is not enough; `args` say why, for the diagnostic log."""


def init_app(app: Flask, config: SignInConfig, secrets: SecretFiles) -> None:
    """Register each provider.  Raises `SecretError` when a client secret is missing."""
    oauth = OAuth(app)
    for name, provider in config.oidc.items():
        oauth.register(
            name,
            client_id=provider.client_id,
            client_secret=secrets.read_given(f"oidc_{name}"),
            server_metadata_url=provider.issuer.rstrip("/") + "/.well-known/openid-configuration",
            client_kwargs={
                "scope": provider.scope,
                "code_challenge_method": "S256",
                "timeout": TIMEOUT_S,
            },
        )
    app.extensions[EXTENSION] = oauth
    app.register_blueprint(blueprint)
    app.context_processor(lambda: {"sign_on_providers": config.oidc})


def _provider(name: str) -> tuple[Any, SingleSignOn]:
    from web.staff.core.context import staff

    provider = staff().config.sign_in.oidc.get(name)
    if provider is None:
        abort(404)
    return current_app.extensions[EXTENSION].create_client(name), provider


@blueprint.post("/<name>")
def start(name: str) -> ResponseReturnValue:
    """Send the browser to the provider."""

    client, provider = _provider(name)
    session[NEXT] = safe_next(request.args.get("next"))
    try:
        sent: Response = client.authorize_redirect(
            url("sign_on.answer", name=name, _external=True),
            acr_values=" ".join(provider.acr_values),
            prompt="login" if request.args.get("next") else None,
        )
        return sent
    except (RequestException, AuthlibBaseError, ValueError) as error:
        return _refused(name, error)


@blueprint.get("/<name>/svar")
def answer(name: str) -> ResponseReturnValue:
    """Back from the provider, with a code."""
    client, provider = _provider(name)
    try:
        token = client.authorize_access_token(leeway=LEEWAY_S)
        user = _account(provider, token.get("userinfo") or {})
    except (RequestException, AuthlibBaseError, JoseError, NotSignedIn, ValueError, KeyError) as e:
        return _refused(name, e)
    forward = session.pop(NEXT, None) or url("pages.start")
    logout_user()  # whoever was signed in here before
    login_user(user, authn_via=["oidc"])
    return redirect(forward, 303)


def _account(provider: SingleSignOn, claims: Any) -> User:
    """The account that the checked claims are about.  Raises `NotSignedIn`."""
    acr = claims.get("acr")
    if acr not in provider.acr_values:
        raise NotSignedIn("the level of assurance is not enough")
    subject = claims.get(provider.claim)
    if not isinstance(subject, str) or not subject:
        raise NotSignedIn("the claim that names the person is missing")
    accounts = (
        current_app.extensions["tryggve.sessions"]
        .query(User)
        .filter(User.sso_id == subject, User.org_id.in_(provider.organisations))  # type: ignore[attr-defined]
        .all()
    )
    if len(accounts) != 1 or not accounts[0].active:
        raise NotSignedIn("no active account has this id")
    user: User = accounts[0]
    return user


def _refused(name: str, error: Exception) -> Response | tuple[str, int]:
    log.warning("single sign-on was refused", extra={"provider": name, "why": type(error).__name__})
    if limits().address.allow(request.remote_addr or ""):
        note_refusal()
    session.pop(NEXT, None)
    return render_template("sign_on_failed.html", text=sentence()), 403
