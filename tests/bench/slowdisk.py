"""The SD model: a file on tmpfs with 5 ms added to each fsync.  It repeats to about 1 %, which a
real card does not."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

FSYNC_MS = 5
"""Milliseconds added to each fsync: a fair SD card (DESIGN section 9)."""

_SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
static void wait_ms(void) {
    struct timespec t = {0, %d * 1000000L};
    nanosleep(&t, 0);
}
int fsync(int fd) {
    static int (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "fsync");
    wait_ms();
    return real(fd);
}
int fdatasync(int fd) {
    static int (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "fdatasync");
    wait_ms();
    return real(fd);
}
"""


def library(folder: Path) -> Path | None:
    """Compile the model into `folder`; None where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    source, made = folder / "slowdisk.c", folder / "slowdisk.so"
    source.write_text(_SOURCE % FSYNC_MS)
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", str(source), "-o", str(made), "-ldl"], check=True
    )
    return made


def environment(lib: Path) -> dict[str, str]:
    """The environment for a process on the slow disk."""
    return {**os.environ, "LD_PRELOAD": str(lib)}


def memory_folder() -> Path:
    """Where tmpfs is on every Debian."""
    return Path("/dev/shm")
