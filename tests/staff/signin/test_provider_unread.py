"""A provider of an organisation's own that this server cannot read has not ended: what a newer
version wrote holds when one goes back to the version before."""

from __future__ import annotations

import json

import pytest
from flask import Flask
from sqlalchemy import delete, insert

from gateway.clock import ManualClock
from tests.staff.parts import parts_of
from tests.staff.provider import Provider
from tests.staff.signin.test_sign_on_groups import (  # noqa: F401 - fixtures
    NIGHT,
    boss,
    enter,
    gives,
    has,
)
from tests.staff.signin.test_single_sign_on import (  # noqa: F401 - fixtures
    app,
    db,
    inside,
    provider,
    with_provider,
)
from web.staff.core.config import SignInConfig, StaffConfig
from web.staff.core.rights import Actor, Role
from web.staff.people import sign_on
from web.staff.runtime.app import create_app
from web.staff.storage.admin_tables import sign_on_provider


@pytest.mark.parametrize("by_hand", [False, True], ids=["gone", "ended"])
def test_what_cannot_be_read_has_not_ended(
    app: Flask,  # noqa: F811
    provider: Provider,  # noqa: F811
    boss: Actor,  # noqa: F811
    with_provider: StaffConfig,  # noqa: F811
    clock: ManualClock,
    by_hand: bool,
) -> None:
    """Nobody loses a session or what a group gave while the organisation uses one of which a newer
    version says more; when it is gone they do, at the next start or by who ends it."""
    parts = parts_of(app)
    gives(app, Role.NIGHT_WATCHER, teams=(1,))
    client = enter(app, provider, groups=[NIGHT])
    own = {"label": "SITHS", "issuer": provider.url, "client_id": "x", "sealed": "x"}
    newer = own | {"acr_values": ["x"], "claim": "sub", "what_is_new": True}
    row = {"id": "own1", "org_id": "org1", "used": json.dumps(newer), "changed_at": clock.now()}
    anew = with_provider.model_copy(update={"sign_in": SignInConfig()})
    with parts.db.write() as tx:
        tx.conn.execute(insert(sign_on_provider).values(**row))
    create_app(anew, clock=clock, watch=False).extensions["tryggve.stop"]()
    assert has(app) == ({"coordinator", "night_watcher"}, {"Norr"})
    assert inside(client)
    if by_hand:
        older = create_app(anew, clock=clock, watch=False)
        sign_on.end(parts_of(older), boss, "own1")
        older.extensions["tryggve.stop"]()
    else:
        with parts.db.write() as tx:
            tx.conn.execute(delete(sign_on_provider))
        create_app(anew, clock=clock, watch=False).extensions["tryggve.stop"]()
    assert has(app) == ({"coordinator"}, set())
    assert not inside(client)
