# What `make image-proof` looks at in a machine that started from the card; the word in $stage says at
# which start.  @SEEN@ are the places that are kept, @GROWN_MIB@ what the state has at least.
look() { # what, shell
    if said=$(sh -ec "$2" 2>&1); then
        echo "LOOK ok $1"
    else
        echo "LOOK no $1: $said" | tr '\n' ' '
        echo
    fi
}
release=/usr/lib/tryggve-gateway/release

look "the root is read-only" '! touch /written && ! touch /etc/written'
look "the state has a partition of its own" \
    'findmnt -n -o OPTIONS /state | grep -w rw && touch /state/written'
look "what is kept lies there" \
    'for seen in @SEEN@; do findmnt -n -o SOURCE $seen | grep -F "$(findmnt -n -o SOURCE /state)["; done'
look "the state grew to the end of the card" \
    '[ "$(df --output=size -m /state | tail -n 1)" -gt @GROWN_MIB@ ]'
look "swap is compressed memory, and nothing else" \
    'grep -q ^/dev/zram /proc/swaps && [ "$(grep -c ^/ /proc/swaps)" = 1 ]'
look "the journal is in memory, and bounded" \
    '[ ! -e /var/log/journal ] && journalctl -b -u systemd-journald | grep "max 32M"'
look "systemd feeds a watchdog" \
    '[ "$(systemctl show -P RuntimeWatchdogUSec)" = 15s ] && [ "$(systemctl show -P WatchdogDevice)" ]'
look "nobody has a password" '! grep -v "^[^:]*:[!*]" /etc/shadow'
look "nobody can sign in" '! command -v sshd && ! systemctl -q is-active "getty@*" "serial-getty@*"'
case $stage in
first)
    look "a home without its file waits for it" \
        'systemctl show -P SubState tryggve-gateway | grep -e auto-restart -e start'
    echo @HOME_TOML@ | base64 -d >/etc/tryggve/home.toml
    look "given its file, it runs" \
        'systemctl restart tryggve-gateway && systemctl is-active tryggve-gateway'
    look "its log is written" 'runuser -u tryggve -- tryggve gateway log tail | grep gateway.started'
    look "a release is taken and switched" \
        "$release use \$($release take /opt/tryggve-gateway/package) && systemctl restart tryggve-gateway"
    ;;
again)
    look "the home runs by itself" \
        'for i in $(seq 90); do systemctl -q is-active tryggve-gateway && exit 0; sleep 1; done; exit 1'
    look "its log is whole" 'runuser -u tryggve -- tryggve gateway log verify'
    ;;
esac
look "the release that was switched to runs" \
    "tr '\\0' ' ' </proc/\$(systemctl show -P MainPID tryggve-gateway)/cmdline | grep /releases/a/"
look "Debian's security updates have the root to write on, and nobody else" \
    'systemctl start apt-daily-upgrade && ! touch /written'
look "nothing failed" '[ -z "$(systemctl --failed --no-legend --plain)" ] || { systemctl --failed --plain; exit 1; }'
echo LOOK end
