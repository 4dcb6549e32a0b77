"""Single sign-on with OpenID Connect: the organisation's own provider says who somebody is.

Authlib does the protocol (code flow with PKCE, state, nonce; signature, issuer, audience and time
of the ID token).  Here is what it cannot know: which levels of assurance (`acr`) are enough, which
account a person has (by issuer and id: what another provider calls somebody is somebody else), that
a provider signs in its own organisations' people only, that it asked again when it was asked
to, and that it still is one when the session begins.  Any failure is one sentence and no session.
Off unless configured.  Not for: what a provider's groups give, or making accounts (both by the port
of `groups`).
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from flask import (
    Blueprint,
    Flask,
    abort,
    current_app,
    g,
    make_response,
    redirect,
    render_template,
    request,
    session,
)
from flask import url_for as url
from flask.typing import ResponseReturnValue
from flask_login import current_user, logout_user
from flask_security.utils import login_user
from requests import RequestException
from sqlalchemy import select, update
from werkzeug.wrappers import Response

from web.staff.core.config import LOOPBACK, SingleSignOn, StaffConfig
from web.staff.core.context import EXTENSION as PARTS
from web.staff.core.context import Staff, staff
from web.staff.core.paths import safe_next
from web.staff.core.secret_files import SecretFiles
from web.staff.signin import asking, groups, providers, sessions
from web.staff.signin.asking import Client, Clients
from web.staff.signin.failed_attempts import limits, note_refusal, place, sentence
from web.staff.signin.models import User
from web.staff.signin.providers import Provider
from web.staff.storage import org_locks, tables
from web.staff.storage.database import Tx
from web.staff.storage.storable import storable

log = logging.getLogger(__name__)

blueprint = Blueprint("sign_on", __name__, url_prefix="/inloggning")

EXTENSION = "tryggve.sign_on"

LEEWAY_S = 30
"""Seconds that the provider's clock may be off."""

NEXT = "tryggve_next"
TRIAL = "tryggve_trial"
"""A provider that whoever is signed in tries, before it is used."""
TRIED = "tryggve_tried"
"""What came of that."""

SHOWN_CHARS = 200
"""Characters of what a provider on trial said that are shown."""

AGAIN = "tryggve_again"
"""When somebody who is signed in was sent to show again who they are."""

FRESH_SINCE = "fs_paa"
"""Flask-Security's: when it was shown last who somebody is."""


class NotSignedIn(Exception):
    """The provider's answer is not enough; `args` say why, for the diagnostic log."""


def init_app(app: Flask, config: StaffConfig, secrets: SecretFiles, rights: groups.Rights) -> None:
    """Make a client of each provider of the file; `rights`: what groups give.  Raises `SecretError`
    when a client secret is missing."""
    local = () if config.secure_cookies else LOOPBACK
    clients = Clients(private=(*config.sign_in.private_networks, *local))
    app.extensions[EXTENSION] = clients
    for name, provider in config.sign_in.oidc.items():
        clients.add(name, provider, secrets.read_given(f"oidc_{name}"))
    end_of_gone(app.extensions[PARTS])
    app.extensions[groups.EXTENSION] = rights
    rights.end_of_gone(app.extensions[PARTS])
    app.register_blueprint(blueprint)
    app.context_processor(lambda: {"sign_on_providers": _used})


def _used() -> dict[str, str]:
    """The providers that the page of signing in offers: what stands on each button.  With several
    organisations on this server one of a page is told by whose it is, for they all read it."""
    o = tables.organisation.c
    with staff().db.read() as conn:
        used = providers.used(conn, staff())
        if all(one.secret is None for one in used.values()):
            return {name: one.known.label for name, one in used.items()}
        names = {row.id: row.name for row in conn.execute(select(o.id, o.name))}
    found = {}
    for name, one in used.items():
        (org, *_more) = one.known.organisations
        told = one.secret is not None and len(names) > 1
        found[name] = f"{one.known.label} ({names[org]})" if told else one.known.label
    return found


def _provider(name: str) -> tuple[Client, Provider]:
    with staff().db.read() as conn:
        provider = providers.used(conn, staff()).get(name)
    if provider is None:
        abort(404)
    return _client(name, provider), provider


def _client(name: str, provider: Provider) -> Client:
    clients: Clients = current_app.extensions[EXTENSION]
    if provider.secret is None:
        return clients.of_file(name)
    return clients.of_page(f"{name}.{provider.version}", provider.known, provider.secret)


# --- a provider is tried before it is used --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a trial: whom it named, at which level of assurance; `wrong`: why it is not
    enough."""

    name: str
    version: str
    subject: str
    acr: str
    wrong: TrialFault | None


class TrialFault(StrEnum):
    """Why a provider on trial is not good enough."""

    UNREACHED = "unreached"
    """Nobody answers at the issuer's address, or no provider does."""
    PRIVATE = "private"
    """The address leads into a network that pages may not have asked."""
    REFUSED = "refused"
    """It did not let the person in, or does not know this client or its secret."""
    ISSUER = "issuer"
    """It calls itself something else."""
    ACR = "acr"
    """Its level of assurance is none of those that are enough."""
    CLAIM = "claim"
    """It does not say the claim that names the person."""


def begin_trial(name: str, provider: Provider) -> ResponseReturnValue | TrialFault:
    """Send the browser of whoever is signed in to a provider that is not used yet; or why it cannot
    be."""
    session.pop(TRIED, None)
    client = _client(name, provider)
    client.ask_anew()
    try:
        sent: Response = client.authorize_redirect(
            url("sign_on.answer", name=name, _external=True),
            acr_values=" ".join(provider.known.acr_values),
            prompt="login",
        )
    except asking.NotThere:
        return TrialFault.PRIVATE
    except (RequestException, *asking.NOT_SAID) as error:
        log.warning("a trial of single sign-on failed", extra={"why": type(error).__name__})
        return TrialFault.UNREACHED
    session[TRIAL] = {"name": name, "version": provider.version}
    return _leading_on(sent)


def _leading_on(sent: Response) -> Response:
    """A page that goes on to the provider by itself.  Not a redirect: a form of ours leads to this
    server only (`form-action`), and Chromium holds a form's redirects to that too."""
    to = sent.headers["Location"]
    shown = make_response(render_template("sign_on_leads.html", to=to))
    shown.headers["Refresh"] = f"0; url={to}"
    return shown


def tried(name: str) -> Tried | None:
    """What came of this session's trial of a provider; None: it was not tried."""
    said = session.get(TRIED)
    if said is None or said["name"] != name:
        return None
    wrong = said["wrong"]
    return Tried(**{**said, "wrong": None if wrong is None else TrialFault(wrong)})


def _end_trial(name: str, version: str) -> ResponseReturnValue:
    """Back from a provider on trial: nobody is signed in by it, what it said is kept for the page
    that began it."""
    back = url("pages.sign_on")
    org = getattr(current_user, "org_id", None)
    with staff().db.read() as conn:
        provider = None if org is None else providers.wanted(conn, staff(), org, name)
    if provider is None or provider.version != version:
        return redirect(back, 303)
    wrong: TrialFault | None = None
    claims: dict[str, Any] = {}
    try:
        claims = _client(name, provider).claims_of_answer(LEEWAY_S)
        wrong = _short_of(provider.known, claims)
    except RequestException:
        wrong = TrialFault.UNREACHED
    except asking.NOT_SAID as error:
        log.warning("a trial of single sign-on failed", extra={"why": type(error).__name__})
        wrong = TrialFault.REFUSED
    session[TRIED] = {
        "name": name,
        "version": version,
        "subject": str(claims.get(provider.known.claim, ""))[:SHOWN_CHARS],
        "acr": str(claims.get("acr", ""))[:SHOWN_CHARS],
        "wrong": None if wrong is None else wrong.value,
    }
    return redirect(back, 303)


def _short_of(provider: SingleSignOn, claims: Any) -> TrialFault | None:
    """What checked claims lack; None: nothing."""
    if str(claims.get("iss", "")).rstrip("/") != provider.bare_issuer():
        return TrialFault.ISSUER
    if claims.get("acr") not in provider.acr_values:
        return TrialFault.ACR
    subject = claims.get(provider.claim)
    named = isinstance(subject, str) and subject and storable(subject)
    return None if named else TrialFault.CLAIM


# --- signing in -----------------------------------------------------------------------------------


@blueprint.post("/<name>")
def start(name: str) -> ResponseReturnValue:
    """Send the browser to the provider; who is signed in is asked again there."""
    client, provider = _provider(name)
    session[NEXT] = safe_next(request.args.get("next"))
    session.pop(AGAIN, None)
    session.pop(TRIAL, None)  # one that came to nothing
    more: dict[str, object] = {}
    if current_user.is_authenticated:
        session[AGAIN] = int(time.time())
        more = {"prompt": "login", "max_age": 0}
    try:
        sent: Response = client.authorize_redirect(
            url("sign_on.answer", name=name, _external=True),
            acr_values=" ".join(provider.known.acr_values),
            **more | _name_too(provider.known),
        )
    except (RequestException, *asking.NOT_SAID) as error:
        return _refused(name, error)
    return _leading_on(sent)


def _name_too(provider: SingleSignOn) -> dict[str, object]:
    """Ask for the name too where an account may be made of it."""
    with staff().db.read() as conn:
        adds = groups.rights().adds(conn, provider.organisations)
    scopes = provider.scope.split()
    return {"scope": " ".join([*scopes, "profile"])} if adds and "profile" not in scopes else {}


@blueprint.get("/<name>/svar")
def answer(name: str) -> ResponseReturnValue:
    """Back from the provider, with a code."""
    trial = session.pop(TRIAL, None)
    if trial is not None and trial["name"] == name:
        return _end_trial(name, trial["version"])
    client, provider = _provider(name)
    again = session.pop(AGAIN, None)
    try:
        claims, access = client.answer(LEEWAY_S)
        shown_at = _shown_at(claims, again)
        short_of = _short_of(provider.known, claims)
        if short_of is not None:
            raise NotSignedIn(f"what it says is not enough: {short_of.value}")
        said = _groups(name, client, provider.known, claims, access)
        user = _account(provider.known, claims, said)
    except (RequestException, NotSignedIn, *asking.NOT_SAID) as e:
        return _refused(name, e)
    forward = session.pop(NEXT, None) or url("pages.start")
    logout_user()  # whoever was signed in here before
    g.tryggve_sign_on = _Shown(name, provider, claims[provider.known.claim], said)
    try:
        login_user(user, authn_via=["oidc"])
    except NotSignedIn as error:
        logout_user()
        return _refused(name, error)
    session[FRESH_SINCE] = shown_at
    return redirect(forward, 303)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What somebody signs in with: the provider as it was asked, and what it calls them."""

    name: str
    provider: Provider
    subject: str
    said: groups.Said


def settle(tx: Tx, user_id: int) -> None:
    """In the transaction that begins a session of single sign-on: whoever ends the provider, or
    what it calls this account, waits for the session and ends it too, or was first.  Raises
    `NotSignedIn` when they were.  What the provider's groups give is given, and what they give no
    more is taken; then whatever else is open for this account ends, as an access that is taken
    back."""
    shown: _Shown = g.tryggve_sign_on
    u = tables.user.c
    org = tx.conn.execute(select(u.org_id).where(u.id == user_id)).scalar_one()
    org_locks.beside(tx, org)
    now = providers.used(tx.conn, staff()).get(shown.name)
    issuer = shown.provider.known.bare_issuer()
    known = select(u.id).where(u.id == user_id, u.active, u.sso_id == shown.subject)
    called_so = tx.conn.execute(known.where(u.sso_issuer == issuer)).first() is not None
    if now is None or now.version != shown.provider.version or not called_so:
        raise NotSignedIn("it was ended meanwhile")
    known_as, said = shown.provider.known, shown.said
    if groups.rights().settle(staff(), tx, user_id, known_as, said):
        sessions.end(tx, user_id)


def end_of_gone(parts: Staff) -> None:
    """End the sessions of those whose provider is none any more: it was taken from the server's
    file while the server stood still.  One that cannot be read has not ended."""
    with parts.db.read() as conn:
        known = [one.known for one in providers.used(conn, parts).values()]
        unread = providers.unread(conn, parts)
        gone = [
            user
            for user, org, issuer in sessions.signed_on(conn)
            if org not in unread
            and not any(org in one.organisations and one.bare_issuer() == issuer for one in known)
        ]
    if gone:
        with parts.write() as tx:
            sessions.end_signed_on(tx, tables.user.c.id.in_(gone))


def _shown_at(claims: Any, again: int | None) -> float:
    """When the provider last asked this person (`auth_time`), for what is sensitive; 0: it does not
    say.  Raises `NotSignedIn` when it was told at `again` to ask, and did not."""
    now = time.time()
    told = claims.get("auth_time")
    is_number = isinstance(told, int | float) and not isinstance(told, bool)
    known = is_number and 0 <= told <= now + LEEWAY_S  # no number that is none, and none too large
    if again is not None and not (known and again - LEEWAY_S <= told):
        raise NotSignedIn("the provider was to ask again, and did not")
    return min(float(told), now) if known else 0.0


def _groups(
    name: str, client: Client, provider: SingleSignOn, claims: dict[str, Any], access: str
) -> groups.Said:
    """What the provider says of this person's groups, and of the name; where its token says nothing
    of groups it is asked.  Nobody asks where groups give nothing."""
    with staff().db.read() as conn:
        wanted = groups.rights().wanted(conn, provider.organisations, provider.bare_issuer())
    if not wanted:
        return groups.NOTHING
    if groups.lacks(claims, provider.groups_claim):
        claims = client.more_about(claims, access) | claims
    said = groups.read(claims, provider.groups_claim)
    groups.tell(name, said)
    return said


def _account(provider: SingleSignOn, claims: Any, said: groups.Said) -> User:
    """The account that the checked claims are about; of somebody unknown one is made, if their
    groups allow it.  Raises `NotSignedIn`."""
    issuer, subject = provider.bare_issuer(), claims[provider.claim]
    query = current_app.extensions["tryggve.sessions"].query(User)
    called_so = query.filter(
        User.sso_id == subject,  # type: ignore[attr-defined]
        User.org_id.in_(provider.organisations),
    ).all()
    if all(user.sso_issuer not in (None, issuer) for user in called_so):
        made = groups.rights().add(staff(), provider, subject, said)
        called_so = [] if made is None else query.filter(User.id == made).all()
    accounts = [user for user in called_so if user.sso_issuer == issuer]
    if not accounts:
        accounts = [user for user in called_so if user.sso_issuer is None and _is_only(user.org_id)]
    if len(accounts) != 1 or not accounts[0].active:
        raise NotSignedIn("no active account has this id")
    user: User = accounts[0]
    if user.sso_issuer is None:
        _bind(user, issuer)
    return user


def _is_only(org: str) -> bool:
    """Whether the organisation has one provider: then an id from before providers were kept is
    its."""
    with staff().db.read() as conn:
        known = providers.used_of(conn, staff(), org).values()
    return len({provider.bare_issuer() for provider in known}) == 1


def _bind(user: User, issuer: str) -> None:
    t = tables.user
    with staff().db.write() as tx:
        tx.conn.execute(
            update(t).where(t.c.id == user.id, t.c.sso_issuer.is_(None)).values(sso_issuer=issuer)
        )


def _refused(name: str, error: Exception) -> Response | tuple[str, int]:
    log.warning("single sign-on was refused", extra={"provider": name, "why": type(error).__name__})
    if limits().address.allow(place()):
        note_refusal()
    session.pop(NEXT, None)
    return render_template("sign_on_failed.html", text=sentence()), 403
