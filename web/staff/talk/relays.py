"""What opens the organisation's relay (TURN) for one call: coturn's `use-auth-secret`.

The name holds until when it is good, the word is its HMAC under the secret file `turn_secret`; the
relay needs no list of accounts.  Not for: running a relay (docs/voice.md).
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from gateway.wire import IceServer
from web.staff.core.config import StaffConfig
from web.staff.core.secret_files import SecretFiles

TURN_SECRET = "turn_secret"  # noqa: S105 - the name of a secret, not one


def servers(config: StaffConfig, call: str, until_s: float) -> tuple[IceServer, ...]:
    """The relays that both ends may use until then.  Raises `SecretError` where a relay is
    configured without its secret."""
    urls = config.voice.turn_urls
    if not urls:
        return ()
    secret = SecretFiles(config.secrets_dir).read(TURN_SECRET, made_here=False)
    name = f"{int(until_s)}:{call}"
    word = hmac.new(secret.encode(), name.encode(), hashlib.sha1).digest()
    opened = base64.b64encode(word).decode()
    return tuple(IceServer(urls=url, username=name, credential=opened) for url in urls)
