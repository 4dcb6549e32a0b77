"""Asking a provider of single sign-on: each request bounded in time, and nothing that the provider
says about itself changes how it is asked.

One that a page names is asked through `web.staff.core.reaching`: bounded in size too, no redirect,
and never inside the own network unless the server's file says so.  One of the server's file is
asked as its owner's network has it (a proxy, an authority of their own).

Not for: which answers are enough (`single_sign_on`).
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_client import FlaskIntegration, FlaskOAuth2App
from authlib.integrations.requests_client import OAuth2Session
from joserfc.errors import JoseError
from requests import PreparedRequest, RequestException, Response
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from web.staff.core.config import SingleSignOn
from web.staff.core.connections import ANSWER_MAX_BYTES
from web.staff.core.reaching import Network, Reach, Unreached

TIMEOUT_S = 10.0
"""Seconds to wait for the provider, each time."""

METADATA_S = 3600.0
"""Seconds for which is believed what a provider said of itself: it moves its doors now and then."""

CLIENTS_MAX = 100
"""Providers of pages that are remembered; each change of one is another."""

STATES_MAX = 3
"""Sign-ins of one browser that may be under way: each is kept in its cookie, which has 4 kB."""

ADDRESS_MAX = 1000
"""Characters of an address of a provider's."""

PIECE_BYTES = 8192
"""Bytes of an answer that are read at once."""

SERVER_FAULT = 500
"""HTTP status from which on an answer says nothing about the question."""

SIGNED = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"}
)
"""How an ID token may be signed: by the provider's own key, whatever the provider says."""

NOT_SAID = (
    *(AuthlibBaseError, JoseError, ValueError, KeyError, TypeError, AttributeError),
    RecursionError,  # JSON that lies too deep
)
"""What Authlib raises when a provider says what no provider says."""


class NotThere(RequestException):
    """The address leads into a network that a page may not have asked."""


class _Way(BaseAdapter):
    """The way out of what a page asks."""

    def __init__(self, reach: Reach) -> None:
        super().__init__()
        self._reach = reach

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,  # noqa: ARG002 - as requests has it
        timeout: Any = None,  # noqa: ARG002
        verify: Any = True,  # noqa: ARG002
        cert: Any = None,  # noqa: ARG002
        proxies: Any = None,  # noqa: ARG002
    ) -> Response:
        """One request.  Raises `RequestException`."""
        body = request.body.encode() if isinstance(request.body, str) else request.body
        try:
            got = self._reach.send(
                request.method or "GET",
                request.url or "",
                headers={name: str(value) for name, value in request.headers.items()},
                body=body if isinstance(body, bytes) else None,
            )
        except Unreached as error:
            kind = NotThere if error.unusable else RequestException
            raise kind(error.text, request=request) from error
        if len(got.body) >= ANSWER_MAX_BYTES:
            raise RequestException("the answer is too long", request=request)
        answer = Response()
        answer.status_code = got.status
        answer.headers = CaseInsensitiveDict(got.headers)
        answer.raw = BytesIO(got.body)
        answer.url, answer.request = request.url or "", request
        return answer

    def close(self) -> None:
        """Nothing: what is kept is the client's."""


class _Session(OAuth2Session):  # type: ignore[misc]
    """Requests of one client; `reach`: by that way only."""

    def __init__(self, *given: Any, reach: Reach | None = None, **named: Any) -> None:
        super().__init__(*given, default_timeout=TIMEOUT_S, **named)
        if reach is None:
            return
        self.trust_env = False
        self.headers["Accept-Encoding"] = "identity"
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Way(reach))

    def request(self, *given: Any, **named: Any) -> Response:
        """No redirect is followed: a provider's doors are where it says."""
        answer: Response = super().request(*given, **{**named, "allow_redirects": False})
        return answer


class Client(FlaskOAuth2App):  # type: ignore[misc]
    """Authlib's client of one provider."""

    client_cls = _Session

    def __init__(self, name: str, provider: SingleSignOn, secret: str, reach: Reach | None) -> None:
        issuer = provider.bare_issuer()
        super().__init__(
            FlaskIntegration(name),
            name,
            client_id=provider.client_id,
            client_secret=secret,
            server_metadata_url=f"{issuer}/.well-known/openid-configuration",
            client_kwargs={
                "scope": provider.scope,
                "code_challenge_method": "S256",
                "reach": reach,
            },
        )
        self._clear = issuer.startswith("http://")
        self.server_metadata: dict[str, Any] = {}

    def load_server_metadata(self) -> dict[str, Any]:
        """What the provider says of itself, of that only what is asked for.  Raises
        `RequestException`, `ValueError`."""
        known = self.server_metadata
        if time.time() - known.get("_loaded_at", 0.0) < METADATA_S:
            return known
        with self._get_session() as session:
            answer = session.request("GET", self._server_metadata_url, withhold_token=True)
            answer.raise_for_status()
            said = answer.json()
        if not isinstance(said, dict):
            raise ValueError("what the provider says of itself is nothing of the sort")
        doors = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        found: dict[str, Any] = {name: self._door(said.get(name)) for name in doors}
        told = said.get("id_token_signing_alg_values_supported")
        named = {one for one in told if isinstance(one, str)} if isinstance(told, list) else set()
        found["id_token_signing_alg_values_supported"] = sorted(named & SIGNED) or ["RS256"]
        if isinstance(said.get("issuer"), str):
            found["issuer"] = said["issuer"]
        with suppress(ValueError):  # it needs none
            found["userinfo_endpoint"] = self._door(said.get("userinfo_endpoint"))
        found["_loaded_at"] = time.time()
        self.server_metadata = found
        return found

    def ask_anew(self) -> None:
        """Forget what the provider said of itself."""
        self.server_metadata = {}

    def _door(self, said: object) -> str:
        if isinstance(said, str) and len(said) <= ADDRESS_MAX:
            parts = urlsplit(said)
            if parts.hostname and parts.scheme in ("https", *(["http"] if self._clear else [])):
                return said
        raise ValueError("a door of the provider is no address")

    def save_authorize_data(self, **data: Any) -> None:
        """Keep what belongs to this sign-in in the browser's cookie, and of earlier ones that came
        to nothing the newest."""
        from flask import session

        under_way = [key for key in session if key.startswith("_state_")]
        under_way.sort(key=lambda key: session[key].get("exp", 0))
        for key in under_way[: max(0, len(under_way) - STATES_MAX + 1)]:
            session.pop(key)
        super().save_authorize_data(**data)

    def claims_of_answer(self, leeway: int) -> dict[str, Any]:
        """What the ID token says that came for the code in this request, checked; empty: there was
        none.  Raises `RequestException`, and what is in `NOT_SAID`."""
        return self.answer(leeway)[0]

    def answer(self, leeway: int) -> tuple[dict[str, Any], str]:
        """The same, and the token with which the provider is asked for more (empty: none came)."""
        token = self.authorize_access_token(leeway=leeway)
        # only what was checked: a provider may send anything beside its token
        claims = dict(token.get("userinfo") or {}) if "id_token" in token else {}
        access = token.get("access_token")
        return claims, access if isinstance(access, str) else ""

    def more_about(self, claims: dict[str, Any], access: str) -> dict[str, Any]:
        """What the provider says at its door for more (`userinfo_endpoint`) about whom these claims
        are of (OpenID Connect Core, 5.3); empty: it has no such door, or says nothing there about
        just this person.  Raises `RequestException` when it cannot be asked."""
        door = self.load_server_metadata().get("userinfo_endpoint")
        if door is None or not access:
            return {}
        headers = {"Authorization": f"Bearer {access}", "Accept": "application/json"}
        with (
            self._get_session() as session,
            session.request("GET", door, withhold_token=True, headers=headers, stream=True) as got,
        ):
            if got.status_code >= SERVER_FAULT:
                got.raise_for_status()
            if not got.ok:
                return {}
            body = b""
            for piece in got.iter_content(PIECE_BYTES):
                body += piece
                if len(body) > ANSWER_MAX_BYTES:
                    raise RequestException("the answer is too long")
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            return {}
        same = isinstance(said, dict) and said.get("sub") == claims.get("sub") is not None
        return said if same else {}


class Clients:
    """The clients of this worker.  From any thread."""

    def __init__(self, *, private: Sequence[Network] = ()) -> None:
        """`private`: networks of one's own in which a provider that a page names may stand."""
        self._private = tuple(private)
        self._reach: Reach | None = None  # reads the machine's certificates: when it is needed
        self._of_file: dict[str, Client] = {}
        self._of_pages: OrderedDict[str, Client] = OrderedDict()
        self._lock = Lock()

    def add(self, name: str, provider: SingleSignOn, secret: str) -> None:
        """One of the server's file."""
        self._of_file[name] = Client(name, provider, secret, None)

    def of_file(self, name: str) -> Client:
        """One of those."""
        return self._of_file[name]

    def of_page(self, key: str, provider: SingleSignOn, secret: str) -> Client:
        """One that a page named; `key` is another one when anything of it was changed."""
        with self._lock:
            if self._reach is None:
                self._reach = Reach(public_only=True, allow=self._private, timeout_s=TIMEOUT_S)
            if key not in self._of_pages:
                self._of_pages[key] = Client(key, provider, secret, self._reach)
            self._of_pages.move_to_end(key)
            while len(self._of_pages) > CLIENTS_MAX:
                self._of_pages.popitem(last=False)
            return self._of_pages[key]
