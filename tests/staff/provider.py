"""A small provider of OpenID Connect on a port of this machine: discovery, keys, codes, tokens.

It does what a real one does, and what it says can be bent (`claims`, `key`) to see what the server
makes of it.  Not for: anything but tests.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "tryggve", "what the provider gave us"
LOA3 = "http://id.sambi.se/loa/loa3"


@dataclass
class Provider:
    """The provider.  `claims` replace what the ID token says; None takes a claim out."""

    url: str = ""
    key: Any = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "k1"}))
    other: Any = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "k1"}))
    claims: dict[str, Any] = field(default_factory=dict)
    foreign_key: bool = False
    metadata: dict[str, Any] = field(default_factory=dict)
    """What it says of itself beside, or instead; a door that is None is not there."""
    whole: Any = None
    """What it answers instead of all that it says of itself; a text that begins with `http` sends
    elsewhere."""
    keys: Any = None
    """What it answers instead of its keys."""
    beside: dict[str, Any] = field(default_factory=dict)
    """What it answers beside its tokens; None takes one out."""
    person: Any = None
    """What it answers at its door for more (`metadata` says where it is); a number is a status."""
    looked: list[str] = field(default_factory=list)
    """What was asked for, in order."""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)

    def sign_in(self, address: str) -> str:
        """What the browser is sent back to after somebody signed in at `address`."""
        self.asked = {k: v[0] for k, v in parse_qs(urlsplit(address).query).items()}
        code = f"code{len(self.codes)}"
        self.codes[code] = self.asked
        return f"{self.asked['redirect_uri']}?" + urlencode(
            {"code": code, "state": self.asked["state"]}
        )

    def answer(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """The token endpoint: a code once, for the one who asked, with its PKCE verifier."""
        expected = base64.b64encode(f"{CLIENT}:{SECRET.replace(' ', '+')}".encode()).decode()
        plain = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        asked = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if authorization not in (f"Basic {expected}", f"Basic {plain}"):
            return 401, {"error": "invalid_client"}
        if asked is None or asked["code_challenge"] != challenge:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        told = {
            "iss": self.url,
            "aud": CLIENT,
            "sub": "SE165500001234-AB12",
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            "acr": LOA3,
            "auth_time": now,
        } | self.claims
        told = {name: value for name, value in told.items() if value is not None}
        signer = self.other if self.foreign_key else self.key
        token = jwt.encode({"alg": "RS256", "kid": "k1"}, told, signer)
        answer = {"access_token": "a", "token_type": "Bearer", "id_token": token} | self.beside
        return 200, {name: value for name, value in answer.items() if value is not None}

    def about(self) -> dict[str, Any]:
        """What it says of itself."""
        said = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        } | self.metadata
        return {name: value for name, value in said.items() if value is not None}


@contextmanager
def running() -> Iterator[Provider]:
    """The provider, listening."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Nothing."""

        def _json(self, status: int, told: Any) -> None:
            body = told if isinstance(told, bytes) else json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            provider.looked.append(self.path)
            if self.path == "/.well-known/openid-configuration":
                if isinstance(provider.whole, str) and provider.whole.startswith("http"):
                    self.send_response(302)
                    self.send_header("Location", provider.whole)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self._json(200, provider.about() if provider.whole is None else provider.whole)
            elif self.path == "/person" and isinstance(provider.person, int):
                self._json(provider.person, {})
            elif self.path == "/person" and self.headers.get("Authorization") == "Bearer a":
                self._json(200, provider.person)
            elif self.path == "/keys":
                own = {"keys": [provider.key.as_dict(private=False)]}
                self._json(200, own if provider.keys is None else provider.keys)
            else:
                self._json(404, {})

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            form = {k: v[0] for k, v in parse_qs(self.rfile.read(length).decode()).items()}
            self._json(*provider.answer(form, self.headers.get("Authorization", "")))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield provider
    server.shutdown()
    thread.join(60)
    server.server_close()
