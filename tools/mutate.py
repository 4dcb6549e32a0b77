"""`make mutate ARGS=access`: changes a room of the code, line by line, and names the changes that
no test notices.

In a copy of the last commit (build/mutate/<room>), by mutmut, with the room's own tests.  A change
that lives is either a test that is missing or a line that does nothing.  Begun again, it goes on
where it was stopped.  `--only PATTERN` takes a part of a room (`--only "*grants*"`), `--share 10`
every tenth change of it.

Not for: the suite or CI; a room takes minutes to hours.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Room:
    """Where the code is, and the tests that are to notice."""

    code: tuple[str, ...]
    tests: tuple[str, ...]


ROOMS = {
    "rules": Room(("gateway/rules/*",), ("tests/rules", "tests/test_traps.py")),
    "access": Room(
        ("gateway/access/*",),
        (
            *("tests/test_codes.py", "tests/test_code_entry.py", "tests/test_code_guessing.py"),
            *("tests/test_lock_orders.py", "tests/test_phone_proof.py"),
            *("tests/test_serverkeys.py", "tests/test_newer_server.py", "tests/staff/doors"),
        ),
    ),
    "doors": Room(
        ("gateway/doors/*",),
        (
            *("tests/test_lock_orders.py", "tests/test_lock_asked.py", "tests/test_lock_untold.py"),
            *("tests/test_lock_waking.py", "tests/test_code_entry.py"),
            *("tests/test_code_guessing.py", "tests/test_phone_proof.py", "tests/home"),
        ),
    ),
    "log": Room(
        ("gateway/engine/*", "gateway/envelope.py"),
        (
            *("tests/test_eventlog.py", "tests/test_log_folder.py", "tests/test_engine.py"),
            *("tests/test_envelope.py", "tests/test_uplink_rest.py", "tests/rules/test_fold.py"),
            *("tests/test_log_in_memory.py", "tests/test_memory_bound.py"),
            *("tests/test_disk_watch.py", "tests/test_old_logs.py", "tests/test_stamp_time.py"),
            *("tests/test_engine_edge.py", "tests/test_memory_origin.py"),
        ),
    ),
    "home": Room(
        (
            *("gateway/cli/only_one.py", "gateway/services/clock_watch.py"),
            *("gateway/services/key_offers.py", "gateway/services/slot_ringer.py"),
            "gateway/services/driver_supervisor.py",
        ),
        (
            *("tests/cli/test_only_one.py", "tests/test_clockwatch.py", "tests/test_background.py"),
            *("tests/test_slot_ringer.py", "tests/test_supervisor.py"),
        ),
    ),
    "relock": Room(("gateway/rules/relock.py",), ("tests/rules/test_relock.py",)),
    "start": Room(
        ("gateway/app/home.py", "gateway/app/start_files.py", "gateway/app/uplink_bridge.py"),
        (
            *("tests/test_start_files.py", "tests/test_start_link.py", "tests/test_edge.py"),
            *("tests/test_home_relocks.py", "tests/test_indicate.py"),
        ),
    ),
    "enrolment": Room(
        (
            *("gateway/link/enrolment.py", "gateway/link/kept_enrolment.py"),
            *("web/staff/homelink/enrolment.py", "web/staff/homelink/tokens.py"),
        ),
        (
            *("tests/test_enroll.py", "tests/test_start_files.py", "tests/test_start_link.py"),
            *("tests/staff/homelink/test_routes.py", "tests/staff/homelink/test_trust.py"),
        ),
    ),
    "updates": Room(
        (
            *("gateway/updates/trust.py", "gateway/updates/exchange.py"),
            *("gateway/updates/install.py", "gateway/updates/target.py"),
        ),
        (
            *("tests/updates/test_trust.py", "tests/updates/test_attacks.py"),
            *("tests/updates/test_install.py", "tests/updates/test_release_tool.py"),
        ),
    ),
    "past": Room(  # the way past the server, in the home and as the server says it
        (
            *("gateway/second_path/*", "web/staff/homelink/second_path.py"),
            "web/staff/ladders/standby.py",
        ),
        (
            *("tests/second_path", "tests/staff/homelink/test_second_path.py"),
            "tests/staff/ladders/test_standby.py",
        ),
    ),
    "looks": Room(
        ("gateway/media/looks.py", "gateway/media/sessions.py", "gateway/media/limit.py"),
        (
            *("tests/media/test_looks.py", "tests/media/test_look_faults.py"),
            *("tests/media/test_calls.py", "tests/media/test_look_relay.py"),
            "tests/media/test_look_longer.py",
        ),
    ),
    "limits": Room(  # nobody looks for longer than they may
        ("gateway/media/limit.py", "gateway/access/look_permits.py", "web/staff/looks/*"),
        (
            *("tests/media/test_look_permits.py", "tests/media/test_look_longer.py"),
            "tests/staff/looks",
        ),
    ),
    "checks": Room(
        ("gateway/night_plan.py", "gateway/schedule.py", "web/staff/checks/*"),
        ("tests/test_night_plan.py", "tests/test_schedule.py", "tests/staff/checks"),
    ),
    "channels": Room(("web/staff/channels/*",), ("tests/staff/channels",)),
    "outbox": Room(  # the part of the ladders that hands out
        ("web/staff/ladders/outbox.py", "web/staff/ladders/stepping.py"),
        (
            *("tests/staff/ladders/test_outbox.py", "tests/staff/ladders/test_climbing.py"),
            *("tests/staff/ladders/test_answers.py", "tests/staff/ladders/test_arriving.py"),
        ),
    ),
    "running": Room(
        (
            *("web/staff/runtime/watch.py", "web/staff/runtime/watch_dog.py"),
            *("web/staff/runtime/ladder_watch.py", "web/staff/runtime/channel_watch.py"),
            *("web/staff/runtime/silence.py", "web/staff/runtime/health.py"),
        ),
        (
            *("tests/staff/runtime/test_watch.py", "tests/staff/runtime/test_watch_dog.py"),
            *("tests/staff/runtime/test_ladder_watch.py", "tests/staff/runtime/test_full_disk.py"),
            *(
                "tests/staff/runtime/test_channel_watch.py",
                "tests/staff/runtime/test_watch_lead.py",
            ),
        ),
    ),
    "link": Room(
        ("gateway/link/*",),
        (
            *("tests/test_link.py", "tests/test_uplink.py", "tests/test_uplink_rest.py"),
            *("tests/test_sse.py", "tests/test_enroll.py", "tests/test_serverkeys.py"),
        ),
    ),
    "ingest": Room(("web/staff/homelink/*", "web/staff/events/*"), ("tests/staff/homelink",)),
    "admission": Room(
        (
            *("web/staff/core/admission.py", "web/staff/core/waits.py", "web/staff/core/pace.py"),
            *("web/staff/core/together.py", "web/staff/runtime/admission_gate.py"),
        ),
        (
            *("tests/staff/runtime/test_admission.py", "tests/staff/runtime/test_waits.py"),
            *("tests/staff/runtime/test_admission_gate.py", "tests/staff/homelink/test_bounds.py"),
            *("tests/staff/runtime/test_beside.py", "tests/staff/runtime/test_switching.py"),
            "tests/staff/homelink/test_urgent_together.py",
        ),
    ),
    "said": Room(  # what a request says, before it is believed or kept
        (
            *("web/staff/core/asked.py", "web/staff/core/json_said.py"),
            *("web/staff/storage/storable.py", "web/staff/pages/odd_text.py"),
        ),
        (
            *("tests/staff/test_asked.py", "tests/staff/homelink/test_odd_texts.py"),
            "tests/staff/test_odd_input.py",
        ),
    ),
    "signin": Room(
        (
            *("web/staff/signin/*", "web/staff/people/sign_on*.py", "web/staff/people/sso_ids.py"),
            *("web/staff/people/group_rights.py", "web/staff/people/signing_on.py"),
        ),
        (
            *("tests/staff/signin", "tests/staff/people/test_way_in.py"),
            *("tests/staff/pages/test_sign_on.py", "tests/staff/pages/test_sign_on_groups.py"),
            "tests/staff/pages/test_sign_on_ended.py",
        ),
    ),
    "ladders": Room(("web/staff/ladders/*",), ("tests/staff/ladders",)),
    "relay": Room(
        ("web/staff/realtime/*",), ("tests/staff/realtime", "tests/staff/doors/test_lock_orders.py")
    ),
    "rights": Room(
        ("web/staff/core/rights.py", "web/staff/core/assignments.py", "web/staff/people/*"),
        (
            *("tests/staff/test_walls.py", "tests/staff/people", "tests/staff/doors"),
            "tests/staff/pages/test_routes.py",
        ),
    ),
}

SETTINGS = """
[tool.mutmut]
source_paths = ["gateway", "drivers", "web"]
only_mutate = [{code}]
do_not_mutate_patterns = ['\\blog\\.\\w+']
also_copy = ["docs", "tools", "systemd", "requirements", "README.md", "CHANGELOG.md", "Makefile"]
pytest_add_cli_args_test_selection = [{tests}]
pytest_add_cli_args = ["-p", "no:xdist"]
"""


def main() -> int:
    """Run one room; 1 when a change lived."""
    parser = argparse.ArgumentParser(prog="make mutate", description=__doc__)
    parser.add_argument("room", choices=ROOMS)
    parser.add_argument("--only", default="*", help="a pattern of changes (as mutmut names them)")
    parser.add_argument("--share", type=int, default=1, help="every so manieth change")
    parser.add_argument("--children", type=int, default=2, help="tests at once")
    args = parser.parse_args()
    copy = _copy(args.room)
    mutmut = [str(Path(sys.executable).with_name("mutmut"))]
    if args.share > 1:
        # without a name mutmut takes them all; with one that fits none it only makes them
        subprocess.run([*mutmut, "run", "made-and-not-run"], cwd=copy, check=False)
        made = _names(mutmut, copy, args.only)
        chosen = made[:: args.share]
    else:
        chosen = [] if args.only == "*" else [args.only]
    subprocess.run(
        [*mutmut, "run", "--max-children", str(args.children), *chosen], cwd=copy, check=False
    )
    lived = [name for name, state in _results(mutmut, copy) if state == "survived"]
    for name in lived:
        shown = subprocess.run(
            [*mutmut, "show", name], cwd=copy, check=False, capture_output=True, text=True
        )
        print(f"\nlived: {name}\n{shown.stdout.strip()}")
    print(f"\n{len(lived)} lived in {args.room}")
    return 1 if lived else 0


def _copy(room: str) -> Path:
    """The last commit, with the room's settings; one that is there is gone on with."""
    copy = ROOT / "build" / "mutate" / room
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["git", "clone", "-q", str(ROOT), str(copy)], check=True)
        shared = ROOT.parent / "shared"
        if shared.is_dir():  # the recordings that tests read from beside the checkout
            (copy / "shared").symlink_to(shared)
        settings = SETTINGS.format(
            code=", ".join(f'"{one}"' for one in ROOMS[room].code),
            tests=", ".join(f'"{one}"' for one in ROOMS[room].tests),
        )
        with (copy / "pyproject.toml").open("a") as file:
            file.write(settings)
    return copy


def _results(mutmut: list[str], copy: Path) -> list[tuple[str, str]]:
    told = subprocess.run(
        [*mutmut, "results", "--all", "true"],
        cwd=copy,
        check=False,
        capture_output=True,
        text=True,
    ).stdout
    pairs = (line.strip().rpartition(": ") for line in told.splitlines() if ": " in line)
    return [(name, state) for name, _, state in pairs]


def _names(mutmut: list[str], copy: Path, pattern: str) -> list[str]:
    return [name for name, _ in _results(mutmut, copy) if fnmatch(name, pattern)]


if __name__ == "__main__":
    sys.exit(main())
