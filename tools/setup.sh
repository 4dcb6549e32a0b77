#!/bin/sh
# Sets up .venv for one purpose: tools/setup.sh demo|staff|test|mutate [PROGRAM…]
#
# Installs what requirements/<purpose>.txt locks (every file with its hash), then this project on
# top, without a download.  A PROGRAM (chromium, postgresql, gcc) comes from Debian where that is
# allowed: as root, or through a sudo that asks nothing.  Where it is not, this goes on without, for
# the tests that need it skip and say so.  One line a step on standard error; silent when nothing
# is to be done.
# Not for: a Pi or a server in use (docs/install.md).
set -eu
cd "$(dirname "$0")/.."
. tools/debian.sh
need_64_bit

purpose=$1
shift
locked=requirements/$purpose.txt
log=$(mktemp)
trap 'rm -f "$log"' EXIT

quietly() { # what it is, command …: shows the command's output only when it fails
    what=$1
    shift
    say "$what"
    "$@" >"$log" 2>&1 || {
        tail -n 40 "$log" >&2
        stop "that failed: $what."
    }
}

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

choose_python() {
    for python in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        fits "$python" && return
    done
    [ -z "${PYTHON:-}" ] || stop "$PYTHON is no Python 3.11, 3.12 or 3.13."
    debian python3 || stop "Python 3.11, 3.12 or 3.13 is needed; install Debian's python3."
    python=python3
    fits "$python" || stop "Python 3.11, 3.12 or 3.13 is needed, and Debian's python3 is another."
}

make_venv() {
    choose_python
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        debian "python$version-venv" ||
            stop "this Python makes no virtual environments; run: apt-get install python$version-venv"
    fi
    quietly "a virtual environment with Python $version in .venv" \
        "$python" -m venv --clear .venv
}

for program in "$@"; do
    case $program in
    chromium) for c in chromium chromium-browser google-chrome; do
            command -v $c && ls /usr/lib/*/libatomic.so.1 && continue 2
        done ;;
    postgresql) command -v initdb && continue
        for c in /usr/lib/postgresql/*/bin/initdb; do [ -x "$c" ] && continue 2; done ;;
    gcc) command -v cc && continue ;;
    mmdebstrap | lintian) command -v "$program" && continue ;;
    mtools) command -v mcopy && command -v mkfs.vfat && continue ;;
    qemu-user-static) command -v qemu-aarch64-static && command -v arch-test && continue ;;
    qemu-system-arm) command -v qemu-system-aarch64 && continue ;;
    qemu-system-x86) command -v qemu-system-x86_64 && continue ;;
    esac >/dev/null 2>&1
    case $program in
    gcc) program="gcc libc6-dev" ;;
    mtools) program="mtools dosfstools" ;;
    qemu-user-static) program="qemu-user-static arch-test" ;;
    chromium) program="chromium libatomic1" ;; # Playwright's driver needs it
    esac
    # shellcheck disable=SC2086  # one program may be two packages
    debian $program || say "without $program: what needs it is skipped"
done

fits .venv/bin/python || make_venv

pip_install() {
    .venv/bin/python -m pip install --no-input --disable-pip-version-check \
        --progress-bar off --use-pep517 --no-build-isolation "$@"
}

install_locked() {
    pip_install --require-hashes -r requirements/build.txt &&
        pip_install --require-hashes -r "$locked"
}

# What is installed is named in a stamp: the locked files and this folder (a moved one is installed
# anew).  What mutating needs holds what the tests need, which holds what the demo needs, which holds
# what the server needs.
want() { printf '%s %s\n' "$(cksum <"requirements/$1.txt")" "$(pwd)"; }
case $purpose in
demo) holders="demo test mutate" ;;
staff) holders="staff demo test mutate" ;;
test) holders="test mutate" ;;
*) holders=$purpose ;;
esac
for holder in $holders; do
    stamp=.venv/tryggve-$holder.stamp
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(want "$holder")" ]; then
        installed=yes
    fi
done
if [ -z "${installed:-}" ]; then
    rm -f .venv/tryggve-*.stamp
    # What has no wheel is built by the locked setuptools, so that nothing unlocked is downloaded.
    quietly "what $locked locks" install_locked
    want "$purpose" >".venv/tryggve-$purpose.stamp"
fi
stamp=.venv/tryggve-project.stamp
if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$(cksum <pyproject.toml) $(pwd)" ]; then
    quietly "Tryggve itself" \
        pip_install --no-deps --no-index -e .
    printf '%s\n' "$(cksum <pyproject.toml) $(pwd)" >"$stamp"
fi
