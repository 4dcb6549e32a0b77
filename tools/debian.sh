# To be read by a script (". tools/debian.sh"): installs Debian packages where that is allowed.

say() { printf '· %s\n' "$*" >&2; }
stop() {
    printf 'make: %s\n' "$*" >&2
    exit 1
}

need_64_bit() { # the locked packages are for 64 bits; a 32-bit system may run a 64-bit kernel
    bits=$(getconf LONG_BIT)
    [ "$bits" = 64 ] ||
        stop "a 64-bit system is needed, and this one is $bits-bit: on a Raspberry Pi write Raspberry Pi OS (64-bit) to the card"
}

debian() { # package …: 0 when they are installed now; 1 when that is not allowed, or failed
    [ "${APT:-yes}" != no ] && command -v apt-get >/dev/null || return 1
    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif sudo -n true 2>/dev/null; then
        as_root="sudo -n"
    else
        return 1
    fi
    say "from Debian: $*"
    debian_log=$(mktemp)
    # update may fail for a source that has nothing to do with us: install tells what counts
    $as_root apt-get update -qq >"$debian_log" 2>&1 </dev/null || true
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq --yes --no-install-recommends "$@" >>"$debian_log" 2>&1 </dev/null || {
        tail -n 20 "$debian_log" >&2
        rm -f "$debian_log"
        return 1
    }
    rm -f "$debian_log"
}
