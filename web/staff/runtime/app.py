"""The staff server's composition root: `create_app` makes the Flask application from a
configuration.

Reads top to bottom: secrets, database, broker, the blueprints.  Not for: any behaviour of its own.
"""

from __future__ import annotations

import atexit
from hashlib import blake2b
from typing import Protocol

from flask import Flask

from gateway.clock import Clock, open_clock
from web.staff import channels, pages
from web.staff.core import i18n
from web.staff.core.config import StaffConfig, require_public_url
from web.staff.core.context import EXTENSION, Admission, Staff
from web.staff.core.keys import Keys, load_keys, register_key
from web.staff.core.secret_files import ALL, SESSION, SecretFiles
from web.staff.foresight import trials
from web.staff.homelink import routes, unsaved_alarms
from web.staff.ladders import provider_routes
from web.staff.ladders.dispatcher import Dispatcher
from web.staff.pages import live
from web.staff.people import signing_on
from web.staff.places import positions_api
from web.staff.realtime.broker import Broker
from web.staff.realtime.pictures import Pictures
from web.staff.realtime.relay import make_relay
from web.staff.realtime.siblings import Siblings
from web.staff.relatives.telling import Teller
from web.staff.runtime import health, openapi, security_txt, web_security
from web.staff.runtime.admission_gate import AdmissionGate
from web.staff.runtime.channel_watch import ChannelWatch
from web.staff.runtime.ladder_watch import LadderWatch
from web.staff.runtime.public_address import PublicAddress
from web.staff.runtime.watch import Watch
from web.staff.runtime.writer import Writer
from web.staff.signin import auth
from web.staff.storage.afterwards import open_afterwards
from web.staff.storage.database import Database, parse_url
from web.staff.storage.migrate import require_current
from web.staff.visits import plan_api


class Runs(Protocol):
    """What runs in a thread of its own."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End; may be called twice, and without `start`."""


STATIC_MAX_AGE_S = 3600
"""Seconds a browser may keep a static file; their addresses carry a version."""


def create_app(
    config: StaffConfig,
    *,
    clock: Clock | None = None,
    watch: bool = True,
    pictures: Pictures | None = None,
    siblings: Siblings | None = None,
) -> Flask:
    """The WSGI application.  `clock` None: the one that the configuration names.  `pictures` None:
    memory for sealed pictures that no other worker has.  `siblings` None: there is no other worker.
    `watch` False: the threads that look for
    silent homes, that tell people of alarms, and that write what pages do not wait for, are not
    started (tests call them by hand, and pages write before they answer).

    Raises `SecretError` when a secret is missing, `UserError` when the database is not up to date,
    `ConfigError` when a server for real use does not know its own address.
    """
    require_public_url(config)
    secrets = SecretFiles(config.secrets_dir)
    for name in ALL:  # all of them before anything is opened
        secrets.read(name)
    keys = load_keys(secrets)
    database = Database(parse_url(config.database))
    try:
        require_current(database)
        return _assemble(config, secrets, keys, database, clock, pictures, siblings, watch=watch)
    except BaseException:  # another secret may be missing, for a provider of single sign-on
        database.close()
        raise


def _assemble(
    config: StaffConfig,
    secrets: SecretFiles,
    keys: Keys,
    database: Database,
    clock: Clock | None,
    pictures: Pictures | None,
    siblings: Siblings | None,
    *,
    watch: bool,
) -> Flask:
    broker = Broker()
    relay = make_relay(database, broker)
    parts = Staff(
        config=config,
        db=database,
        clock=clock or open_clock(None if config.clock is None else str(config.clock)),
        broker=broker,
        keys=keys,
        relay=relay,
        admission=Admission.made(
            blake2b(secrets.read(SESSION).encode(), person=b"tryggve-ticket").digest(),
            postgres=database.postgres,
        ),
        pictures=pictures or Pictures(),
        siblings=siblings or Siblings(),
    )
    register_key(database, keys, parts.clock)
    app = Flask("web.staff")
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = STATIC_MAX_AGE_S
    app.extensions[EXTENSION] = parts
    app.extensions[channels.EXTENSION] = ways = channels.open_all(parts, secrets)
    i18n.init_app(app)
    auth.init_app(app, secrets, signing_on.GroupRights())
    web_security.init_app(app, {f"pages.{one.name}": one.file_max for one in pages.discover()})
    app.register_blueprint(routes.blueprint)
    app.register_blueprint(live.blueprint)
    app.register_blueprint(health.blueprint)
    plan_api.init_app(app)
    provider_routes.init_app(app)
    positions_api.init_app(app)
    app.register_blueprint(openapi.blueprint)
    app.register_blueprint(security_txt.blueprint)
    pages.register(app)
    app.wsgi_app = AdmissionGate(app.wsgi_app, parts.admission)  # type: ignore[method-assign]
    app.wsgi_app = PublicAddress(app.wsgi_app, config)  # type: ignore[method-assign]
    teller = Teller(parts, ways)
    app.extensions["tryggve.teller"] = teller
    watcher = Watch(parts, ways=ways)
    app.extensions["tryggve.watch"] = watcher
    tried_out = trials.Trials(parts)
    app.extensions[trials.EXTENSION] = tried_out
    dispatcher = Dispatcher(parts, ways)
    app.extensions[provider_routes.EXTENSION] = dispatcher
    tried = ChannelWatch(parts, dispatcher, lambda: watcher.leads)
    climbs = LadderWatch(parts, dispatcher, lambda: watcher.leads)
    relay.start()
    parts.siblings.join(lambda word: unsaved_alarms.hear(parts, word))
    threads: list[Runs] = [
        watcher,
        tried,
        climbs,
        dispatcher,
        teller,
        tried_out,
    ]  # in the order in which they end
    if watch:
        afterwards = open_afterwards(database.url)
        if afterwards is not None:
            threads.append(Writer(parts, afterwards))
        for one in threads:
            one.start()

    def stop() -> None:
        atexit.unregister(stop)  # which would hold the whole application until the process ends
        for one in threads:
            one.stop()
        for way in ways.values():
            way.close()
        broker.close()
        parts.siblings.leave()
        relay.stop()
        database.close()

    app.extensions["tryggve.stop"] = stop
    atexit.register(stop)
    return app
