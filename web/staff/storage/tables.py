"""Every table of the staff server, on one `MetaData` (SQLAlchemy Core).

Six sorts:
- who and where: `organisation`, `home`, `resident`, `user`, `role`, `user_role`, `assignment`,
  `team`, `area` and their members.  Names of people live only here, and can be erased without
  touching an event;
- signing in: `passkey`, `session`, `failed_sign_in`;
- the link: `gateway_key`, `enrol_code`, `server_key`, `home_link`, `home_stream`,
  `lock_order`, `media_call`;
- the truth: `event` and `head`, and `urgent` (what came over the urgent lane and is not yet
  confirmed by its batch);
- what rings together: `mass_alarm` and `mass_alarm_member`;
- projections of the truth: `alarm`, `alarm_repeat`, `battery_point`, `night_check`, `visit`,
  `visit_declined`, `device`, `home_state`, `turn`, `door_code`, `service_request`, `set_aside`,
  `path_message`, `chain_test`, `check_plan`, `plan_state`, `home_config`, `config_state`,
  `ssh_hour`: each a fold over events, made by `web.staff.events.projections.rebuild`;
  `tryggve staff rebuild` makes them anew.

Every time column is aware UTC (`web.staff.storage.column_types.Utc`).  Not for: queries, or
deciding anything.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.ext.mutable import MutableList

from gateway.events import ACCESS_KINDS
from web.staff.storage.column_types import CommaList, Utc

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# --- who and where --------------------------------------------------------------------------------

organisation = Table(
    "organisation",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    # hours from an account's first sign-in in which a password alone is enough; 0: never
    Column("factor_grace_h", Integer, nullable=False, server_default=text("24")),
    # days that positions are kept (`web.staff.places.retaining`)
    Column("position_retain_days", Integer, nullable=False, server_default=text("3")),
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
)

assignment = Table(
    "assignment",
    metadata,
    Column("user_id", Integer, ForeignKey("user.id", ondelete="CASCADE"), primary_key=True),
    Column("home_id", Text, ForeignKey("home.id"), primary_key=True, index=True),
)

# --- signing in -----------------------------------------------------------------------------------


def _naive_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


passkey = Table(
    "passkey",
    metadata,
    # the columns are Flask-Security's; its times are naive UTC
    Column("id", Integer, primary_key=True),
    Column(
        "user_id", Integer, ForeignKey("user.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    Column("credential_id", LargeBinary, nullable=False, unique=True),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False, server_default=text("0")),
    Column("transports", CommaList),
    Column("extensions", Text),
    Column("backup_state", Boolean, nullable=False),
    Column("device_type", Text, nullable=False),
    Column("lastuse_datetime", DateTime, nullable=False),
    Column("create_datetime", DateTime, nullable=False, default=_naive_now),
    Column("name", Text, nullable=False),  # what its owner calls it
    Column("usage", Text, nullable=False),
)

session = Table(
    "session",
    metadata,
    # one signed-in browser; all times are real
    Column("id", Text, primary_key=True),  # SHA-256 of what is in the browser's cookie
    Column(
        "user_id", Integer, ForeignKey("user.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    Column("factor", Text, nullable=False),  # a `web.staff.signin.sessions.Factor`
    Column("began_at", Utc, nullable=False),
    Column("ends_at", Utc, nullable=False),
    Column("seen_at", Utc, nullable=False),
    Column("browser", Text, nullable=False),  # "Chrome, Android": for its owner to know it again
    Column("browser_sha256", Text, nullable=False),  # keyed; another browser ends the session
    Column("address_sha256", Text, nullable=False),  # keyed; where it was seen last
    Column(
        "network", Text, nullable=False, server_default=text("''")
    ),  # `192.0.2.x`, for its owner
    Column("ended_at", Utc),  # None: not ended by hand
)

failed_sign_in = Table(
    "failed_sign_in",
    metadata,
    # what was tried and failed; bounded by `web.staff.signin.failed_attempts`; all times are real
    Column("id", Integer, primary_key=True),
    Column("account_sha256", Text, nullable=False),  # keyed; also of addresses that are no account
    Column("user_id", Integer, ForeignKey("user.id", ondelete="CASCADE"), index=True),
    Column("what", Text, nullable=False),  # a `web.staff.signin.failed_attempts.What`
    Column("at", Utc, nullable=False),
    Column("device_sha256", Text),  # the browser, when the account had used it; None: a strange one
    Column("browser", Text, nullable=False),
    Column("network", Text, nullable=False),
    Column("forgiven", Boolean, nullable=False, server_default=text("false")),  # counts no more
    Index("ix_failed_sign_in_account", "account_sha256", "at"),
)

# --- teams and areas ------------------------------------------------------------------------------
# Who is in a team is assigned to every home of the areas that the team covers.

team = Table(
    "team",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("org_id", Text, ForeignKey("organisation.id"), nullable=False),
    Column("name", Text, nullable=False),
    UniqueConstraint("org_id", "name"),
)

area = Table(
    "area",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("org_id", Text, ForeignKey("organisation.id"), nullable=False),
    Column("name", Text, nullable=False),
    UniqueConstraint("org_id", "name"),
)

team_member = Table(
    "team_member",
    metadata,
    Column("team_id", Integer, ForeignKey("team.id", ondelete="CASCADE"), primary_key=True),
    Column(
        "user_id", Integer, ForeignKey("user.id", ondelete="CASCADE"), primary_key=True, index=True
    ),
)

team_area = Table(
    "team_area",
    metadata,
    Column("team_id", Integer, ForeignKey("team.id", ondelete="CASCADE"), primary_key=True),
    Column(
        "area_id", Integer, ForeignKey("area.id", ondelete="CASCADE"), primary_key=True, index=True
    ),
)

area_home = Table(
    "area_home",
    metadata,
    Column("home_id", Text, ForeignKey("home.id"), primary_key=True),  # a home is in one area
    Column(
        "area_id", Integer, ForeignKey("area.id", ondelete="CASCADE"), nullable=False, index=True
    ),
)

# --- the link -------------------------------------------------------------------------------------

gateway_key = Table(
    "gateway_key",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("home_id", Text, ForeignKey("home.id"), nullable=False, index=True),
    Column("public_key", Text, nullable=False),  # PEM, Ed25519
    Column("sha256", Text, nullable=False),  # of the PEM, as in `home.enrolled`
    Column("origin", Text, nullable=False),  # the origin that the gateway was told to begin with
    Column("version", Text, nullable=False),
    Column("enrolled_at", Utc, nullable=False),
    Column("revoked_at", Utc),
    # one gateway a home: an older key is void
    Index(
        "uq_gateway_key_valid",
        "home_id",
        unique=True,
        sqlite_where=text("revoked_at IS NULL"),
        postgresql_where=text("revoked_at IS NULL"),
    ),
)

enrol_code = Table(
    "enrol_code",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("home_id", Text, ForeignKey("home.id"), nullable=False, index=True),
    Column("code_hash", Text, nullable=False, unique=True),  # keyed hash; the code is shown once
    Column("created_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=False),
    Column("used_at", Utc),
)

server_key = Table(
    "server_key",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("public_key", Text, nullable=False),  # PEM; the private part is a secret file
    Column("created_at", Utc, nullable=False),
    Column("retired_at", Utc),
)

home_link = Table(
    "home_link",
    metadata,
    Column("home_id", Text, ForeignKey("home.id"), primary_key=True),
    Column("heard_at", Utc),  # real time, also in the demo; None: never
    Column("down_have", BigInteger, nullable=False, server_default=text("0")),  # of `staff:<home>`
    Column("behind", BigInteger),  # events that it still has to tell; None: it never said
)

home_stream = Table(
    "home_stream",
    metadata,
    # which homes listen now, at which worker (PostgreSQL; one worker knows by itself)
    Column("id", Text, primary_key=True),
    Column("home_id", Text, ForeignKey("home.id"), nullable=False, index=True),
    Column("seen_at", Utc, nullable=False),  # real time
)

lock_order = Table(
    "lock_order",
    metadata,
    # an order to turn a lock that went to another worker and is not taken yet (PostgreSQL): who
    # deletes its row has it, so that what was told as not arrived is never given
    Column("id", Text, primary_key=True),  # random; the grant itself is in no table
    Column("home_id", Text, ForeignKey("home.id"), nullable=False),
    Column("made_at", Utc, nullable=False),  # real time
)

media_call = Table(
    "media_call",
    metadata,
    # a call with a home while it is begun and goes on, for the page that began it: no projection,
    # and gone after a day; who listened is in the events
    Column("id", Text, primary_key=True),  # random: the permit's
    Column("home_id", Text, ForeignKey("home.id"), nullable=False, index=True),
    Column("alarm", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("state", Text, nullable=False),  # asked answered begun ended refused
    Column("why", Text, nullable=False),
    Column("answer", Text, nullable=False),  # the home's end, until the call is over
    Column("made_at", Utc, nullable=False),  # real time
    Column("until", Utc, nullable=False),  # real time: over then, whatever the home says
)

# --- the truth ------------------------------------------------------------------------------------
# The body is text on both databases: it is byte for byte what the hash seals.  JSONB would rewrite
# numbers and refuses the character 0, and an event is never refused for what is in it.  In
# PostgreSQL `body::jsonb` reads it.

ACCESS_SQL = "kind IN ({})".format(", ".join(f"'{kind}'" for kind in sorted(ACCESS_KINDS)))
"""Which events the access log shows, as the index says it: a query must say it in the same words
to use the index."""

event = Table(
    "event",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    # None: origin `staff`, or set aside; no foreign key: an event outlives everything
    Column("home_id", Text),
    Column("at", Utc, nullable=False),  # as the writer wrote it
    Column("corrected_at", Utc, nullable=False),  # moved by the offset of the boot's clock.synced
    Column("kind", Text, nullable=False),
    Column("device", Text),
    Column("person", Text),
    Column("boot", Text, nullable=False),
    Column("synced", Boolean, nullable=False),  # False: `at` came from an unsynced clock
    Column("body", Text, nullable=False),  # canonical JSON without the hash
    Column("hash", LargeBinary, nullable=False),
    Column("received_at", Utc, nullable=False),
    # a `web.staff.events.judgement.Mark`; one that is refused has the kind `refused`, whatever its
    # body says, no person, and the server's time
    Column("mark", Text),
    # the latest events of a home
    Index("ix_event_home_latest", "home_id", "corrected_at", "origin", "seq"),
    # the access log: `gateway.events.ACCESS_KINDS`
    Index(
        "ix_event_access",
        "home_id",
        "corrected_at",
        sqlite_where=text(ACCESS_SQL),
        postgresql_where=text(ACCESS_SQL),
    ),
    # correcting a boot's times
    Index(
        "ix_event_unsynced",
        "origin",
        "boot",
        sqlite_where=text("NOT synced"),
        postgresql_where=text("NOT synced"),
    ),
)

head = Table(
    "head",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("home_id", Text),
    Column("seq", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("tampered", Boolean, nullable=False, server_default=text("false")),  # told already
)

urgent = Table(
    "urgent",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, primary_key=True),
    Column("home_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("received_at", Utc, nullable=False),
    # the batch brought another event with this number: both stay
    Column("orphan", Boolean, nullable=False, server_default=text("false")),
    Column("mark", Text),  # as in `event`
)

# --- what rings together --------------------------------------------------------------------------

mass_alarm = Table(
    "mass_alarm",
    metadata,
    # alarms of one kind in many homes of one organisation that rang as one
    Column("id", Text, primary_key=True),  # says nothing of any home
    Column("org_id", Text, ForeignKey("organisation.id"), nullable=False),
    Column("type", Text, nullable=False),  # an `AlarmType` with `Trait.COMMON_CAUSE`
    Column("began_at", Utc, nullable=False),  # when the first of its alarms was raised
    Column("last_at", Utc, nullable=False),  # when the newest was
    Column("back_at", Utc),  # since when most of its homes are heard again; None: they are not
    Column("mender", Text),  # the technician who is on it (a person's id)
    Column("mender_at", Utc),
    Column("ended_at", Utc),  # its alarms stand for themselves from then on; None: it goes on
    Index(
        "ix_mass_alarm_running",
        "org_id",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)

mass_alarm_member = Table(
    "mass_alarm_member",
    metadata,
    Column("mass_id", Text, ForeignKey("mass_alarm.id"), primary_key=True),
    Column("alarm", Text, primary_key=True, index=True),  # its id in `alarm`
    Column("home_id", Text, nullable=False),
    Column("joined_at", Utc, nullable=False),
    # whether it rings where others of the same are taken: it was there when somebody took them
    Column("rings", Boolean, nullable=False),
    Index("ix_mass_alarm_member_home", "home_id"),
)

# --- projections ----------------------------------------------------------------------------------
# Urgent events overtake older ones, so a row may be begun by an event that is not its first: what
# has not been seen yet is NULL.

alarm = Table(
    "alarm",
    metadata,
    Column("id", Text, primary_key=True),  # its reference; `<reference>~<hash>` of an orphan
    Column("ref", Text, nullable=False, index=True),
    Column("home_id", Text, nullable=False),
    Column("type", Text),  # an `AlarmType` or an unknown word; None: only what followed was seen
    Column("severity", Text),  # a `gateway.events.Severity`
    Column("device", Text),
    Column("person", Text),
    Column("since", Utc),  # since when the condition holds
    Column("raised_at", Utc),
    Column("acknowledged_by", Text),  # who has it now: None again when that lapsed
    Column("acknowledged_at", Utc),
    Column("closed_at", Utc),
    Column("closed_by", Text),  # None: by itself
    Column("outcome", Text),  # an `AlarmOutcome`, or `cancelled`
    Column("reason", Text),  # of a cancellation
    # its way to a person (`gateway.events.alarm_way`), each the first time
    Column("sent_at", Utc),
    Column("delivered_at", Utc),
    Column("shown_at", Utc),
    Column("first_acknowledged_at", Utc),  # stays when it lapsed
    Column("departed_at", Utc),
    Column("departed_by", Text),
    Column("arrived_at", Utc),  # when the server learned of it; the visit has the time
    Column("arrived_by", Text),
    Column("arrived_visit", Text),
    # of these the newest, by the number of the server's event about the home
    Column("acknowledged_seq", BigInteger),
    Column("lapsed_at", Utc),
    Column("lapsed_by", Text),
    Column("lapsed_seq", BigInteger),
    Column("step", Integer),  # of the ladder, from 1
    Column("round", Integer),
    Column("escalated_seq", BigInteger),
    Column("finding", Text),  # an `AlarmFinding`
    Column("explained_by", Text),
    Column("explained_seq", BigInteger),
    Index("ix_alarm_raised", "raised_at"),
    Index("ix_alarm_home", "home_id", "raised_at"),
    Index(
        "ix_alarm_open",
        "home_id",
        "raised_at",
        sqlite_where=text("closed_at IS NULL"),
        postgresql_where=text("closed_at IS NULL"),
    ),
)

alarm_repeat = Table(
    "alarm_repeat",
    metadata,
    # an open alarm's cause came again
    Column("id", Text, primary_key=True),  # the reference of its alarm.repeated
    Column("home_id", Text, nullable=False),
    Column("alarm", Text),  # the alarm's `ref`
    Column("at", Utc),
    Index("ix_alarm_repeat_alarm", "alarm"),
    Index("ix_alarm_repeat_home", "home_id"),
)

battery_point = Table(
    "battery_point",
    metadata,
    # what a device told of its battery, for its history and the forecast
    Column("id", Text, primary_key=True),  # the reference of its event
    Column("home_id", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("at", Utc, nullable=False),
    Column("level_pct", Integer),  # None: it tells only whether it is low
    Column("low", Boolean),  # None: told between, when it was neither low nor changed
    Index("ix_battery_point_device", "home_id", "device", "at"),
)

night_check = Table(
    "night_check",
    metadata,
    Column("home_id", Text, primary_key=True),
    Column("check", Text, primary_key=True),  # `<plan>@<UTC minute>`
    # planned due asked started answered done missed unreported escalated withdrawn
    Column("state", Text, nullable=False),
    Column("state_at", Utc, nullable=False),
    Column("slot", Utc),
    Column("report_by", Utc),
    Column("asked_at", Utc),
    Column("asked_ref", Text),  # the `check.asked` that asked last
    Column("answer_by", Utc),
    Column("attempt", Integer),
    Column("why", Text),  # of the last asked, missed or escalated
    Column("started_by", Text),
    Column("started_at", Utc),
    Column("answered_by", Text),
    Column("answered_at", Utc),
    Column("finding", Text),
    Column("looked", Text),
    Column("done_by", Text),  # `sensor` or `watcher`
    Column("closed_at", Utc),  # when done, missed, escalated or withdrawn
    Column("unreported_at", Utc),  # the server missed its report; stays when it comes later
    Column("closed_ref", Text),  # the event that closed it
    Column("before_by", Text),  # who had it before, without an answer
    Column("before_at", Utc),  # when that ended
    Column("before_why", Text),  # `lapsed` or `taken_over`
    Column("visit_asked_at", Utc),  # the server said that somebody must go there
    Column("visit_why", Text),
    Column("visit_by", Text),  # who goes
    Column("visit_by_at", Utc),
    Column("settled_at", Utc),  # told by hand: nobody needs to go
    Column("settled_by", Text),
    Column("settled_why", Text),  # a `gateway.events.Settled`
    Column("settled_ref", Text),  # the words beside it: `visit_note`
    Column("look", Text),  # the newest look for it
    Column("look_by", Text),
    Column("look_state", Text),  # permitted begun ended refused
    Column("look_at", Utc),
    Column("look_why", Text),  # of one that ended or was refused
    Column("look_pictures", Integer),
    Index("ix_night_check_slot", "home_id", "slot"),
    Index("ix_night_check_night", "slot"),
    Index(
        "ix_night_check_open",
        "report_by",
        sqlite_where=text("closed_at IS NULL"),
        postgresql_where=text("closed_at IS NULL"),
    ),
)

visit = Table(
    "visit",
    metadata,
    Column("id", Text, primary_key=True),  # the reference of its visit.started
    Column("home_id", Text, nullable=False),
    Column("person", Text),
    Column("since", Utc),
    Column("since_source", Text),  # a `gateway.events.Stamp`
    Column("until", Utc),
    Column("until_source", Text),
    Column("overdue", Boolean, nullable=False, server_default=text("false")),
    Column("corrected_since", Utc),  # the original stays beside it
    Column("corrected_until", Utc),
    Column("corrected_by", Text),
    Column("correction_reason", Text),
    Column("corrected_ref", Text),  # the newest correction; a note may stand beside it
    Column("approved_by", Text),
    Column("approved_at", Utc),
    Index("ix_visit_home", "home_id", "since"),
    Index("ix_visit_person", "person", "since"),
    Index(
        "ix_visit_open",
        "home_id",
        sqlite_where=text("until IS NULL"),
        postgresql_where=text("until IS NULL"),
    ),
)

visit_declined = Table(
    "visit_declined",
    metadata,
    Column("id", Text, primary_key=True),  # the reference of its visit.declined
    Column("home_id", Text, nullable=False),
    Column("person", Text),
    Column("at", Utc, nullable=False),
    Column("why", Text, nullable=False),  # a `gateway.events.Undone`
    Column("planned", Text),  # a `plan_visit`; None: the home had no plan
    Index("ix_visit_declined_home", "home_id", "at"),
)

device = Table(
    "device",
    metadata,
    Column("home_id", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("present", Boolean, nullable=False),  # in the newest home.described
    Column("driver", Text),
    Column("type", Text),  # sensor lock indicator speaker; None: not described
    Column("role", Text),
    Column("room", Text),
    Column("state", Text, nullable=False),  # pressed released open closed unlocked … unknown
    Column("state_at", Utc),
    Column("state_origin", Text),
    Column("state_seq", BigInteger),
    Column("health", Text, nullable=False),  # ok offline failed asleep
    Column("health_at", Utc),
    Column("health_origin", Text),
    Column("health_seq", BigInteger),
    Column("health_text", Text),
    Column("battery", Text, nullable=False),  # ok low unknown
    Column("battery_pct", Integer),
    Column("battery_at", Utc),
    Column("battery_origin", Text),
    Column("battery_seq", BigInteger),
)

home_state = Table(
    "home_state",
    metadata,
    Column("home_id", Text, primary_key=True),
    Column("in_bed", Text, nullable=False),  # on off unknown
    Column("bed_since", Utc),
    Column("bed_origin", Text),
    Column("bed_seq", BigInteger),
    Column("clock", Text, nullable=False),  # synced unsynced unknown
    Column("version", Text),
    Column("started_at", Utc),
    Column("run_origin", Text),
    Column("run_seq", BigInteger),
    Column("resident", Text),  # the person id, as the home told it
    Column("described_origin", Text),
    Column("described_seq", BigInteger),
    Column("described_at", Utc),
    Column("power", Text, nullable=False),  # mains battery unknown
    Column("power_at", Utc),
    Column("power_origin", Text),
    Column("power_seq", BigInteger),
    Column("page_url", Text),  # of the page that the Pi serves; None: it told of none
    Column("page_fingerprint", Text),  # SHA-256 of its certificate, in hexadecimal
    Column("page_key", Text),  # of its run: codes are told with it; None: in the first form
    Column("page_origin", Text),
    Column("page_seq", BigInteger),
    Column("memory_since", Utc),  # the log is in memory since then; None: on the home's disk
    Column("memory_origin", Text),
    Column("memory_seq", BigInteger),
    Column("silent_since", Utc),  # None: not silent
    Column("silent_alarm", Text),  # the alarm that stands for the silence
    Column("visits_locked_before", Utc),  # nothing changes in visits that began earlier
)

turn = Table(
    "turn",
    metadata,
    Column("grant", Text, primary_key=True),
    Column("home_id", Text, nullable=False),
    Column("device", Text),
    Column("person", Text),
    Column("action", Text),  # unlock lock
    Column("reason", Text),
    Column("issued_at", Utc),
    Column("expires_at", Utc),
    # issued requested waking connecting turning asking ended refused
    Column("step", Text, nullable=False),
    Column("step_at", Utc, nullable=False),
    Column("outcome", Text),  # a `LockOperationOutcome`; None: not ended
    Column("why", Text),  # of a failure, or a `Refusal`
    Column("took_s", Float),
    Index("ix_turn_home", "home_id", "issued_at"),
    Index("ix_turn_expires", "expires_at"),
)

door_code = Table(
    "door_code",
    metadata,
    # one-time codes for doors without a network; the digits are nowhere
    Column("id", Text, primary_key=True),
    Column("home_id", Text, nullable=False),
    Column("person", Text),
    Column("device", Text),
    Column("number", Integer),  # its first two digits
    Column("kid", Text),  # the server's key that its hash was made with
    Column("seq", BigInteger),  # of its newest telling: whether the home has it
    Column("page_key", Text),  # of the run that it was told with; None: in the first form
    Column("not_before", Utc),
    Column("expires_at", Utc),
    Column("ended_at", Utc),  # used, refused or revoked
    Index("ix_door_code_home", "home_id", "expires_at"),
    Index("ix_door_code_expires", "expires_at"),
)

service_request = Table(
    "service_request",
    metadata,
    # a technician's request to turn a lock, and what became of it
    Column("id", Text, primary_key=True),  # the reference of its grant.requested
    Column("home_id", Text, nullable=False),
    Column("person", Text),
    Column("device", Text),
    Column("action", Text),  # unlock lock
    Column("why", Text),  # a code
    Column("asked_at", Utc),
    Column("answer", Text),  # the newest grant.approved or grant.refused; None: not answered
    Column("answered_by", Text),
    Column("answered_at", Utc),
    Column("until", Utc),  # the approval's end; None: not answered, refused, or taken back
    Index("ix_service_request_home", "home_id", "asked_at"),
    Index("ix_service_request_asked", "asked_at"),
)

set_aside = Table(
    "set_aside",
    metadata,
    # a request that an event be neither shown nor counted, and what became of it
    Column("id", Text, primary_key=True),  # the reference of its event.aside_asked
    Column("home_id", Text, nullable=False),
    Column("event", Text),
    Column("why", Text),  # a code
    Column("asked_by", Text),
    Column("asked_at", Utc),
    Column("answer", Text),  # event.set_aside or event.aside_declined; None: it waits
    Column("answered_by", Text),
    Column("answered_at", Utc),
    Index("ix_set_aside_home", "home_id", "asked_at"),
)

storage_probe = Table(
    "storage_probe",
    metadata,
    # where the server tries whether its disk takes anything again (`storage.saving`)
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("filler", Text, nullable=False),
)

# what a home told by itself while it could not reach the server
path_message = Table(
    "path_message",
    metadata,
    Column("id", Text, primary_key=True),  # the reference of its `gateway.message_sent`
    Column("home_id", Text, nullable=False),
    Column("alarm", Text, index=True),
    Column("receiver", Text),  # a person id, or an `alarm_centre`
    Column("channel", Text),  # a `gateway.events.PathChannel`
    Column("attempt", Integer),
    Column("sent_at", Utc),
    Column("delivered_at", Utc),
    Column("failed_at", Utc),
    Column("why", Text),  # of a failure
    Column("answered_at", Utc),
)

# a home's last test alarm, and whether it could tell somebody by itself
chain_test = Table(
    "chain_test",
    metadata,
    Column("home_id", Text, primary_key=True),
    Column("test", Text),  # the reference of the last `gateway.test_sent`
    Column("test_origin", Text),
    Column("test_seq", BigInteger),
    Column("why", Text),  # a `gateway.events.TestWhy`
    Column("sent_at", Utc),
    Column("next_by", Utc),  # when the next one is sent at the latest
    Column("answered_at", Utc),  # of the last one; None: it is on its way through
    Column("broken", Text),  # channels that did not hold then, with commas between
    Column("passed_at", Utc),  # the last that the home called whole
    Column("hop", Text),  # where the last one stayed, as the home says
    Column("missed_at", Utc),  # the server said that a test is missing
    Column("missed_alarm", Text),
    Column("path", Text),  # `ready` or `failed`; None: the home says nothing of a way of its own
    Column("path_at", Utc),
    Column("path_origin", Text),
    Column("path_seq", BigInteger),
    Column("path_why", Text),
    Column("signal_pct", Integer),
)

# a home's plans of night checks, each as it was set
check_plan = Table(
    "check_plan",
    metadata,
    Column("home_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("set_at", Utc),
    Column("set_by", Text),  # a person id; None: on the server itself
    Column("set_seq", BigInteger),  # of its event: whether the home has it
    Column("terms", Text),  # a `gateway.events.PlanTerms` as JSON
)

# which of them the home holds, and whether looks were agreed to
plan_state = Table(
    "plan_state",
    metadata,
    Column("home_id", Text, primary_key=True),
    Column("held", Integer),  # the number that the home said last; 0: its file's; None: never
    Column("held_at", Utc),
    Column("held_looks", Boolean),  # whether the home knows that looks were agreed to
    Column("refused", Integer),  # the newest number that it refused
    Column("refused_at", Utc),
    Column("refused_why", Text),  # a `gateway.events.PlanRefusal`
    Column("looks_agreed", Boolean),  # as the server settled it; None: never
    Column("looks_at", Utc),
)

# what became of the release that a home was last to take, and its operating system's own updates
home_update = Table(
    "home_update",
    metadata,
    Column("home_id", Text, primary_key=True),
    Column("plan", Integer),  # a `release_plan`; None: none was ever wanted
    Column("version", Text),
    Column("state", Text),  # wanted off fetched begun refused held returned
    Column("state_at", Utc),
    Column("wanted_at", Utc),
    Column("why", Text),  # a `gateway.events.UpdateWhy`
    Column("missing", Text),  # what a release that was gone back from lacked
    Column("system_origin", Text),
    Column("system_seq", BigInteger),
    Column("system_at", Utc),
    Column("system_automatic", Boolean),
    Column("system_pending", Integer),
    Column("system_restart", Boolean),
    Column("system_ran_at", Utc),
)

# a home's configurations, each as it was set
home_config = Table(
    "home_config",
    metadata,
    Column("home_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("set_at", Utc),
    Column("set_by", Text),  # a person id; None: on the server itself
    Column("set_seq", BigInteger),  # of its event: whether the home has it
    Column("why", Text),  # a `gateway.events.ConfigWhy`
    Column("undoes", Integer),  # the number that it is like; 0: the home's file
    Column("text", Text),  # devices and rules, as JSON
)

# which of them holds in the home, as it said, and what it did not take
config_state = Table(
    "config_state",
    metadata,
    Column("home_id", Text, primary_key=True),
    Column("held", Integer),  # the number that the home said last; 0: its file; None: never
    Column("held_at", Utc),
    Column("file_text", Text),  # what its file said, when that held last
    Column("unpaired", Text),  # devices that must be paired, with commas between
    Column("refused", Integer),  # the newest number that it refused
    Column("refused_at", Utc),
    Column("refused_why", Text),  # a `gateway.events.ConfigFault`
    Column("refused_about", Text),  # a device or a rule
    Column("refused_field", Text),
    Column("refused_said", Text),  # the home's own sentence
    Column("waits", Integer),  # the number that it will take when something is over
    Column("waits_at", Utc),
    Column("waits_why", Text),  # a `gateway.events.ConfigWait`
)

# a home that was tried and accepted at its own page, without a server: where its word stands
home_trial = Table(
    "home_trial",
    metadata,
    Column("home_id", Text, primary_key=True),
    Column("origin", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("accepted_at", Utc),
)

# SSH for an hour: the newest wish, and what came of it
ssh_hour = Table(
    "ssh_hour",
    metadata,
    Column("home_id", Text, primary_key=True),
    Column("request", Text),  # its `ssh.wanted`
    Column("wanted_at", Utc),
    Column("wanted_by", Text),  # a person id
    Column("why", Text),  # a `gateway.events.SshWhy`
    Column("state", Text),  # `wanted`, `opened`, `closed` or `refused`
    Column("state_at", Utc),
    Column("state_why", Text),  # a `SshEnd`, or a `SshRefusal`
    Column("ended_by", Text),  # who wanted it closed before its hour was over
    Column("until", Utc),
    Column("fingerprint", Text),  # of the key that is let in
    Column("host_key", Text),
)

PROJECTIONS = (
    ssh_hour,
    home_trial,
    home_update,
    home_config,
    config_state,
    check_plan,
    plan_state,
    path_message,
    chain_test,
    alarm,
    alarm_repeat,
    battery_point,
    night_check,
    visit,
    visit_declined,
    device,
    home_state,
    turn,
    door_code,
    service_request,
    set_aside,
)
"""Tables that are folds over events and may be emptied and made anew."""
