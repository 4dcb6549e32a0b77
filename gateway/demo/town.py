"""The town of the demo: its homes, its accounts, and the plan of a caregiver's rounds.

What an administrator would give to `tryggve staff`, word for word: the commands, and the file that
`plan import` reads; and each home's own file.  Nobody here is real.

Not for: running anything (`stage`).
"""

from __future__ import annotations

import csv
import io
import secrets
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path

ORGANISATION = "demo"
TEAM, AREA = "Björklaget", "Björkgatan"

DAYS = 7
"""Days of the plan: at the demo's own speed they last longer than anybody watches."""

OPEN_MIN = 90
"""Minutes before and after a planned visit in which its door opens.  More than a real one's: at the
demo's speed an hour passes while somebody looks for the phone page.  With it the first home's door
opens at any hour of `ROUND`, and no visit begins so far from its plan that it is not taken for it
(`web.staff.visits.followup.REACH`)."""

GRACE_H = 30 * 24
"""Real hours in which a password alone is enough: whoever looks at the demo has no time to set up a
passkey for each role, and may do so to see it."""

LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Of a password that somebody types on a phone: none looks like another."""


@dataclass(frozen=True, slots=True)
class Dwelling:
    """A home and who lives there."""

    id: str
    label: str
    address: str
    resident: str
    name: str
    fallback: str = "Nyckelskåp vid entrén. Ring nattpatrullen om det inte går."


HOME = Dwelling("h1", "Lgh 1001", "Björkgatan 3", "r1", "Demo Demosson")
NEIGHBOUR = Dwelling("h2", "Lgh 1102", "Björkgatan 7", "r2", "Prova Provdotter")


@dataclass(frozen=True, slots=True)
class Account:
    """A demo account.  `look` is where its day happens: pages, as the menu calls them."""

    email: str
    name: str
    roles: tuple[str, ...]
    look: str
    password: str
    number: str
    """Of the phone: one that Sweden keeps for stories (PTS), and that nobody has."""


def accounts() -> list[Account]:
    """Who can sign in: one for each role.  All have one password, made up at each start."""
    groups = ("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(4))
    password = "-".join(groups)
    people = (
        ("caregiver", "hemtjanst", "Hemtjänsten", "Mitt pass, Besök"),
        ("night_watcher", "natt", "Nattpatrullen", "Nattillsyn, Nu"),
        ("coordinator", "samordnare", "Samordnaren", "Besök, Personal"),
        ("technician", "tekniker", "Teknikern", "Nu, Hem"),
        ("administrator", "admin", "Administratören", "Personal, Hem"),
    )
    return [
        Account(f"{who}@demo.example", name, (role,), look, password, f"+467017406{5 + place:02}")
        for place, (role, who, name, look) in enumerate(people)
    ]


# --- the plan -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Planned:
    """One visit of each day: local times, what is to be done; `team`: for whoever of the team goes,
    else for the caregiver; `two`: together with the night watcher."""

    home: Dwelling
    since: time
    until: time
    what: str
    team: bool = False
    two: bool = False


ROUND = (
    Planned(HOME, time(1), time(1, 15), "Tillsyn", team=True),
    Planned(HOME, time(3), time(3, 15), "Tillsyn", team=True),
    Planned(HOME, time(6), time(6, 15), "Morgonmedicin"),
    Planned(NEIGHBOUR, time(7), time(7, 30), "Morgonhjälp"),
    Planned(HOME, time(8), time(8, 45), "Morgonhjälp", two=True),
    Planned(HOME, time(11, 30), time(12), "Lunch"),
    Planned(NEIGHBOUR, time(12, 15), time(12, 40), "Lunch"),
    Planned(HOME, time(14, 30), time(14, 50), "Fika"),
    Planned(NEIGHBOUR, time(16), time(16, 25), "Middag"),
    Planned(HOME, time(16, 45), time(17, 15), "Middag"),
    Planned(HOME, time(19), time(19, 20), "Kvällsmat och medicin"),
    Planned(HOME, time(22), time(22, 45), "Kvällshjälp"),
    Planned(NEIGHBOUR, time(23), time(23, 20), "Kvällsmedicin", team=True),
)
"""A day's visits by time."""


def plan(evening: datetime) -> str:
    """The plan as CSV for `tryggve staff plan import`: from the round of `evening` (local time) on,
    for `DAYS` days.  What was over by then is not in it: nobody could have made it."""
    wall = evening.replace(tzinfo=None)
    caregiver, watcher = "hemtjanst@demo.example", "natt@demo.example"
    text = io.StringIO()
    rows = csv.writer(text, delimiter=";", lineterminator="\n")
    rows.writerow(("id", "hem", "start", "slut", "insats", "personal", "grupp", "antal"))
    for day in (wall.date() + timedelta(days=n) for n in range(DAYS + 1)):
        for one in ROUND:
            if datetime.combine(day, one.until) <= wall:
                continue
            people = "" if one.team else f"{caregiver} {watcher}" if one.two else caregiver
            rows.writerow(
                (
                    f"{one.home.id}-{day}-{one.since:%H%M}",
                    one.home.id,
                    f"{day} {one.since:%H:%M}",
                    f"{one.until:%H:%M}",
                    one.what,
                    people,
                    TEAM if one.team else "",
                    2 if one.two else 1,
                )
            )
    return text.getvalue()


# --- the homes ------------------------------------------------------------------------------------

BARE_TOML = """\
[home]
id = "{home}"
timezone = "Europe/Stockholm"
resident = "{resident}"

[staff]
url = "{url}"

[gpio]
factory = "mock"

[web]
port = {home_port}
"""
"""What an image knows: which home, which server, whose pins."""

DEVICES_TOML = """
# A virtual home of the demo: a mat under the bed's mattress and one beside the bed, a detector in
# the bathroom, a lock and a contact on the front door, a pendant, a button and a lamp.
[devices.bed]
driver = "mat_gpio"
role = "bed"
room = "bedroom"
pin = {pin}

[devices.floor]
driver = "mat_gpio"
role = "floor"
room = "bedroom"
pin = {floor_pin}

[devices.bathroom]
driver = "motion_gpio"
role = "motion"
room = "bathroom"
pin = {bathroom_pin}

[devices.front]
driver = "door_gpio"
role = "front_door"
room = "hall"
pin = {front_pin}

[devices.pendant]
driver = "bthome"
role = "pendant"
address = "{pendant_address}"

[devices.answer]
driver = "button_gpio"
role = "button"
room = "kitchen"
pin = {answer_pin}

[devices.lamp]
driver = "indicator"
room = "kitchen"
light_pin = {light_pin}
tone_pin = {tone_pin}

[devices.door]
driver = "{front_lock}"
role = "front_door"
room = "hall"

[checks.night]
times = ["23:00", "02:30", "05:00"]
"""

SOUND_TOML = """
# A speaker that nobody hears, and the lamp that says when somebody listens.
[devices.ear]
driver = "indicator"
role = "listening"
room = "kitchen"
light_pin = {ear_pin}

[devices.speaker]
driver = "speakerphone"
room = "kitchen"
system = "files"
playback = "/dev/null"
"""
"""What a home has beside that to be spoken with: releases before 0.2 do not know it."""

LOOK_TOML = """
# A drawn camera in the bedroom behind a flap, and the lamp that says when somebody looks.
[devices.eye]
driver = "camera_virtual"
room = "bedroom"
picture = "{picture}"
scene = "{scene}"
shutter_pin = {servo_pin}
shutter_switch_pin = {flap_pin}

[devices.look]
driver = "indicator"
role = "looking"
room = "bedroom"
light_pin = {look_pin}
"""
"""What a home has beside that to be looked into: releases before 0.2 do not know it either."""

MORE_DOORS = (("door_store", "store_door"), ("door_terrace", "terrace_door"))
"""Id and role of the first home's other doors; a make of lock beyond them gets one by its name."""


FRONT_LOCK = "lock_nuki"
"""The make on the first home's front door."""


def more_doors() -> str:
    """A door for each other make of lock that there is: no list knows the makes."""
    from drivers.virtual import twins

    others = [name for name in twins() if name != FRONT_LOCK]
    doors = []
    for place, driver in enumerate(others):
        by_make = (f"door_{driver.removeprefix('lock_')}", "door")
        device, role = MORE_DOORS[place] if place < len(MORE_DOORS) else by_make
        doors.append(f'\n[devices.{device}]\ndriver = "{driver}"\nrole = "{role}"\n')
    return "".join(doors)


def bare_toml(home: Dwelling, url: str, page_port: int) -> str:
    """A home's configuration before anybody has installed anything."""
    return BARE_TOML.format(home=home.id, resident=home.resident, url=url, home_port=page_port)


def home_toml(
    home: Dwelling,
    url: str,
    page_port: int,
    *,
    sound: bool = True,
    scene: Path | None = None,
) -> str:
    """A home's configuration; the first home has a door of each make of lock.  `sound`: it can be
    spoken with.  `scene` is the file that tells its camera where the resident is (None: it has no
    camera, and every release knows what is in it, without `sound` too).  The neighbour's camera
    shows outlines."""
    from gateway.demo import home as virtual

    form = BARE_TOML + DEVICES_TOML
    form += (SOUND_TOML if sound else "") + (LOOK_TOML if scene else "")
    form += more_doors() if home is HOME else ""
    return form.format(
        front_lock=FRONT_LOCK,
        home=home.id,
        resident=home.resident,
        url=url,
        home_port=page_port,
        pin=virtual.MAT_PIN,
        floor_pin=virtual.FLOOR_PIN,
        bathroom_pin=virtual.BATHROOM_PIN,
        front_pin=virtual.FRONT_PIN,
        answer_pin=virtual.ANSWER_PIN,
        light_pin=virtual.LIGHT_PIN,
        tone_pin=virtual.TONE_PIN,
        ear_pin=virtual.EAR_PIN,
        look_pin=virtual.LOOK_PIN,
        servo_pin=virtual.SERVO_PIN,
        flap_pin=virtual.FLAP_PIN,
        scene=scene,
        picture="normal" if home is HOME else "edges",
        pendant_address=virtual.PENDANT_ADDRESS,
    )


# --- the commands ---------------------------------------------------------------------------------


def commands(clock: Path, people: list[Account], plan_file: Path | None) -> list[list[str]]:
    """What sets the server up, as words after `tryggve staff`; the passwords are asked for in the
    order of `people`.  With `plan_file` (it lies there already) the neighbour's home, the team and
    the plan too."""
    lines = [["init", "--plain-http", "--clock", str(clock)], _home(HOME)]
    lines.append(["org", "grace", ORGANISATION, str(GRACE_H)])
    homes = [HOME]
    if plan_file is not None:
        lines.append(_home(NEIGHBOUR))
        homes.append(NEIGHBOUR)
    for account in people:
        given = [word for role in account.roles for word in ("--role", role)]
        where = [word for home in homes for word in ("--home", home.id)]
        add = ["user", "add", account.email, "--name", account.name, "--org", ORGANISATION]
        lines.append([*add, *given, *where, "--password-stdin"])
    if plan_file is not None:
        org = ("--org", ORGANISATION)
        team = [one.email for one in people if {"caregiver", "night_watcher"} & {*one.roles}]
        lines += [
            ["area", "add", AREA, *org],
            ["area", "put", AREA, *(home.id for home in homes), *org],
            ["team", "add", TEAM, *org],
            ["team", "cover", TEAM, AREA, *org],
            ["team", "join", TEAM, *team, *org],
            ["plan", "import", str(plan_file), *org],
        ]
    return lines + [["enroll-code", home.id] for home in homes]


def reach(people: list[Account]) -> list[list[str]]:
    """Where alarms reach whom, as words after `tryggve staff`: a number for each, a ladder that
    climbs while one looks, and whom the home tells without its server."""
    lines = [["ways", "add", one.email, "--sms", one.number] for one in people]
    ladder = ["ladder", "add", "Natt", "--org", ORGANISATION, "--severity", "care"]
    for step in LADDER:
        ladder += ["--step", str(STEP_S), *step]
    watcher, carer = (
        next(one for one in people if role in one.roles) for role in ("night_watcher", "caregiver")
    )
    told = [f"{one.email}={one.number}" for one in (watcher, carer)]
    return [*lines, ladder, ["second-path", "set", HOME.id, *told, "--wait-s", str(STEP_S)]]


STEP_S = 30
"""Seconds of a step in the demo, the fewest that a ladder may have: somebody is watching."""

LADDER = (("role:night_watcher",), ("role:caregiver",), ("role:coordinator",))
"""Who is told in the demo, step by step."""

STEPS = {
    "init": "the server's folder, its keys and an empty database",
    "home": "the home {2}",
    "org": "how long a password alone does",
    "user": "an account for {2}",
    "area": "an area and who works there",
    "team": "an area and who works there",
    "plan": "a plan for a week of visits",
    "ways": "where alarms reach whom, and a ladder",
    "ladder": "where alarms reach whom, and a ladder",
    "second-path": "where alarms reach whom, and a ladder",
    "enroll-code": "a code for each home's gateway",
}
"""What a line of `commands` does, by its first word; numbers are its words."""


def step_text(line: list[str]) -> str:
    """What a line of `commands` does, in words; some are one step together."""
    return STEPS[line[0]].format(*line)


def _home(home: Dwelling) -> list[str]:
    return [
        *("home", "add", home.id, "--label", home.label, "--address", home.address),
        *("--org", ORGANISATION, "--org-name", "Demokommunen"),
        *("--resident", home.resident, home.name, "--fallback", home.fallback),
    ]
