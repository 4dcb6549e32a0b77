# What `make image-proof` looks at in a machine that started from the card, as root there; $stage says
# at which start, @WORDS@ come from tools/image/proof.py.  Each look is one line on the console.
look() { # what, shell
    if said=$(sh -ec "$2" 2>&1); then
        echo "LOOK ok $1"
    else
        echo "LOOK no $1: $(echo "$said" | tail -n 12 | tr '\n' '|')"
    fi
}
within() { # seconds, what, shell: as soon as it is so
    until=$(($(date +%s) + $1 * @SLOW@))
    until sh -ec "$3" >/dev/null 2>&1 || [ "$(date +%s)" -gt $until ]; do sleep 1; done
    look "$2" "$3"
}
note() { echo "LOOK note $*"; }
show='systemctl show -P'
page="python3 -c 'import ssl,sys,urllib.request as u
c=ssl._create_unverified_context()
print(u.urlopen(sys.argv[1],timeout=20,context=c).read().decode())'"
# the card's own program may have it mounted just then, to read, and it is not mounted two ways at once
boot='mkdir -p /run/seen; for _ in 1 2 3 4 5 6 7 8 9; do
    mount -t vfat LABEL=@BOOT@ /run/seen && break; sleep @SLOW@; done; findmnt /run/seen'

if [ @SLOW@ -gt 1 ]; then # emulated: what a Pi does in seconds takes minutes
    mkdir -p /run/systemd/system/tryggve-gateway.service.d
    printf '[Service]\nTimeoutStartSec=20min\nWatchdogSec=5min\n' >/run/systemd/system/tryggve-gateway.service.d/slow.conf
    systemctl daemon-reload
fi
within 300 "systemd has started everything" \
    'case $(systemctl is-system-running) in running | degraded) ;; *) exit 1 ;; esac'
look "nothing failed" '[ -z "$(systemctl --failed --no-legend --plain)" ] || {
    systemctl --failed --plain --no-legend; journalctl -b -p err --no-pager | tail -n 8; exit 1; }'
look "the root is read-only" '! touch /written && ! touch /etc/written && ! touch /var/written'
look "the state has a partition of its own, which is written" \
    'findmnt -n -o OPTIONS /state | grep -w rw && touch /state/written &&
    [ "$(findmnt -n -o SOURCE /state)" != "$(findmnt -n -o SOURCE /)" ]'
look "what is kept lies there" \
    'for seen in @KEPT@; do findmnt -n -o SOURCE $seen | grep -F "$(findmnt -n -o SOURCE /state)["; done'
within 60 "the state grew to the end of the card" \
    '[ "$(df --output=size -m /state | tail -n 1)" -gt @GROWN_MIB@ ]'
within 60 "swap is compressed memory, and nothing else" \
    'grep -q ^/dev/zram /proc/swaps && [ "$(grep -c ^/ /proc/swaps)" = 1 ]'
look "the journal is in memory, and bounded" \
    '[ ! -e /var/log/journal ] && journalctl -b -u systemd-journald --no-pager | grep "max 32M"'
look "systemd feeds a watchdog" 'grep RuntimeWatchdogSec=15s /usr/lib/systemd/system.conf.d/watchdog.conf &&
    [ -n "$(systemctl show -P WatchdogDevice)" ]'
look "nobody has a password" '! grep -v "^[^:]*:[!*]" /etc/shadow'
look "nobody can sign in" '[ -z "$(systemctl list-units --no-legend --plain "*getty*.service")" ] &&
    ! systemctl is-active ssh.service ssh.socket "sshd*" && [ -z "$(ss -Hlx "src */sshd*")" ] &&
    ! ls /etc/ssh/ssh_host_* && [ -z "$(ss -Hltn "sport = 22")" ]'
look "nothing listens to others but the home's page" \
    'ss -Hltn | awk "\$4 !~ /^127[.]|^\[::1\]/" | awk "\$4 !~ /:8080\$/ { print; bad = 1 } END { exit bad }"'
look "the update's units wait" \
    'systemctl is-active tryggve-update.path tryggve-update-watch.path'
look "the boot partition is not mounted" '! findmnt /boot/firmware && ! findmnt /run/tryggve-card/boot'

case $stage in
new)
    look "a home that nobody gave waits, and is not started" \
        '[ "$(systemctl show -P ActiveState tryggve-gateway)" = inactive ]'
    within 60 "the page says what it waits for" "$page http://127.0.0.1:8080/ | grep tryggve.txt"
    sh -ec "$boot"
    printf 'server = @SERVER@\r\nkod = 00000-00000-00000000\r\n' >/run/seen/tryggve.txt
    cp @LOOKS@/tryggve-ca.pem /run/seen
    before=$(sha256sum </run/seen/tryggve.txt)
    umount /run/seen
    within 120 "a wrong code: the page says so" "$page http://127.0.0.1:8080/ | grep 'inte emot koden'"
    sleep 20
    look "… and nothing of the file is lost" "$boot; after=\$(sha256sum </run/seen/tryggve.txt)
        umount /run/seen; [ '$before' = \"\$after\" ]"
    look "… and it is asked once" \
        '[ "$(journalctl -b -u tryggve-card --no-pager | grep -c "inte emot koden")" = 1 ]'
    if modprobe mac80211_hwsim radios=1 2>/dev/null; then
        sh -ec "$boot"
        printf 'wifi = Hemma “5G”\r\nwifi-lösenord = hemligt99\r\n' >/run/seen/tryggve.txt
        umount /run/seen
        within 60 "a Wi-Fi is joined as it was written" 'systemctl is-active wpa_supplicant@wlan0'
        look "… its password is kept nowhere" '! grep -rq hemligt99 /etc/tryggve'
        modprobe -r mac80211_hwsim
        rm /etc/tryggve/wifi.conf
        systemctl stop wpa_supplicant@wlan0
    fi
    rm -f /etc/tryggve/tryggve-ca.pem
    ;;
taken)
    within 400 "the home was enrolled, and runs" 'systemctl is-active tryggve-gateway'
    look "its file says who it is" 'grep -F "@HOME@" /etc/tryggve/home.toml && grep -F "@SERVER@" /etc/tryggve/home.toml'
    look "the code is gone from the card, its place is said" \
        "$boot; cat /run/seen/*ryggve.txt; ! grep -a '@CODE@' /run/seen/* && grep -a '@HOME@' /run/seen/*ryggve.txt; umount /run/seen"
    look "the card's own program has ended well" '[ "$(systemctl show -P Result tryggve-card)" = success ] && ! systemctl is-active tryggve-card'
    within 60 "its page answers over HTTPS" "$page https://127.0.0.1:8080/ | grep -i tryggve"
    within 60 "its log is written" 'runuser -u tryggve -- tryggve gateway log tail | grep gateway.started'
    look "it has no rights, and asks the kernel for little" 'pid=$(systemctl show -P MainPID tryggve-gateway)
        grep "^CapEff:.0*$" /proc/$pid/status; grep "^NoNewPrivs:.1" /proc/$pid/status
        grep "^Seccomp:.2" /proc/$pid/status; [ "$(stat -c %U /proc/$pid)" = tryggve ]'
    look "it feeds its watchdog" 'a=$(systemctl show -P WatchdogTimestampMonotonic tryggve-gateway)
        sleep 20; b=$(systemctl show -P WatchdogTimestampMonotonic tryggve-gateway); [ "$b" -gt "$a" ]'
    look "it says no error" '! journalctl -b -u tryggve-gateway --no-pager | grep -E " (ERROR|CRITICAL) |Traceback"'
    note "its memory: $($show MemoryCurrent tryggve-gateway) bytes"
    [ @SLOW@ -gt 1 ] || kill -STOP "$($show MainPID tryggve-gateway)"
    [ @SLOW@ -gt 1 ] || within 120 "one that hangs is started anew" \
        '[ "$(systemctl show -P NRestarts tryggve-gateway)" -ge 1 ] && systemctl is-active tryggve-gateway'
    [ @SLOW@ -gt 1 ] || look "… because systemd missed its word" 'journalctl -b -u tryggve-gateway --no-pager | grep -i "watchdog timeout"'
    request=/var/lib/tryggve/updates/request.json
    runuser -u tryggve -- sh -c "mkdir -p /var/lib/tryggve/updates; echo '{\"id\": \"x\", \"version\": \"9\", \"plan\": 1}' >$request"
    within 120 "root's half of an update answers, and refuses what is not signed" \
        "[ ! -e $request ] && [ \"\$(systemctl show -P Result tryggve-update)\" = success ] && ! systemctl is-active tryggve-update &&
        journalctl -b -u tryggve-update --no-pager | grep -q 'take a release in'"
    look "a release is taken and switched" '/usr/lib/tryggve-gateway/release use $(/usr/lib/tryggve-gateway/release take /opt/tryggve-gateway/package) && systemctl restart tryggve-gateway && systemctl is-active tryggve-gateway &&
        tr "\0" " " <"/proc/$(systemctl show -P MainPID tryggve-gateway)/cmdline" | grep /releases/a/'
    ssh-keygen -q -t ed25519 -N "" -f /tmp/key
    asked=/var/lib/tryggve/ssh/request.json
    ask() { runuser -u tryggve -- sh -c "mkdir -p /var/lib/tryggve/ssh; echo '{\"id\": \"staff:x/1\", \"key\": \"$1\", \"boot\": \"$(cat /proc/sys/kernel/random/boot_id)\"}' >$asked"; }
    plain="-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=$((20 * @SLOW@))"
    enter="ssh -i /tmp/key $plain"
    ask "ssh-rsa AAAA\", \"more\": \"x"
    within 60 "SSH: what is no request opens nothing" "[ ! -e $asked ] && ! systemctl is-active tryggve-ssh && [ -z \"\$(ss -Hltn 'sport = 22')\" ]"
    ask "$(cut -d' ' -f1,2 /tmp/key.pub)"
    within 60 "SSH is open when it is asked for, and says so" "grep '\"open\"' /run/tryggve-ssh/state.json && systemctl is-active tryggve-ssh"
    look "… a technician signs in with the key, is not root, and sees the journal" \
        "said=\"\$($enter technician@127.0.0.1 'id -un; journalctl -q -n 1 -u tryggve-gateway >/dev/null && echo seen' 2>&1)\"; echo \"\$said\"
        [ \"\$(echo \"\$said\" | tail -n 2 | tr '\n' ' ')\" = 'technician seen ' ]"
    look "… sees nothing of the home's, and changes nothing" \
        "! $enter technician@127.0.0.1 'ls /var/lib/tryggve || ls /state || ls /etc/tryggve || touch /etc/x || touch /run/tryggve-ssh/x || su - root -c id'"
    look "… not as root, nor as the home's user" "! $enter root@127.0.0.1 id && ! $enter tryggve@127.0.0.1 id"
    rm -f /tmp/other /tmp/other.pub; ssh-keygen -q -t ed25519 -N "" -f /tmp/other
    look "… not with another key, and never by a password" \
        "! ssh -i /tmp/other -o IdentitiesOnly=yes $plain technician@127.0.0.1 id &&
        ssh -v -o PreferredAuthentications=none $plain technician@127.0.0.1 id 2>&1 | tr -d '\r' | grep 'can continue: publickey$'"
    note "systemd: $(systemd-analyze security --no-pager tryggve-ssh.service | tail -n 1)"
    $enter technician@127.0.0.1 'sleep 1000' >/dev/null 2>&1 &
    inside=$!
    sleep 3
    systemctl stop tryggve-gateway # what no event asked for it ends when it starts
    look "… and is open without the gateway, whatever the clock says" \
        "date -s '+3 hours' && sleep 5 && kill -0 $inside && systemctl is-active tryggve-ssh; date -s '-3 hours'; kill -0 $inside"
    systemctl start tryggve-gateway
    ask ""
    within 60 "SSH is closed when it is ended, and who was in is cut off" \
        "grep '\"closed\"' /run/tryggve-ssh/state.json && ! systemctl is-active tryggve-ssh && ! kill -0 $inside && [ -z \"\$(ss -Hltn 'sport = 22')\" ] && [ ! -e /run/tryggve-ssh/authorized_keys ]"
    look "Debian's security updates have the root to write on, and nobody else" \
        'systemctl start apt-daily-upgrade && [ "$(systemctl show -P Result apt-daily-upgrade)" = success ] && ! touch /written'
    ;;
again)
    within 300 "the home runs by itself" 'systemctl is-active tryggve-gateway'
    within 60 "its log is whole" 'runuser -u tryggve -- tryggve gateway log verify'
    look "it wrote its start down" 'runuser -u tryggve -- tryggve gateway log tail -n 200 | grep gateway.started'
    look "it says no error" '! journalctl -b -u tryggve-gateway --no-pager | grep -E " (ERROR|CRITICAL) |Traceback"'
    ;;
esac
look "nothing has failed since" '[ -z "$(systemctl --failed --no-legend --plain)" ] || { systemctl --failed --plain --no-legend; exit 1; }'
if [ @END@ = hang ]; then # for ever, if it were for the kernel alone
    look "the watchdog waits for 15 s" 'busctl set-property org.freedesktop.systemd1 /org/freedesktop/systemd1 \
        org.freedesktop.systemd1.Manager RuntimeWatchdogUSec t 15000000 &&
        [ "$(cat /sys/class/watchdog/watchdog0/timeout)" = 15 ]'
    sync
    echo 0 >/proc/sys/kernel/panic
    echo 1 >/proc/sys/kernel/sysrq
    echo LOOK end
    echo c >/proc/sysrq-trigger
fi
echo LOOK end
if [ @END@ = cut ]; then # writing goes on until the machine is no more
    while :; do
        head -c 200000 /dev/urandom >/state/written
        sync /state/written
        systemctl restart tryggve-gateway
        sleep 2
    done
fi
systemctl poweroff
