"""Who and where: the organisation, its homes, who lives there, who works and where.

Names of people live only here, and can be erased without touching an event.  Not for: how somebody
signs in (`signing_in`), or who works with whom (`teams`).
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, Text, text
from sqlalchemy.ext.mutable import MutableList

from web.staff.storage.column_types import CommaList, Utc
from web.staff.storage.tables.base import metadata

organisation = Table(
    "organisation",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    # hours from an account's first sign-in in which a password alone is enough; 0: never
    Column("factor_grace_h", Integer, nullable=False, server_default=text("24")),
    # days that positions are kept (`web.staff.places.retaining`)
    Column("position_retain_days", Integer, nullable=False, server_default=text("3")),
    # whether who is in a group that gives a role gets an account at the first single sign-on
    Column("sign_on_adds", Boolean, nullable=False, server_default=text("false")),
)

home = Table(
    "home",
    metadata,
    Column("id", Text, primary_key=True),
    Column("org_id", Text, ForeignKey("organisation.id"), nullable=False, index=True),
    Column("label", Text, nullable=False),  # what staff call it: "Lgh 1203"
    Column("address", Text, nullable=False, server_default=text("''")),
    Column("timezone", Text, nullable=False),  # IANA name
    Column(
        "fallback", Text, nullable=False, server_default=text("''")
    ),  # what to do when nothing works
    # used no more: no person sees it but in administration, and no gateway of it is let in
    Column("closed_at", Utc),
    # somebody of protected identity lives here: nothing outside the pages says which home it is
    Column("protected", Boolean, nullable=False, server_default=text("false")),
)

resident = Table(
    "resident",
    metadata,
    Column("id", Text, primary_key=True),  # the person id used in events
    Column("home_id", Text, ForeignKey("home.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("moved_out_at", Utc),  # lives there no longer; the name stays with what was noted
)

user = Table(
    "user",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("person_id", Text, nullable=False, unique=True),  # `p7`: the `person` of events
    Column("org_id", Text, ForeignKey("organisation.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False, unique=True),
    Column("password", Text),  # argon2; None: cannot sign in with a password
    Column("active", Boolean, nullable=False),
    Column("fs_uniquifier", Text, nullable=False, unique=True),  # changing it ends all sessions
    Column("locale", Text, nullable=False, server_default=text("'sv'")),
    Column("created_at", Utc, nullable=False),
    # of Flask-Security: the second factor (encrypted) and the passkeys' user handle (random)
    Column("tf_primary_method", Text),
    Column("tf_totp_secret", Text),
    Column("mf_recovery_codes", MutableList.as_mutable(CommaList())),  # encrypted one by one
    Column("fs_webauthn_user_handle", Text),
    Column("tf_last_counter", Integer),  # of the last code used: none is taken twice
    Column("grace_from", Utc),  # real time of the first sign-in by password; None: none yet
    Column("sso_id", Text),  # what single sign-on calls this person; None: not by single sign-on
    Column("sso_issuer", Text),  # which provider calls it so; None: from before that was kept
    # grows with each change of what this person may do: open streams look at it
    Column("rights_version", Integer, nullable=False, server_default=text("0")),
    Index("uq_user_fs_webauthn_user_handle", "fs_webauthn_user_handle", unique=True),
    Index("uq_user_org_id_sso_id", "org_id", "sso_issuer", "sso_id", unique=True),
)

role = Table(
    "role",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),  # a `web.staff.core.rights.Role`
    Column("description", Text, nullable=False, server_default=text("''")),
)

user_role = Table(
    "user_role",
    metadata,
    Column("user_id", Integer, ForeignKey("user.id", ondelete="CASCADE"), primary_key=True),
    Column("role_id", Integer, ForeignKey("role.id", ondelete="CASCADE"), primary_key=True),
    # false: only a group of single sign-on gives it (`web.staff.people.group_rights`)
    Column("by_hand", Boolean, nullable=False, server_default=text("true")),
)

assignment = Table(
    "assignment",
    metadata,
    Column("user_id", Integer, ForeignKey("user.id", ondelete="CASCADE"), primary_key=True),
    Column("home_id", Text, ForeignKey("home.id"), primary_key=True, index=True),
)
