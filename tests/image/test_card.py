"""The card as it is made: its table, its files, its units, and a code before the camera.  Making
one takes root and minutes, and starting it is `make image-proof`."""

from __future__ import annotations

import ctypes.util
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.services import ssh_hour as ssh_gateway
from tests._tree import ROOT
from tools.deb.locked import BuildError
from tools.deb.targets import DEBIANS, GATEWAY, Target
from tools.deb.tree import lay_out  # noqa: F401 - what a card's package is made by
from tools.image import layout, pins, recipe
from tools.image.__main__ import WITH_PROC, fat, lay_root
from tools.image.card import box, ssh_hour
from tools.image.card.qr import Reader
from tools.image.firmware import starts
from tools.image.machine import Machine
from tools.image.proof import script
from tools.image.server import Server

ANALYZE = shutil.which("systemd-analyze")


def test_the_table_is_what_a_boot_rom_reads() -> None:
    """Three partitions, in order, none over another, each at the block that a card writes at once;
    FAT first and the state last, so that it can grow."""
    table = layout.table()
    assert len(table) == layout.SECTOR and table.endswith(b"\x55\xaa")
    rows = [struct.unpack_from("<B3sB3sII", table, 446 + 16 * row) for row in range(4)]
    assert [row[2] for row in rows] == [layout.FAT, layout.LINUX, layout.LINUX, 0]
    end = 0
    for (*_, first, count), part in zip(rows, layout.PARTS, strict=False):
        assert first >= end and first * layout.SECTOR % (4 * layout.MIB) == 0
        assert first * layout.SECTOR == layout.start_mib(part) * layout.MIB
        end = first + count
    assert end * layout.SECTOR == layout.SIZE_MIB * layout.MIB
    assert layout.PARTS[-1] is layout.STATE


@pytest.mark.skipif(shutil.which("sfdisk") is None, reason="sfdisk is not installed")
def test_others_read_the_same_table(tmp_path: Path) -> None:
    """And the state's partition is made to reach the end as `grow` does it."""
    card = tmp_path / "card.img"
    layout.lay(card, {})
    with card.open("r+b") as file:
        file.truncate((layout.SIZE_MIB + 100) * layout.MIB)
    new = (layout.STATE.size_mib + 100) * 2048
    subprocess.run(
        ["sfdisk", "--quiet", "--no-reread", "--force", "-N", "3", str(card)],
        input=f", {new}\n",
        text=True,
        check=True,
        capture_output=True,
    )
    said = subprocess.run(
        ["sfdisk", "--dump", str(card)], capture_output=True, text=True, check=True
    ).stdout
    assert re.findall(r"start= *(\d+), size= *(\d+)", said) == [
        (str(layout.start_mib(layout.BOOT) * 2048), str(layout.BOOT.size_mib * 2048)),
        (str(layout.start_mib(layout.ROOT) * 2048), str(layout.ROOT.size_mib * 2048)),
        (str(layout.start_mib(layout.STATE) * 2048), str(new)),
    ]
    grow = (ROOT / "tools/image/files/usr/lib/tryggve-card/grow").read_text()
    assert 'echo ", $new" | sfdisk --quiet --no-reread --force -N "$number"' in grow


def test_file_systems_lie_where_the_table_says(tmp_path: Path) -> None:
    card, small = tmp_path / "card.img", tmp_path / "small"
    small.write_bytes(b"\0" * layout.MIB + b"here")
    layout.lay(card, {layout.ROOT: small})
    with card.open("rb") as file:
        file.seek((layout.start_mib(layout.ROOT) + 1) * layout.MIB)
        assert file.read(4) == b"here"
    large = tmp_path / "large"
    with large.open("wb") as out:
        out.truncate((layout.BOOT.size_mib + 1) * layout.MIB)
    with pytest.raises(ValueError, match="TRYGGVE does not fit"):
        layout.lay(card, {layout.BOOT: large})


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What we lay over Debian."""
    made = tmp_path_factory.mktemp("root")
    lay_root(made)
    return made


def test_the_root_is_read_only_and_all_that_is_written_lies_elsewhere(root: Path) -> None:
    """What a unit of ours may write is kept, or memory; the boot partition is not mounted."""
    rows = [line.split() for line in (root / "etc/fstab").read_text().splitlines()]
    seen = {row[1]: row[3].split(",") for row in rows}
    assert "ro" in seen["/"] and "noauto" in seen["/boot/firmware"]
    kept = {*recipe.KEPT.values(), *recipe.MEMORY, "/run"}
    for unit in (
        "tryggve-gateway.service",
        "tryggve-update.service",
        "tryggve-update-watch.service",
    ):
        text = (ROOT / "systemd" / unit).read_text()
        paths = re.findall(r"^ReadWritePaths=(.*)$", text, re.MULTILINE)
        paths += [f"/var/lib/{name}" for name in re.findall(r"^StateDirectory=(\S+)", text, re.M)]
        for path in " ".join(paths).split():
            assert any(path == one or path.startswith(f"{one}/") for one in kept), (unit, path)
    assert {one.label for one in layout.PARTS} == set(
        re.findall(r"LABEL=(\S+)", (root / "etc/fstab").read_text())
    )
    assert layout.BOOT.label == box.BOOT_LABEL and len(layout.BOOT.label) <= 11


def test_nobody_can_sign_in_and_nothing_writes_the_boot_partition(root: Path) -> None:
    """No console, no shell where a start fails, and no update of what starts the Pi."""
    packages = " ".join([*recipe.PACKAGES, *recipe.PI, *recipe.WITH_PACKAGE])
    assert "sudo" not in packages
    assert {"getty@.service", "serial-getty@.service"} <= set(recipe.MASKED)
    assert "panic=" in (root / "etc/default/raspi-extra-cmdline").read_text()
    assert (root / "etc/default/raspi-extra-cmdline").read_text().split()[0] == "ro"
    apt = (root / "etc/apt/apt.conf.d/52tryggve-card").read_text()
    held = re.findall(r'"([a-z-]+)"', apt.split("{")[1].split("}")[0])
    for package in ("linux-image-arm64", *recipe.PI[:2], "initramfs-tools"):
        assert any(package.startswith(one) for one in held), package
    assert "update_initramfs=no" in (root / "etc/initramfs-tools/update-initramfs.conf").read_text()


def test_no_ssh_listens_until_it_is_asked_for(root: Path) -> None:
    """Debian's own units of it cannot be started, nor what systemd makes of itself; ours starts by
    a request alone, and none is on a new card; and no host key is the same on two."""
    assert {"ssh.service", "ssh.socket"} <= set(recipe.MASKED)
    assert recipe.LINKS["etc/systemd/system-generators/systemd-ssh-generator"] == "/dev/null"
    assert "tryggve-ssh.path" in recipe.ENABLED and not any(
        "ssh" in one for one in recipe.ENABLED if one != "tryggve-ssh.path"
    )
    units = root / "usr/lib/systemd/system"
    watched = (units / "tryggve-ssh.path").read_text()
    request = "/var/lib/tryggve/ssh/request.json"
    assert [one for one in watched.splitlines() if one.startswith(("Path", "Dir"))] == [
        f"PathExists={request}"
    ]
    service = (units / "tryggve-ssh.service").read_text()
    assert f"ConditionPathExists={request}\n" in service and "[Install]" not in service
    assert str(ssh_hour.Hour().asked / "request.json") == request
    limit = re.search(r"^RuntimeMaxSec=1h (\d)min$", service, re.M)
    assert limit and 0 < int(limit[1]) * 60 < ssh_gateway.END_LATE_S
    assert ssh_hour.HOUR_S == ssh_gateway.HOUR_S == 3600
    assert {"Restart=on-failure", "RestartSec=10"} <= set(service.splitlines())
    assert ssh_hour.MAKE_S + ssh_hour.LISTEN_S < ssh_gateway.ANSWER_S
    assert ssh_hour.Hour().place == ssh_gateway.ROOT
    assert not list(root.rglob("ssh_host_*")) and not list(root.rglob("authorized_keys"))


def test_the_home_s_name_on_the_network_is_not_given_up(root: Path) -> None:
    """Seen in QEMU (2026-11-30): D-Bus answered late, avahi ended, and the page's address with it,
    until the next start."""
    unit = root / "usr/lib/systemd/system/avahi-daemon.service.d/again.conf"
    lines = unit.read_text().splitlines()
    assert {"Restart=on-failure", "StartLimitIntervalSec=0"} <= set(lines)


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize(
    "name",
    ["tryggve-card.service", "tryggve-grow.service", "tryggve-ssh.service", "tryggve-ssh.path"],
)
def test_systemd_finds_nothing_wrong_with_the_card_s_units(root: Path, name: str) -> None:
    """`systemd-analyze verify` says nothing at all."""
    program = root / "usr/lib/tryggve-card/grow"
    units = root / "verified"
    units.mkdir(exist_ok=True)
    for one in (root / "usr/lib/systemd/system").glob("tryggve-*"):
        if one.is_file():
            text = one.read_text().replace("/usr/lib/tryggve-card/grow", str(program))
            (units / one.name).write_text(text)
    unit = units / name
    done = subprocess.run(
        [str(ANALYZE), "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_card_s_program_stands_by_itself(root: Path) -> None:
    """Debian's Python runs it with nothing but its own library, as the unit does."""
    unit = (root / "usr/lib/systemd/system/tryggve-card.service").read_text()
    assert (
        "ExecStart=/usr/bin/python3 -sE -m card\nWorkingDirectory=/usr/lib/tryggve-card\n" in unit
    )
    code = "import card.__main__, card.given as g\nprint(g.pictured('TRYGGVE:a#' + '1' * 18))"
    done = subprocess.run(
        [sys.executable, "-sE", "-S", "-c", code],
        cwd=root / "usr/lib/tryggve-card",
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "https://a" in done.stdout


@pytest.mark.parametrize("script", ["files/usr/lib/tryggve-card/grow", "looks.sh"])
def test_shell_is_shell(script: str) -> None:
    subprocess.run(["sh", "-n", str(ROOT / "tools/image" / script)], check=True)


def firmware(
    boot: Path, words: str = "console=tty0 root=LABEL=tryggve-root rw rootwait ro panic=30"
) -> Path:
    """A boot partition as raspi-firmware's hook makes one."""
    boot.mkdir()
    for name in ("vmlinuz-6.12", "initrd.img-6.12", *recipe.BOARDS, *recipe.FIRMWARE):
        (boot / name).touch()
    (boot / "config.txt").write_text(
        "arm_64bit=1\nkernel=vmlinuz-6.12\ninitramfs initrd.img-6.12\n"
    )
    (boot / "cmdline.txt").write_text(f"{words}\n")
    return boot


def test_a_boot_partition_that_no_pi_would_start_from_is_no_card(tmp_path: Path) -> None:
    """`cma=` ends a Pi 4's start, and its package writes that where it is not told otherwise; a
    board's own file or the kernel is missing; the root would be written."""
    boot = firmware(tmp_path / "boot")
    kernel, initrd, words = starts(boot)
    assert (kernel.name, initrd.name) == ("vmlinuz-6.12", "initrd.img-6.12")
    assert words.endswith("ro panic=30")
    for number, (said, wrong) in enumerate(
        {
            "root=LABEL=tryggve-root rw cma=64M ro": "Pi 4 does not start with cma=",
            "root=LABEL=tryggve-root ro rw": "not told that the root is read-only",
            "root=/dev/mmcblk0p2 ro": "names the root",
            "root=LABEL=tryggve-root ro\npanic=30": "not one line",
        }.items()
    ):
        with pytest.raises(BuildError, match=wrong):
            starts(firmware(tmp_path / f"boot{number}", said))
    for name in ("bcm2711-rpi-4-b.dtb", "start4.elf", "vmlinuz-6.12"):
        (boot / name).rename(tmp_path / name)
        with pytest.raises(BuildError, match=f"has no {name}"):
            starts(boot)
        (tmp_path / name).rename(boot / name)
    (boot / "config.txt").write_text("arm_64bit=1\n")
    with pytest.raises(BuildError, match="does not say what"):
        starts(boot)


def test_qemu_s_pi_starts_what_lies_on_the_card(tmp_path: Path) -> None:
    """The very files of its boot partition, and its own words before ours; all of them fit."""
    if missing := [name for name in ("mkfs.vfat", "mcopy") if shutil.which(name) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    boot, image, card = firmware(tmp_path / "made"), tmp_path / "fat", tmp_path / "card.img"
    (boot / "vmlinuz-6.12").write_text("a kernel")
    layout.lay(card, {layout.BOOT: fat(image, boot)})
    machine = Machine(card, "arm64", image, image, tmp_path, image, pi=True)
    for _ in range(2):  # each start reads the card anew
        command = machine.command(tmp_path / "looks.fat")
        [kernel, tree] = [command[command.index(word) + 1] for word in ("-kernel", "-dtb")]
        assert Path(kernel).read_text() == "a kernel" and Path(tree).name in recipe.BOARDS
    words = command[command.index("-append") + 1]
    assert words.startswith((boot / "cmdline.txt").read_text().strip()) and len(words) < 2048
    assert "systemd.extra-unit.looks.service" in words and f"file={card}," in " ".join(command)


ISCHROOT = Path("/usr/bin/ischroot")


@pytest.mark.skipif(not ISCHROOT.exists(), reason="debianutils is not installed")
def test_what_runs_in_a_card_s_root_sees_that_it_is_one(tmp_path: Path) -> None:
    """Without /proc it sees nothing, and the Pi's own hook fails, for no boot partition is mounted:
    so the first card for a Pi failed at its last step (2026-11-30)."""
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs to mount: root, or a machine that lets it")
    for name in ("usr", "proc"):
        (tmp_path / name).mkdir()
    for name in ("bin", "lib", "lib64"):
        (tmp_path / name).symlink_to(f"usr/{name}")
    program = 'mount --rbind /usr "$1/usr"; shift; "$@"'
    words = ["unshare", "--mount", "sh", "-ec", program, "sh", str(tmp_path)]
    for chroot, sees in ((WITH_PROC, True), (("chroot",), False)):
        inside = [*words, *chroot, str(tmp_path), str(ISCHROOT)]
        done = subprocess.run(inside, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode == 0) is sees, done.stderr
    assert not list((tmp_path / "proc").iterdir())


def test_the_pi_s_package_is_told_what_a_card_needs(root: Path) -> None:
    """Its hook runs on a machine that is no Pi 4, and would write what a Pi 3 can do with."""
    said = (root / "etc/default/raspi-firmware").read_text().splitlines()
    assert "CMA=0" in said and f'ROOTPART="LABEL={layout.ROOT.label}"' in said


@pytest.mark.parametrize("stage", ["new", "taken", "again"])
@pytest.mark.parametrize("end", ["off", "cut", "hang"])
def test_what_is_looked_at_is_whole(tmp_path: Path, stage: str, end: str) -> None:
    """Every word of it is filled in, and it is shell."""
    k = tmp_path / "k"
    machine = Machine(tmp_path / "card.img", "arm64", k, k, tmp_path, k)
    text = script(stage, machine, Server(tmp_path, 1, 2), "CODE", end)
    assert not re.findall(r"@[A-Z_]+@", text.replace("@WORDS@", "", 1))
    subprocess.run(["sh", "-n"], input=text, text=True, check=True)


def test_the_pins_library_is_built_from_what_is_locked() -> None:
    """The very version that the Pi's lock names, by its hashes."""
    wanted = pins.locked(Target(GATEWAY, DEBIANS[1], "arm64"))
    assert wanted.name == "lgpio" and len(wanted.hashes) > 1


def test_qemu_is_told_what_a_card_s_own_files_do_not_hold(tmp_path: Path) -> None:
    """The kernel's words fit in its 2,048 characters; what is looked at comes on a disk of its
    own."""
    if shutil.which("qemu-system-x86_64") is None:
        pytest.skip("qemu-system-x86 is not installed")
    k = tmp_path / "k"
    machine = Machine(tmp_path / "card.img", "amd64", k, tmp_path / "i", tmp_path, k)
    command = machine.command(tmp_path / "looks.fat")
    words = command[command.index("-append") + 1]
    assert len(words) < 2048 and " ro " in words and "systemd.extra-unit.looks.service" in words


def test_a_code_before_the_camera_is_read() -> None:
    """As the staff's page draws it, turned and with other light; an empty picture is none."""
    if ctypes.util.find_library("zbar") is None:
        pytest.skip("libzbar0 is not installed")
    from qrcode.main import QRCode  # type: ignore[import-untyped]

    text = "TRYGGVE:https://trygg.kommun.example#7K3QM-2XWPA-9GHT4VBC"
    code = QRCode(border=4)
    code.add_data(text)
    code.make()
    rows, dot = code.get_matrix(), 6
    side = len(rows) * dot
    grey = bytes(40 if rows[y // dot][x // dot] else 190 for y in range(side) for x in range(side))
    reader = Reader()
    assert reader.read(grey, side, side) == text
    turned = bytes(grey[(side - 1 - x) * side + y] for y in range(side) for x in range(side))
    assert reader.read(turned, side, side) == text
    assert reader.read(bytes([190]) * side * side, side, side) is None
