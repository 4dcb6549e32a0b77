"""Accounts of the staff: signed in, changed, refused."""

from __future__ import annotations

from gateway.events.base import By, Data, kind


@kind("account.signed_in", by=By.SERVER)
class AccountSignedIn(Data):
    """A staff member signed in at the server."""


@kind("account.changed", by=By.SERVER)
class AccountChanged(Data):
    """Somebody (`person`) changed an account, or who works where.  `account` is the person id it
    concerns, None for a team, an area or a home; `what` is what was changed, never to what."""

    what: str
    account: str | None = None


@kind("account.settled", by=By.SERVER)
class AccountSettled(Data):
    """A provider of single sign-on changed an account by what it says of somebody's groups.
    `provider` is what it is called (or its address, where it is gone), `account` the person id,
    `what` is what was changed, never to what: `added`, `roles`, `teams`.  With a `person`, they
    ended the provider."""

    provider: str
    account: str
    what: str


@kind("account.refused", by=By.SERVER)
class AccountRefused(Data):
    """A sign-in failed.  `address_sha256` groups tries without keeping the address."""

    address_sha256: str
