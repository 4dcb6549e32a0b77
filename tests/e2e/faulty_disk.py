"""A disk whose faults are switched while a process runs, by LD_PRELOAD: what a dying card does.

Each call that touches a file of the watched folder looks into a control file: it is refused
(`EIO`, `EROFS`, `ENOSPC`), takes half of what it was given and then nothing (`SHORT`), or waits
until the fault is over (`HANG`).  Syncs of the log's `-wal` are counted, so that a test can say how
many there were for so many commits.

Not for: what a power cut takes (`power_cut`), a disk that is only slow (`tests.bench.slowdisk`), or
a real file system that is full or read-only (`mounted`, below, where the tests may mount).
"""

from __future__ import annotations

import mmap
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

WRITES = "write,sync,open,change"
"""Everything that a disk which refuses refuses."""

_SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); if (!real) real = dlsym(RTLD_NEXT, name)

static const char *watched, *control;
static volatile unsigned long *counts;  /* syncs of the log's -wal */

/* Asked of the kernel itself: `open` and `read` are ours here. */
static int reads_control(char *text, size_t room) {
    int fd = (int)syscall(SYS_openat, AT_FDCWD, control, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) return 0;
    long n = syscall(SYS_read, fd, text, room - 1);
    syscall(SYS_close, fd);
    text[n > 0 ? n : 0] = 0;
    return n > 0;
}

static int within(const char *path) {
    size_t n = strlen(watched);
    return !strncmp(path, watched, n) && (!path[n] || path[n] == '/');
}

/* What is to happen to this call on this path: an errno, -1 for SHORT, -2 for HANG, 0 for nothing.
   The control file has a line: fault, calls, part of the path ("*": any; "#" and a number: the file
   of that inode, whatever it is called), and for reads from which byte of the file to which. */
static int fault_at(const char *call, const char *path, long long at) {
    char text[600], what[20], calls[100], part[200];
    long long first = 0, last = -1;
    if (!control || !within(path)) return 0;
    if (!reads_control(text, sizeof text)) return 0;
    if (sscanf(text, "%19s %99s %199s %lld %lld", what, calls, part, &first, &last) < 3) return 0;
    if (last >= 0 && (at < first || at >= last)) return 0;
    if (!strstr(calls, call)) return 0;
    struct stat there;
    if (*part == '#') {
        if (stat(path, &there) || there.st_ino != strtoull(part + 1, NULL, 10)) return 0;
    } else if (strcmp(part, "*") && !strstr(path + strlen(watched), part)) return 0;
    if (!strcmp(what, "EIO")) return EIO;
    if (!strcmp(what, "EROFS")) return EROFS;
    if (!strcmp(what, "ENOSPC")) return ENOSPC;
    if (!strcmp(what, "SHORT")) return -1;
    return !strcmp(what, "HANG") ? -2 : 0;
}

static int refused_at(const char *call, const char *path, long long at) {
    int fault;
    while ((fault = fault_at(call, path, at)) == -2) usleep(10000);
    if (fault == -1 && strcmp(call, "write")) return 0;
    if (fault > 0) errno = fault;
    return fault;
}

static int refused(const char *call, const char *path) { return refused_at(call, path, -1); }

static int path_of(int fd, char *path) {
    char link[64];
    if (!control) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, PATH_MAX - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return within(path);
}

static int refused_fd(const char *call, int fd) {
    char path[PATH_MAX];
    return path_of(fd, path) ? refused(call, path) : 0;
}

/* How much of a write is taken; -1: nothing, errno says why. */
static ssize_t taken(int fd, size_t n) {
    int fault = refused_fd("write", fd);
    if (fault > 0) return -1;
    if (fault == -1) {
        if (n > 1) return (ssize_t)(n / 2);
        errno = ENOSPC;
        return -1;
    }
    return (ssize_t)n;
}

ssize_t write(int fd, const void *data, size_t n) {
    REAL(ssize_t, "write", int, const void *, size_t);
    ssize_t some = taken(fd, n);
    return some < 0 ? -1 : real(fd, data, (size_t)some);
}
ssize_t pwrite(int fd, const void *data, size_t n, off_t at) {
    REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
    ssize_t some = taken(fd, n);
    return some < 0 ? -1 : real(fd, data, (size_t)some, at);
}
ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    ssize_t some = taken(fd, n);
    return some < 0 ? -1 : real(fd, data, (size_t)some, at);
}
ssize_t pread64(int fd, void *data, size_t n, off64_t at) {
    REAL(ssize_t, "pread64", int, void *, size_t, off64_t);
    char path[PATH_MAX];
    if (path_of(fd, path) && refused_at("read", path, (long long)at) > 0) return -1;
    return real(fd, data, n, at);
}

static int sync_of(int fd) {
    char path[PATH_MAX];
    if (!path_of(fd, path)) return 0;
    size_t n = strlen(path);
    if (counts && n > 4 && !strcmp(path + n - 4, "-wal")) __sync_fetch_and_add(&counts[0], 1);
    return refused("sync", path);
}
int fsync(int fd) {
    REAL(int, "fsync", int);
    return sync_of(fd) > 0 ? -1 : real(fd);
}
int fdatasync(int fd) {
    REAL(int, "fdatasync", int);
    return sync_of(fd) > 0 ? -1 : real(fd);
}

static int opened(const char *name, int folder, const char *path, int flags, mode_t mode) {
    REAL(int, "openat64", int, const char *, int, mode_t);
    int writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT);
    (void)name;
    if (path && *path == '/' && refused(writes ? "open" : "read", path) > 0) return -1;
    return real(folder, path, flags, mode);
}
#define OPENS(name, folder, ...) \
int name(__VA_ARGS__, int flags, ...) { \
    va_list rest; va_start(rest, flags); \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
    va_end(rest); \
    return opened(#name, folder, path, flags, mode); \
}
OPENS(open, AT_FDCWD, const char *path)
OPENS(open64, AT_FDCWD, const char *path)
OPENS(openat, at, int at, const char *path)
OPENS(openat64, at, int at, const char *path)

int rename(const char *from, const char *to) {
    REAL(int, "rename", const char *, const char *);
    return refused("change", from) > 0 ? -1 : real(from, to);
}
int unlink(const char *path) {
    REAL(int, "unlink", const char *);
    return refused("change", path) > 0 ? -1 : real(path);
}
int mkdir(const char *path, mode_t mode) {
    REAL(int, "mkdir", const char *, mode_t);
    return refused("change", path) > 0 ? -1 : real(path, mode);
}

__attribute__((constructor)) static void begin(void) {
    watched = getenv("FAULTY_DISK_STATE");
    control = watched ? getenv("FAULTY_DISK_CONTROL") : NULL;
    const char *counted = getenv("FAULTY_DISK_COUNTS");
    if (!counted) return;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, counted, O_RDWR | O_CLOEXEC, 0);
    void *there = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (there != MAP_FAILED) counts = there;
}
"""


@cache
def _compiler() -> str | None:
    return shutil.which("cc") or shutil.which("gcc")


class FaultyDisk:
    """The disk under the folder `state`; what it needs lies in `folder`, beside it.  Skips the test
    where there is no C compiler."""

    def __init__(self, folder: Path, state: Path) -> None:
        compiler = _compiler()
        if compiler is None:
            pytest.skip("there is no C compiler")
        folder.mkdir(exist_ok=True)
        self._state = state
        self._control, self._counts = folder / "fault", folder / "counts"
        self._library = folder / "faulty_disk.so"
        source = folder / "faulty_disk.c"
        source.write_text(_SOURCE)
        options = ["-shared", "-fPIC", "-O1", "-Wall", "-Wno-nonnull-compare"]
        command = [compiler, *options, str(source), "-o", str(self._library), "-ldl"]
        subprocess.run(command, check=True)
        self._counts.write_bytes(bytes(4096))

    def variables(self) -> dict[str, str]:
        """What a process needs in its environment to stand on this disk."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAULTY_DISK_STATE": str(self._state.resolve()),
            "FAULTY_DISK_CONTROL": str(self._control),
            "FAULTY_DISK_COUNTS": str(self._counts),
        }

    def environment(self) -> dict[str, str]:
        """The whole environment of such a process."""
        return {**os.environ, **self.variables()}

    @contextmanager
    def fault(
        self,
        what: str,
        calls: str = WRITES,
        part: str = "*",
        between: tuple[int, int] | None = None,
    ) -> Iterator[None]:
        """While in the block: `what` (`EIO`, `EROFS`, `ENOSPC`, `SHORT`, `HANG`) happens to these
        `calls` (of `write`, `sync`, `open` for writing, `change`: rename, unlink, mkdir; `read`) on
        files whose path has `part` in it (`#` and a number: of that inode); `between` these bytes
        of the file, of reads of a block only."""
        self.begin(what, calls, part, between)
        try:
            yield
        finally:
            self.end()

    def begin(
        self,
        what: str,
        calls: str = WRITES,
        part: str = "*",
        between: tuple[int, int] | None = None,
    ) -> None:
        """The fault begins."""
        new = self._control.with_suffix(".new")
        where = "" if between is None else f" {between[0]} {between[1]}"
        new.write_text(f"{what} {calls} {part}{where}\n")
        new.replace(self._control)

    def end(self) -> None:
        """The disk is well."""
        self._control.unlink(missing_ok=True)

    def syncs(self) -> int:
        """How often a process on this disk has synced the log's `-wal`."""
        with self._counts.open("rb") as file:
            there = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
            (count,) = struct.unpack("=Q", there[:8])
            there.close()
        return int(count)


@contextmanager
def mounted(folder: Path, size: str = "16m") -> Iterator[Path]:
    """A small file system of its own at `folder`; skips the test where it may not mount."""
    folder.mkdir(exist_ok=True)
    asked = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(folder)]
    if shutil.which("mount") is None:
        pytest.skip("there is no mount")
    if subprocess.run(asked, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def remount(folder: Path, how: str) -> None:
    """Make a mounted file system `ro` or `rw`; nobody may hold a file of it open for writing."""
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)


def fill(folder: Path, leave: int = 0) -> Path:
    """Write a file until the file system under `folder` has no more than `leave` bytes; its path:
    whoever deletes it makes room."""
    big = folder / "big-file"
    with big.open("ab", buffering=0) as file:
        try:
            while (free := _free(folder)) > leave:
                file.write(bytes(min(1 << 16, max(1, free - leave))))
        except OSError:
            pass
    return big


def _free(folder: Path) -> int:
    there = os.statvfs(folder)
    return there.f_bavail * there.f_frsize
