"""A home's file: what is right is read, what is wrong is one sentence with file, key and mend."""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path

import pytest

from gateway.config.home_file import load, parse
from gateway.errors import ConfigError

GOOD = """
[home]
id = "h1"
resident = "p7"

[staff]
url = "https://staff.example/"

[gpio]
factory = "mock"

[devices.bed_mat]
driver = "mat_gpio"
role = "bed"
room = "bedroom"
pin = 17

[devices.front_door]
driver = "lock_nuki"
role = "front_door"
address = "54:D2:72:00:00:01"

[rules.bed_exit]
back_within_min = 20

[checks.night]
times = ["23:00", "02:30"]
weekdays = ["mon", "tue"]
"""


def sentence(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(text.encode(), Path("home.toml"))
    said = str(caught.value)
    assert said.startswith("home.toml: ")
    assert "\n" not in said
    assert said.endswith(".")
    return said


def test_a_home_is_read_whole(tmp_path: Path) -> None:
    """Devices with their drivers' settings, rules, plans, and what the rules are told."""
    path = tmp_path / "home.toml"
    path.write_text(GOOD)
    config = load(path)
    assert config.home.timezone == "Europe/Stockholm"
    assert config.staff is not None
    assert config.staff.url == "https://staff.example"
    facts = config.facts()
    assert (facts.id, facts.resident, facts.timezone) == ("h1", "p7", "Europe/Stockholm")
    assert facts.with_role("bed") == ("bed_mat",)
    assert facts.devices["front_door"].type == "lock"
    assert config.devices["bed_mat"].pins == (17,)
    assert config.rule_settings()["bed_exit"].model_dump()["back_within_min"] == 20
    assert config.plans["night"].times == (time(23, 0), time(2, 30))
    assert config.needs_radio()
    assert config.needs_pins()
    assert len(config.sha256) == 64


def test_the_time_to_report_follows_the_rule_settings() -> None:
    """`check.planned` says what the rule `night_check` of this home says."""
    slot = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
    default = parse(GOOD.encode(), Path("h")).report_by(slot)
    longer = GOOD + "[rules.night_check]\nreport_min = 25\n"
    assert parse(longer.encode(), Path("h")).report_by(slot) == slot.replace(minute=55)
    assert default == slot.replace(minute=40)


def test_the_smallest_home() -> None:
    """An id is enough; nothing is turned on that was not asked for."""
    config = parse(b'[home]\nid = "h1"', Path("home.toml"))
    assert (config.staff, config.gpio, config.devices) == (None, None, {})
    assert (config.web.host, config.web.port, config.log.retain_days) == ("127.0.0.1", 8080, 90)


def test_an_address_is_kept_as_it_is_meant() -> None:
    """Of letters that are large only the host's may stay so."""
    text = b'[home]\nid = "h1"\n[staff]\nurl = "HTTPS://Staff.example/"'
    config = parse(text, Path("home.toml"))
    assert config.staff is not None
    assert config.staff.url == "https://Staff.example"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("[home]", "[hoem]"), ("hoem: is no key", "did you mean 'home'")),
        (('id = "h1"', 'id = "h1"\nidd = "x"'), ("home.idd: is no key", "did you mean 'id'")),
        (('id = "h1"', ""), ("home.id: is missing", "add it (The home's id")),
        (('id = "h1"', 'id = "Anna Andersson"'), ("home.id: 'Anna Andersson' has characters",)),
        (
            ('id = "h1"', 'id = "h1"\ntimezone = "Europe/Stokholm"'),
            ("home.timezone: 'Europe/Stokholm' is no time zone",),
        ),
        (
            ("https://staff.example/", "http://staff.example/"),
            ("staff.url: ", "must begin with https://"),
        ),
        (("https://staff.example/", "staff.example"), ("staff.url: ", "no address of a server")),
        (("https://staff.example/", "https://["), ("staff.url: ", "no address of a server")),
        (
            ("https://staff.example/", "https://staff.example:99999"),
            ("staff.url: ", "no address of a server"),
        ),
        (('factory = "mock"', 'factory = "rpigpio"'), ("gpio.factory: 'rpigpio' is not one of",)),
        (('[gpio]\nfactory = "mock"', ""), ("gpio: is missing, and devices.bed_mat has a pin",)),
        (("pin = 17", "pin = 17\nbounce = 3"), ("devices.bed_mat.bounce: is no key",)),
        (("pin = 17", ""), ("devices.bed_mat.pin: is missing",)),
        (("pin = 17", "pin = 99"), ("devices.bed_mat.pin: 99",)),
        (('driver = "mat_gpio"', ""), ("devices.bed_mat.driver: is missing",)),
        (
            ('"mat_gpio"', '"mat_gpoi"'),
            ("devices.bed_mat.driver: there is no driver 'mat_gpoi'", "did you mean 'mat_gpio'"),
        ),
        (
            ("[rules.bed_exit]", "[rules.bed_exitt]"),
            ("rules.bed_exitt: there is no such rule", "did you mean 'bed_exit'"),
        ),
        (("back_within_min", "back_in_min"), ("rules.bed_exit.back_in_min: is no key",)),
        (("back_within_min = 20", "home = 1"), ("rules.bed_exit.home: is no key",)),
        (("back_within_min = 20", 'back_within_min = "x"'), ("rules.bed_exit.back_within_min: ",)),
        (('"02:30"', '"25:30"'), ("checks.night.times.1: '25:30'", "Local times")),
        (('"mon"', '"monday"'), ("checks.night.weekdays.0: 'monday'",)),
        (("[checks.night]", "[checks.night]\nname = 'x'"), ("checks.night.name: is no key",)),
        (("[checks.night]", "[checks.Night]"), ("checks.Night: is no proper name",)),
        (("[checks.night]", "[checks]"), ("checks.times: must be a table",)),
        (("[devices.front_door]", "[devices.bed_mat]"), ("devices.bed_mat: is written twice",)),
        (('role = "bed"', 'role = "bed"\nrole = "bath"'), ("is written twice", "line 15")),
        (("pin = 17", "pin = "), ("line 16", "is not TOML")),
    ],
)
def test_what_is_wrong_is_one_sentence(change: tuple[str, str], words: tuple[str, ...]) -> None:
    """It names the file, the key as in the file, and how to mend it."""
    assert change[0] in GOOD
    said = sentence(GOOD.replace(*change, 1))
    for word in words:
        assert word in said, said


def test_a_pin_used_twice_names_both_devices() -> None:
    """Two mats on one pin would each speak for the other."""
    said = sentence(GOOD + '[devices.chair_mat]\ndriver = "mat_gpio"\npin = 17\n')
    assert "devices.chair_mat: takes pin 17 (BCM), which devices.bed_mat has already" in said


def test_a_pin_used_twice_by_one_device_is_the_drivers_own_matter() -> None:
    """The supervised wiring's two pins are another pin each; other devices may not take either."""
    text = GOOD.replace("pin = 17", "pin = 17\nnormally_closed = true\nloop_pin = 27")
    said = sentence(text + '[devices.chair_mat]\ndriver = "mat_gpio"\npin = 27\n')
    assert "takes pin 27 (BCM), which devices.bed_mat has already" in said


@pytest.mark.parametrize("host", ["localhost:8443", "127.0.0.1:5000", "[::1]:5000"])
def test_plain_http_only_to_this_machine(host: str) -> None:
    """The demo's server is on the same machine; nothing else may be spoken to in the clear."""
    config = parse(GOOD.replace("https://staff.example/", f"http://{host}").encode(), Path("h"))
    assert config.staff is not None
    assert config.staff.url == f"http://{host}"


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    """Missing, a folder, or not text."""
    for path, word in ((tmp_path / "no.toml", "no such file"), (tmp_path, "is a folder")):
        with pytest.raises(ConfigError, match=word):
            load(path)
    with pytest.raises(ConfigError, match="not UTF-8"):
        parse(b"\xff\xfe", Path("home.toml"))
