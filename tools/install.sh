#!/bin/sh
# Installs one of the programs on a machine that will run it:
#   sudo sh tools/install.sh home [voice] [yale] [danalock]      sudo sh tools/install.sh staff
#   (beside home: what speaking and looking need, and the library of each lock that needs one, as
#   requirements/ has them)
#
# Debian 12 or 13 (Raspberry Pi OS too).  The program goes to /opt/tryggve, its unit to
# /etc/systemd/system, and the folders that it is configured in and writes in are made; nothing is
# started, and nothing that is configured is touched.  Run it again to bring a newer version in.
# Both programs may be on one machine, in either order.  docs/install.md has the steps before and after.
set -eu
cd "$(dirname "$0")/.."
. tools/debian.sh
need_64_bit

part=${1:-}
case $part in
home) locked=pi unit=tryggve-gateway packages="bluez" ;;
staff) locked=staff unit=tryggve-staff packages= ;;
*) stop "say which: sh tools/install.sh home, or sh tools/install.sh staff" ;;
esac
[ $# = 0 ] || shift
extras=" "
for file in requirements/*.txt; do
    extra=$(basename "$file" .txt)
    case $extra in pi | staff | demo | test | build | mutate) ;; *) extras="$extras$extra " ;; esac
done
for extra in "$@"; do
    case "$part:$extras" in
    home:*" $extra "*) ;;
    *) stop "beside home there is only:$extras" ;;
    esac
done
[ "$(id -u)" = 0 ] || stop "this installs for the whole machine: run it with sudo"
target=/opt/tryggve

# shellcheck disable=SC2086  # a list of packages
debian python3 python3-venv systemd $packages || stop "these Debian packages could not be installed"
version=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
case $version in
3.11 | 3.12 | 3.13) ;;
*) stop "Python 3.11, 3.12 or 3.13 is needed; this machine's python3 is $version" ;;
esac
if [ "$part" = home ] && [ "$version" = 3.13 ]; then
    # lgpio has no wheel for 3.13 yet; its locked source is built, with its own C library inside
    debian gcc libc6-dev python3-dev swig || stop "what lgpio is built with could not be installed"
    export PYPI=1
fi

say "the program, in $target"
[ -x $target/bin/python ] || python3 -m venv $target
pip() {
    $target/bin/python -m pip install --quiet --no-input --disable-pip-version-check \
        --use-pep517 --no-build-isolation "$@"
}
pip --require-hashes -r requirements/build.txt
for needed in "$locked" "$@"; do
    pip --require-hashes -r "requirements/$needed.txt"
done
source=$(mktemp -d)
trap 'rm -rf "$source"' EXIT
if [ "$part" = home ]; then
    # not Debian's python3-lgpio, which a virtual environment does not see
    LG_WD=$source $target/bin/python -c 'import lgpio' ||
        stop "lgpio is installed and does not load; docs/install.md says what it needs"
fi
# built in a copy, so that root leaves nothing behind in the checkout
cp -R pyproject.toml README.md LICENSE gateway drivers web "$source"
pip --no-deps --no-index --force-reinstall "$source"

say "users, devices, unit"
install -D -m 0644 systemd/tryggve.sysusers /usr/lib/sysusers.d/tryggve.conf
systemd-sysusers /usr/lib/sysusers.d/tryggve.conf
if [ "$part" = home ]; then
    install -D -m 0644 systemd/60-tryggve.rules /etc/udev/rules.d/60-tryggve.rules
fi
install -D -m 0644 systemd/$unit.service /etc/systemd/system/$unit.service
if [ "$(systemctl --version | sed -n 's/^systemd \([0-9]*\).*/\1/p')" -ge 254 ]; then
    install -D -m 0644 systemd/restart-growing.conf \
        /etc/systemd/system/$unit.service.d/restart-growing.conf
fi
ln -sf $target/bin/tryggve /usr/local/bin/tryggve
# root's, and open to read: the home's user reads home.toml there.  The server's user makes its own
# files beside it, and can take nobody else's away.
[ -d /etc/tryggve ] || install -d -m 0755 /etc/tryggve
if [ "$part" = home ]; then
    install -d -o tryggve -g tryggve -m 0700 /var/lib/tryggve
else
    chgrp tryggve-staff /etc/tryggve && chmod 1775 /etc/tryggve
    install -d -o tryggve-staff -g tryggve-staff -m 0700 /var/lib/tryggve-staff
fi
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    udevadm control --reload && udevadm trigger --subsystem-match=gpio
fi
say "$(/usr/local/bin/tryggve --version) is installed; docs/install.md says what comes next"
