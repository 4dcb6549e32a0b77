"""A disk that loses, when the power goes, whatever was not synced: for a process, by LD_PRELOAD.

A kill leaves the kernel's cache as it is, so it shows no missing fsync.  Here `fsync` and
`fdatasync` copy what they are called for to a second folder, the disk: of a file its bytes as they
are then and its name, of a folder the names in it.  After the kill, `after_the_cut` makes the
state folder what was on the disk: a file that was never synced is empty or not there, and one that
was written since is as it was.

A real disk may also keep some of what was not synced; a log must bear both.  Not for: that
(`tests/test_log_folder.py` takes files away and empties them), or a disk that refuses
(`tests/test_watchdog.py`).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

_SOURCE = r"""
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static const char *watched, *disk;  /* the state folder, and what survives a cut */

static void lost(const char *what) { perror(what); abort(); }

/* A file's own name, whatever it is called: a number may be given out again, so with its birth. */
static int identity(const char *path, char *id, size_t room) {
    struct statx st;
    if (statx(AT_FDCWD, path, 0, STATX_BASIC_STATS | STATX_BTIME, &st)) return 0;
    if (!S_ISREG(st.stx_mode)) return 0;
    snprintf(id, room, "%llu-%lld-%u", (unsigned long long)st.stx_ino,
             (long long)st.stx_btime.tv_sec, st.stx_btime.tv_nsec);
    return 1;
}

/* Put a file on the disk, whole or not at all: the kill may come at any moment. */
static void put(const char *folder, const char *name, int from, const char *text) {
    char part[PATH_MAX], whole[PATH_MAX];
    snprintf(part, sizeof part, "%s/part", disk);
    snprintf(whole, sizeof whole, "%s/%s/%s", disk, folder, name);
    int to = open(part, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    if (to < 0) lost(part);
    if (text && write(to, text, strlen(text)) != (ssize_t)strlen(text)) lost(part);
    ssize_t n = 1;
    while (!text && n > 0) n = sendfile(to, from, NULL, 1 << 20);
    if (n < 0) lost(part);
    close(to);
    if (rename(part, whole)) lost(whole);
}

/* A path within the state folder as one word. */
static void word(const char *path, char *out, size_t room) {
    snprintf(out, room, "%s", path + strlen(watched) + 1);
    for (char *c = out; *c; c++) if (*c == '/') *c = ':';
}

static void sync_name(const char *path) {
    char id[100], name[PATH_MAX];
    if (!identity(path, id, sizeof id)) return;
    word(path, name, sizeof name);
    put("name", name, -1, id);
}

static void sync_file(const char *path) {
    char id[100];
    int from = open(path, O_RDONLY);
    if (from < 0) return;  /* it was deleted: nobody finds it after a cut */
    if (identity(path, id, sizeof id)) {
        put("data", id, from, NULL);
        sync_name(path);  /* as ext4: a new file's name goes with it */
    }
    close(from);
}

static void sync_folder(const char *path) {
    char name[PATH_MAX], prefix[PATH_MAX], file[PATH_MAX], there[PATH_MAX];
    *prefix = 0;
    if (strlen(path) > strlen(watched)) {
        word(path, prefix, sizeof prefix - 1);
        strcat(prefix, ":");
    }
    struct dirent *entry;
    DIR *names = opendir(path);
    while (names && (entry = readdir(names))) {
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        sync_name(file);
    }
    if (names) closedir(names);
    snprintf(name, sizeof name, "%s/name", disk);
    names = opendir(name);
    while (names && (entry = readdir(names))) {  /* what was deleted or renamed */
        const char *rest = entry->d_name + strlen(prefix);
        if (strncmp(entry->d_name, prefix, strlen(prefix)) || strchr(rest, ':')) continue;
        snprintf(file, sizeof file, "%s/%s", path, rest);
        snprintf(there, sizeof there, "%s/name/%s", disk, entry->d_name);
        if (*rest != '.' && access(file, F_OK)) unlink(there);
    }
    if (names) closedir(names);
}

static int within(const char *path) {
    size_t n = strlen(watched);
    return !strncmp(path, watched, n) && (!path[n] || path[n] == '/');
}

static int sync_it(int fd) {
    char link[64], path[PATH_MAX];
    struct stat st;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = disk ? readlink(link, path, sizeof path - 1) : -1;
    if (n < 0 || fstat(fd, &st)) return 0;
    path[n] = 0;
    if (!within(path)) return 0;
    pthread_mutex_lock(&guard);
    if (S_ISDIR(st.st_mode)) sync_folder(path); else sync_file(path);
    pthread_mutex_unlock(&guard);
    return 0;
}

int fsync(int fd) { return sync_it(fd); }
int fdatasync(int fd) { return sync_it(fd); }

static int known(const char *path, const struct stat *st, int kind, struct FTW *at) {
    (void)st; (void)at;
    if (kind == FTW_F) sync_file(path);
    return 0;
}

__attribute__((constructor)) static void begin(void) {  /* what is there was there before */
    watched = getenv("POWER_CUT_STATE");
    disk = getenv("POWER_CUT_DISK");
    if (!watched) disk = NULL;
    if (disk) nftw(watched, known, 16, FTW_PHYS);
}
"""


def library(folder: Path) -> Path | None:
    """Compile it into `folder`; None where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    source, made = folder / "power_cut.c", folder / "power_cut.so"
    source.write_text(_SOURCE)
    options = ["-shared", "-fPIC", "-O1", "-Wall", "-Wno-format-truncation"]
    subprocess.run(
        [compiler, *options, str(source), "-o", str(made), "-ldl", "-lpthread"], check=True
    )
    return made


def environment(lib: Path, state: Path, disk: Path) -> dict[str, str]:
    """The environment for a process whose `state` is on such a disk, which is `disk` from now on:
    what is in `state` now is on it."""
    shutil.rmtree(disk, ignore_errors=True)
    for folder in ("data", "name"):
        (disk / folder).mkdir(parents=True)
    paths = {"POWER_CUT_STATE": str(state.resolve()), "POWER_CUT_DISK": str(disk.resolve())}
    return {**os.environ, "LD_PRELOAD": str(lib), **paths}


def after_the_cut(state: Path, disk: Path) -> None:
    """Make the files of `state` what was synced; its folders stay."""
    for file in [path for path in state.rglob("*") if path.is_file()]:
        file.unlink()
    for name in (disk / "name").iterdir():
        data = disk / "data" / name.read_text()
        file = state / name.name.replace(":", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data.read_bytes() if data.exists() else b"")
        file.chmod(0o600)
