"""A Debian in a folder, booted: systemd is the first process there, in namespaces of its own.

Units, their users, walls and paths are what systemd makes of them; the journal, restarts and
watchdogs are the real ones.  The kernel is this machine's, so that there are no pins and no radio,
and no network but a wire to another such machine (`wire`).  As root, with unshare, nsenter and ip.

Not for: making the Debian (`proof`), or what is done in it (`scene`).
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tools.deb.locked import BuildError

TOOLS = ("unshare", "nsenter", "ip", "setpriv")

BOOT_S = 120.0
"""Seconds until systemd has started what it starts, on a slow machine."""

END_S = 20.0

OWN = ("--mount", "--pid", "--fork", "--uts", "--ipc", "--cgroup", "--net", "--kill-child=KILL")
"""What the machine has for itself."""

ENTERED = ("--mount", "--pid", "--uts", "--ipc", "--cgroup", "--net")

FIRST = """\
mount --make-rprivate /
mount --bind "$1" "$1"
cd "$1"
hostname "$2"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for name in null zero full random urandom tty; do
    : >dev/$name
    mount --bind /dev/$name dev/$name
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=755 tmpfs run
pivot_root . mnt
exec chroot . env -i container=tryggve PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    sh -c 'umount -l /mnt && exec /lib/systemd/systemd'
"""
"""As root in the new namespaces: the folder `$1` becomes the root of the machine `$2`.  What would
change this machine's kernel (sysctl, sysfs) is there to read only."""

CLONE_NEWNET = 0x40000000


class Booted:
    """A machine that runs; `pid` is its first process, as this machine counts."""

    def __init__(self, root: Path, pid: int) -> None:
        self.root, self.pid = root, pid

    @property
    def enter(self) -> list[str]:
        """What a command is begun with to run there."""
        return ["nsenter", f"--target={self.pid}", *ENTERED]

    @contextmanager
    def network(self) -> Iterator[None]:
        """This thread's new connections are that machine's."""
        libc = ctypes.CDLL(None, use_errno=True)
        with Path("/proc/thread-self/ns/net").open() as own, _net(self.pid).open() as there:
            _set_network(libc, there.fileno())
            try:
                yield
            finally:
                _set_network(libc, own.fileno())


def _net(pid: int) -> Path:
    return Path(f"/proc/{pid}/ns/net")


def _set_network(libc: ctypes.CDLL, handle: int) -> None:
    if libc.setns(handle, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "this thread cannot change its network")


@contextmanager
def booted(root: Path, name: str) -> Iterator[Booted]:
    """The Debian in `root` runs, and is called `name`.  Raises `BuildError`."""
    (root / "etc/machine-id").write_text(f"{uuid.uuid4().hex}\n")  # else it asks who it is
    (root / "etc/hostname").write_text(f"{name}\n")
    group = _groups() / f"tryggve-{name}-{os.getpid()}"
    group.mkdir()
    begin = f'echo $$ >{group}/cgroup.procs && exec unshare {" ".join(OWN)} sh -ec "$@"'
    log = root.with_name(f"{root.name}.boot")
    with log.open("wb") as said:
        process = subprocess.Popen(
            ["sh", "-ec", begin, "sh", FIRST, "sh", str(root), name],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        machine = Booted(root, _first_of(process, log))
        _wait(machine, log)
        yield machine
    finally:
        process.kill()  # and with it, by --kill-child, all of the machine
        process.wait(END_S)
        _remove(group)


def _groups() -> Path:
    """Where this machine's control groups (version 2) are."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, folder, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(folder)
    raise BuildError("this machine has no control groups, which systemd needs")


def _first_of(process: subprocess.Popen[bytes], log: Path) -> int:
    """The machine's first process."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    until = time.monotonic() + BOOT_S
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError):
            for child in children.read_text().split():
                if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                    return int(child)
        time.sleep(0.05)
    raise BuildError(f"the machine did not boot:\n{log.read_text(errors='replace')[-1500:]}")


def _wait(machine: Booted, log: Path) -> None:
    """Until it has booted, whatever of it failed."""
    until = time.monotonic() + BOOT_S
    state = ""
    while time.monotonic() < until:
        asked = [*machine.enter, "systemctl", "is-system-running"]
        done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=BOOT_S)
        state = (done.stdout + done.stderr).strip()
        if state in ("running", "degraded"):
            return
        time.sleep(0.2)
    raise BuildError(f"the machine booted as far as {state!r}: {log.read_text(errors='replace')}")


def _remove(group: Path) -> None:
    until = time.monotonic() + END_S
    while group.exists() and time.monotonic() < until:
        for folder in (*sorted(group.rglob("*/"), reverse=True), group):
            with suppress(OSError):  # a process is still ending there
                folder.rmdir()
        time.sleep(0.1)


def wire(one: Booted, other: Booted, addresses: tuple[str, str]) -> None:
    """A wire between them, with an address at each end.  Raises `BuildError`."""
    ends = ((one, "wire0", addresses[0]), (other, "wire1", addresses[1]))
    made = ["ip", "link", "add", "wire0", "type", "veth", "peer", "name", "wire1"]
    _ip(one, [*made, "netns", str(other.pid)])
    for machine, name, address in ends:
        _ip(machine, ["ip", "address", "add", f"{address}/24", "dev", name])
        _ip(machine, ["ip", "link", "set", name, "up"])


def _ip(machine: Booted, command: list[str]) -> None:
    inside = ["nsenter", f"--net={_net(machine.pid)}", *command]
    done = subprocess.run(inside, capture_output=True, text=True, check=False, timeout=END_S)
    if done.returncode:
        raise BuildError(f"{' '.join(command)}: {done.stderr.strip()}")
