"""Hashing passwords as the sign-in does, without a running server.

Not for: checking them (Flask-Security does, at the sign-in).
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from flask_security import Security, SQLAlchemySessionUserDatastore
from flask_security.utils import hash_password

from web.staff.core.config import StaffConfig
from web.staff.core.secret_files import SESSION, SecretFiles
from web.staff.signin.auth import hashing_settings
from web.staff.signin.models import RoleRow, User, make_sessions
from web.staff.storage.database import Database, parse_url


def make_hasher(config: StaffConfig, secrets: SecretFiles) -> Callable[[str], str]:
    """A function from password to stored hash (argon2, with the installation's pepper).  Raises
    `SecretError`."""
    app = Flask("web.staff.signin.passwords")
    app.config.update(SECRET_KEY=secrets.read(SESSION), **hashing_settings(secrets))
    sessions = make_sessions(Database(parse_url(config.database)))
    Security(app, SQLAlchemySessionUserDatastore(sessions, User, RoleRow), register_blueprint=False)

    def hasher(password: str) -> str:
        with app.app_context():
            return str(hash_password(password))

    return hasher
