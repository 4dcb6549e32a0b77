"""What a provider of single sign-on says of somebody's groups: read, bounded, and never guessed.

What is no list of texts, or more than is taken, says nothing: it gives no rights, and the log says
so in a sentence.  A group is compared letter by letter, as the provider writes it.  Not for: what a
group gives (`web.staff.people.signing_on`, by the port that stands here).
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from flask import current_app
from sqlalchemy import Connection

from web.staff.core.config import SingleSignOn
from web.staff.core.context import Staff
from web.staff.storage.database import Tx

log = logging.getLogger(__name__)

EXTENSION = "tryggve.sign_on_groups"

GROUPS_MAX = 1000
"""Groups of one person that are taken: Entra ID puts at most 200 into a token, and a directory in
which somebody is in more than a thousand is asked for fewer by a filter of the provider's."""

NAME_MAX = 200
"""Characters of a group: an id has 36, a path of Keycloak's some 100."""

TEXT_MAX = 200
"""Characters of a name or an address that a provider says."""


class Fault(StrEnum):
    """Why what a provider says of groups gives no rights."""

    MISSING = "missing"
    """It says nothing of groups."""
    OVERAGE = "overage"
    """It says that there are more groups than it writes down (`_claim_names`, `hasgroups`)."""
    NO_LIST = "no_list"
    TOO_MANY = "too_many"
    NO_TEXT = "no_text"
    """One of them is no text."""
    TOO_LONG = "too_long"


SENTENCES = {
    Fault.MISSING: "single sign-on says nothing of groups: they give no rights",
    Fault.OVERAGE: "single sign-on says that somebody is in more groups than it writes down: "
    "they give no rights",
    Fault.NO_LIST: "single sign-on says groups that are no list: they give no rights",
    Fault.TOO_MANY: "single sign-on says more groups than are taken: they give no rights",
    Fault.NO_TEXT: "single sign-on says a group that is no text: they give no rights",
    Fault.TOO_LONG: "single sign-on says a group that is too long: they give no rights",
}
"""What the log says."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a provider says of a person: `names` of groups (none, with `fault`), and what an account
    is made of: a name and an address, None where it says none that can be used."""

    names: frozenset[str]
    fault: Fault | None
    name: str | None
    email: str | None


NOTHING = Said(frozenset(), None, None, None)
"""Of a provider whose groups give nothing."""


def read(claims: Mapping[str, Any], claim: str) -> Said:
    """What these claims say, the groups by the claim of this name."""
    found = _groups(claims, claim)
    fault = found if isinstance(found, Fault) else None
    names = frozenset() if isinstance(found, Fault) else found
    parts = [_text(claims.get(part)) for part in ("given_name", "family_name")]
    name = _text(claims.get("name")) or " ".join(part for part in parts if part) or None
    if name is not None and len(name) > TEXT_MAX:
        name = None
    email = _text(claims.get("email")) or _text(claims.get("preferred_username"))
    return Said(names, fault, name, email)


def lacks(claims: Mapping[str, Any], claim: str) -> bool:
    """Whether the provider may say more of groups at another door."""
    return _groups(claims, claim) is Fault.MISSING


def _groups(claims: Mapping[str, Any], claim: str) -> frozenset[str] | Fault:
    elsewhere, said = claims.get("_claim_names"), claims.get(claim)
    more = isinstance(elsewhere, dict) and claim in elsewhere
    if more or (said is None and claims.get("hasgroups")):
        return Fault.OVERAGE
    if said is None:
        return Fault.MISSING
    if not isinstance(said, list):
        return Fault.NO_LIST
    if len(said) > GROUPS_MAX:
        return Fault.TOO_MANY
    if not all(isinstance(one, str) for one in said):
        return Fault.NO_TEXT
    if any(len(one) > NAME_MAX for one in said):
        return Fault.TOO_LONG
    return frozenset(said)


def _text(said: object) -> str | None:
    """A text of one line that can be kept; None: it is none."""
    if not isinstance(said, str) or len(said) > TEXT_MAX or not said.isprintable():
        return None
    return said.strip() or None


def tell(provider: str, said: Said) -> None:
    """Say in the log why groups give nothing, if they do not."""
    if said.fault is not None:
        log.warning(SENTENCES[said.fault], extra={"provider": provider, "why": said.fault.value})


class Rights(Protocol):
    """What groups give, as signing in asks for it."""

    def wanted(self, conn: Connection, orgs: Collection[str], issuer: str) -> bool:
        """Whether this provider's groups give anything in one of these organisations, or gave."""

    def adds(self, conn: Connection, orgs: Collection[str]) -> bool:
        """Whether one of these organisations lets single sign-on make accounts."""

    def add(self, parts: Staff, provider: SingleSignOn, subject: str, said: Said) -> int | None:
        """Make an account for somebody unknown whose groups allow it; None: they do not."""

    def settle(
        self, parts: Staff, tx: Tx, user_id: int, provider: SingleSignOn, said: Said
    ) -> bool:
        """Let an account have what its groups give now; whether anything was taken from it."""

    def end_of_gone(self, parts: Staff) -> None:
        """Take what providers gave that are none any more."""


def rights() -> Rights:
    """The running application's."""
    found: Rights = current_app.extensions[EXTENSION]
    return found
