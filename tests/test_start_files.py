"""A home starts whatever the card made of its files; what is wrong is told, and nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.app.start_files import StartFiles
from gateway.config.held_config import THE_FILE, Held, KeptConfig
from gateway.config.home_file import HomeConfig, load, parse
from gateway.config.put_aside import DAMAGED_MAX, put_aside
from gateway.config.secrets import HOME_KEY, FileSecrets
from gateway.errors import ConfigError
from gateway.events import StandIn, StartFile
from gateway.link.enrolment import enroll
from tests.start_damage import DAMAGES, Damage, cut_off, deep, emptied, gone, taken_away, zeroed
from tests.test_enroll import CODE, answer
from tests.wireserver import WireServer

HOME = """
[home]
id = "h1"

[gpio]
factory = "mock"

[web]
enabled = false

[devices.bed]
driver = "mat_gpio"
role = "bed"
pin = 17

[devices.door]
driver = "lock_nuki"
role = "front_door"

[checks.night]
times = ["02:30"]
"""

names = pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    made = tmp_path / "state"
    made.mkdir()
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "home.toml"
    path.write_text(HOME)
    return path


@pytest.fixture
def enrolled(state: Path) -> Iterator[str]:
    """The state folder is of a home of this server's."""
    running = WireServer().start()
    running.enroll_answer = answer()
    enroll(running.url, CODE, state, FileSecrets(state))
    yield running.url
    running.stop()


def ran(state: Path, file: Path) -> None:
    """A start with good files, and its copies."""
    files = StartFiles(state, file)
    config = found(files)
    secrets = files.secrets(config)
    assert list(files.all_told()) == []
    files._keep(secrets, config)


def found(files: StartFiles) -> HomeConfig:
    assert files.found is not None
    return files.found.config


def told(files: StartFiles) -> list[tuple[StartFile, StandIn]]:
    return [(one.what, one.stand_in) for one in files.all_told()]


# --- the home's own file --------------------------------------------------------------------------


@names
def test_a_home_whose_file_is_spoilt_runs_with_its_copy(
    damage: Damage, state: Path, file: Path
) -> None:
    """All of it, as it was; the file itself is left as it lies there."""
    ran(state, file)
    good = load(file)
    damage(file)
    with pytest.raises(ConfigError):
        load(file)
    files = StartFiles(state, file)
    assert found(files).sha256 == good.sha256
    assert found(files).path == file
    assert told(files) == [(StartFile.HOME_FILE, StandIn.COPY)]
    files._keep(FileSecrets(state), good)
    assert (state / "kept" / "home.toml").read_text() == HOME, "a bad one is no copy"
    taken_away(file)
    file.write_text(HOME)
    assert told(StartFiles(state, file)) == []


@pytest.mark.parametrize(
    ("wrong", "right", "left"),
    [
        ("pinn = 17\npin = 17", "pin = 17", {"bed", "door"}),
        ('pin = "a"', "pin = 17", {"door"}),
        ('driver = "mat_of_tomorrow"', 'driver = "mat_gpio"', {"door"}),
        ("[checks.nigth", "[checks.night]", {"bed", "door"}),
        ("[of_tomorrow]\na = 1\n[checks.night]", "[checks.night]", {"bed", "door"}),
        ('factory = "lgpi"', 'factory = "mock"', {"bed", "door"}),
        ("enabled = 7", "enabled = false", {"bed", "door"}),
        ('id = "h1"\nzone = 1', 'id = "h1"', {"bed", "door"}),
        ("pin = 17\n\0\0", "pin = 17", {"door"}),
    ],
)
def test_without_a_copy_what_is_right_in_the_file_is_used(
    wrong: str, right: str, left: set[str], state: Path, file: Path
) -> None:
    """A mistake in one place costs that place, and what it says of a device goes whole; a newer
    version's key goes alone."""
    file.write_text(HOME.replace(right, wrong, 1))
    with pytest.raises(ConfigError):
        load(file)
    files = StartFiles(state, file)
    assert set(found(files).devices) == left
    assert found(files).home.id == "h1"
    assert told(files) == [(StartFile.HOME_FILE, StandIn.PART)]


def test_a_copy_of_a_newer_version_is_used_as_far_as_it_is_understood(
    state: Path, file: Path
) -> None:
    """After a way back both the file and its copy have a key that nobody here knows."""
    file.write_text(HOME + "\n[of_tomorrow]\na = 1\n")
    (state / "kept").mkdir()
    (state / "kept" / "home.toml").write_text(file.read_text())
    files = StartFiles(state, file)
    assert set(found(files).devices) == {"bed", "door"}
    assert told(files) == [(StartFile.HOME_FILE, StandIn.PART)]
    gone(file)
    assert set(found(StartFiles(state, file)).devices) == {"bed", "door"}


def test_with_no_file_at_all_an_enrolled_home_knows_which_it_is(
    state: Path, file: Path, enrolled: str
) -> None:
    """Its id and its server; what the server gave it beside that holds as ever."""
    kept = json.dumps({"devices": {"bed": {"driver": "mat_gpio", "role": "bed", "pin": 17}}})
    KeptConfig(state).keep(Held(3, kept))
    zeroed(file)
    files = StartFiles(state, file)
    config = found(files)
    assert config.staff is not None
    assert (config.home.id, config.staff.url) == ("h1", enrolled)
    assert told(files) == [(StartFile.HOME_FILE, StandIn.LEAST)]
    held = KeptConfig(state).in_force(config)
    assert (held.number, set(held.config.devices)) == (3, {"bed"})


def test_a_file_of_another_home_is_refused_and_one_of_another_server_gives_way(
    state: Path, file: Path, enrolled: str
) -> None:
    """Alarms of one home must not be answered at another, so a copy is no help; the address of a
    server that this home is not enrolled at costs nothing."""
    ran(state, file)
    file.write_text(HOME.replace('id = "h1"', 'id = "h2"'))
    with pytest.raises(ConfigError, match="'h2', and this gateway is enrolled as 'h1'"):
        StartFiles(state, file)
    file.write_text(HOME + '[staff]\nurl = "https://elsewhere.example"\n')
    files = StartFiles(state, file)
    assert found(files).staff is None
    assert told(files) == [(StartFile.HOME_FILE, StandIn.COPY)]


def test_who_was_no_home_yet_is_told_in_one_sentence(state: Path, file: Path) -> None:
    """Nothing says which home this is: there is nothing to run."""
    emptied(file)
    with pytest.raises(ConfigError, match="is empty; write it anew"):
        StartFiles(state, file)


# --- the enrolment and the keys -------------------------------------------------------------------


@names
@pytest.mark.parametrize("name", ["server.json", "secrets/home_key"])
def test_a_spoilt_enrolment_is_read_from_its_copy(
    damage: Damage, name: str, state: Path, file: Path, enrolled: str
) -> None:
    """The home is at its server, the copy takes the file's place, and what lay there is kept."""
    ran(state, file)
    good = (state / name).read_bytes()
    damage(state / name)
    files = StartFiles(state, file)
    config = found(files)
    opened = files.enrolment(files.secrets(config), config, lambda: True)
    assert opened is not None
    assert (opened.home, opened.link.url, set(opened.keys.good(None))) == ("h1", enrolled, {"k1"})
    what = StartFile.ENROLMENT if name == "server.json" else StartFile.HOME_KEY
    assert told(files) == [(what, StandIn.COPY)]
    assert (state / name).read_bytes().strip() == good.strip(), "mended"
    assert len(list((state / "kept").glob("damaged-*"))) == 1
    again = StartFiles(state, file)
    assert again.enrolment(again.secrets(config), config, lambda: True) is not None
    assert told(again) == []


@pytest.mark.parametrize("name", ["server.json", "secrets/home_key"])
def test_without_a_copy_the_home_runs_without_its_server(
    name: str, state: Path, file: Path, enrolled: str
) -> None:
    """No key, no door: nothing stands in for a right."""
    cut_off(state / name)
    before = (state / name).read_bytes()
    files = StartFiles(state, file)
    config = found(files)
    assert files.enrolment(files.secrets(config), config, lambda: True) is None
    assert files.is_enrolled, "whom to tell past the server is still told"
    what = StartFile.ENROLMENT if name == "server.json" else StartFile.HOME_KEY
    assert told(files) == [(what, StandIn.NOTHING)]
    assert (state / name).read_bytes() == before


def test_a_key_that_others_can_read_is_closed_to_them_and_told(
    state: Path, file: Path, enrolled: str
) -> None:
    """Put back with the wrong mode: the home is at its server all the same."""
    (state / "secrets" / HOME_KEY).chmod(0o644)
    files = StartFiles(state, file)
    config = found(files)
    assert files.enrolment(files.secrets(config), config, lambda: True) is not None
    assert told(files) == [(StartFile.HOME_KEY, StandIn.ITSELF)]
    assert (state / "secrets" / HOME_KEY).stat().st_mode & 0o077 == 0


def test_who_took_the_home_off_its_server_is_obeyed(state: Path, file: Path, enrolled: str) -> None:
    """Both the address and the key are gone: that was no card."""
    ran(state, file)
    gone(state / "server.json")
    gone(state / "secrets" / HOME_KEY)
    files = StartFiles(state, file)
    config = found(files)
    assert files.enrolment(files.secrets(config), config, lambda: True) is None
    assert (told(files), files.is_enrolled) == ([], False)


def test_a_card_that_spoilt_the_address_and_lost_the_key_took_no_home_off(
    state: Path, file: Path, enrolled: str
) -> None:
    """What is left of the address says that nobody meant it: both are read from their copies."""
    ran(state, file)
    emptied(state / "server.json")
    gone(state / "secrets" / HOME_KEY)
    files = StartFiles(state, file)
    config = found(files)
    assert files.is_enrolled
    opened = files.enrolment(files.secrets(config), config, lambda: True)
    assert opened is not None
    assert opened.link.url == enrolled
    both = [(StartFile.ENROLMENT, StandIn.COPY), (StartFile.HOME_KEY, StandIn.COPY)]
    assert told(files) == both


@names
def test_a_spoilt_secret_is_read_from_its_copy_and_costs_its_device_alone(
    damage: Damage, state: Path, file: Path
) -> None:
    """A lock's key: with a copy it is used, without one the home runs and that lock does not."""
    FileSecrets(state).write("nuki-door", '{"key": "0123456789abcdef"}')
    ran(state, file)
    damage(state / "secrets" / "nuki-door")
    files = StartFiles(state, file)
    secrets = files.secrets(found(files))
    if damage is deep:  # text: whether it is a key its driver knows
        return
    assert secrets.read("nuki-door") == '{"key": "0123456789abcdef"}'
    assert told(files) == [(StartFile.KEY, StandIn.COPY)]
    files._keep(secrets, found(files))
    taken_away(state / "kept" / "secrets" / "nuki-door")
    if damage is not cut_off:  # whether half of one is a key its driver knows
        files = StartFiles(state, file)
        files.secrets(found(files))
        assert told(files) == [(StartFile.KEY, StandIn.NOTHING)]


def test_a_secret_written_anew_has_no_copy_of_the_one_before(state: Path, file: Path) -> None:
    """A lock that was paired again, or a code that is used up: nothing brings the old one back."""
    secrets = FileSecrets(state)
    secrets.write("nuki-door", "old")
    ran(state, file)
    secrets.write("nuki-door", "new")
    emptied(state / "secrets" / "nuki-door")
    assert FileSecrets(state, copies=True).copy("nuki-door") is None
    secrets.write("nuki-door", "new")
    ran(state, file)
    secrets.remove("nuki-door")
    assert not list((state / "kept" / "secrets").iterdir())


# --- what the server gave -------------------------------------------------------------------------


@names
def test_a_spoilt_configuration_gives_way_and_never_spoils_the_one_before(
    damage: Damage, state: Path
) -> None:
    """Told, and the one before holds; the next one is kept beside that, not beside the damage."""
    file = parse(HOME.encode(), Path("home.toml"))
    kept = KeptConfig(state)
    for number in (1, 2):
        kept.keep(Held(number, json.dumps({"rules": {"visit": {"enabled": number == 1}}})))
    damage(state / "config" / "held.json")
    held = kept.in_force(file)
    assert held.number == 1
    assert [(one.what, one.stand_in) for one in held.damaged] == [
        (StartFile.CONFIGURATION, StandIn.COPY)
    ]
    kept.keep(Held(3, "{}"))
    assert kept.in_force(file).number == 3
    emptied(state / "config" / "held.json")
    assert kept.in_force(file).number == 1
    damage(state / "config" / "before.json")
    held = kept.in_force(file)
    assert (held.number, len(held.damaged)) == (THE_FILE, 2)
    assert held.damaged[0].stand_in is StandIn.NOTHING
    for name in ("tried.json", "here.json"):
        (state / "config" / name).write_text("{}")
        damage(state / "config" / name)
    kept.tries(4)
    kept.keep_here("{}", file)
    kept.keep(Held(4, "{}"))
    assert kept.in_force(file).number == 4


def test_what_is_put_aside_is_bounded(state: Path) -> None:
    """The first stays, and the newest."""
    for number in range(DAMAGED_MAX + 3):
        (state / "server.json").write_text(str(number))
        put_aside(state, state / "server.json")
    said = {path.read_text() for path in (state / "kept").iterdir()}
    assert len(said) == DAMAGED_MAX
    assert {"0", str(DAMAGED_MAX + 2)} <= said
