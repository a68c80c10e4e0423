#!/usr/bin/env bash
# vopctl against both daemons: drivers bound and unbound, a page taken from one place to another, `monitor` interrupted,
# and the trees it finds by itself.
source "$(dirname "$0")/stack.sh"
start_daemons
start_link
host_ctl add-device ep0/share type=9p tag=share
driver=$work/guest/links/ep0/devices/9p0
await "the device" grep -qx running "$driver/state"

holds() { # PYTHON-EXPRESSION: of the one JSON document on standard input, as `it`
    python3 -c 'import json, sys; it = json.load(sys.stdin); assert eval(sys.argv[1]), it' "$1"
}

echo "driver unbind and bind"
guest_ctl -j driver unbind ep0/9p0 |
    holds 'it == {"action": "unbind", "device": "ep0/9p0", "schema": 1}'
await "the unbinding" grep -qx unbound "$driver/state"
guest_ctl -j driver list |
    holds 'it["devices"] == [{"device": "ep0/9p0", "type": "9p", "driver": None, "state": "unbound", "failure": None}]'
status=0
document=$(guest_ctl -j driver bind ep0/9p0 teapot 2>"$work/complaint") || status=$?
[ $status = 2 ] || fail "binding a driver that is not there ended with $status"
holds 'it["error"]["errno"] == "EINVAL" and "write 9p, or an empty line" in it["error"]["message"]' <<<"$document"
[ "$(wc -l <"$work/complaint")" = 1 ] || fail "more than one line: $(cat "$work/complaint")"
guest_ctl -j driver bind ep0/9p0 9p |
    holds 'it == {"action": "bind", "device": "ep0/9p0", "driver": "9p", "schema": 1}'
await "the binding" grep -qx running "$driver/state"
guest_ctl -j driver list | holds 'it["devices"][0]["driver"] == "9p"'
guest_ctl -j queue dump ep0/9p0 | holds 'it["side"] == "guest" and it["queues"][0]["vring"]'
host_ctl -j queue dump ep0/share | holds 'it["side"] == "host"'

echo "a page from one place to another"
host_ctl page dump ep0 >"$work/page"
host_ctl -j page decode "$work/page" | holds \
    'it["magic_is_right"] and [(d["type_name"], d["queues"][0]["size"]) for d in it["devices"]] == [("9p", 128)]'
cmp <(host_ctl -j page decode - <"$work/page") <(host_ctl -j page show ep0) || fail "the dump and the page differ"
head -c 100 "$work/page" >"$work/short"
! document=$(host_ctl -j page decode "$work/short" 2>/dev/null) || fail "100 bytes were taken for a page"
holds 'it["error"]["code"] == 1' <<<"$document"

echo "monitor, interrupted"
for options in "" -j; do
    for signal in INT TERM; do
        # Asynchronous commands of a shell ignore SIGINT, and so would what they start.
        python3 - "$signal" "$work/device" "$bin/vopctl" --tree "$work/host" monitor $options <<'PY' || fail "monitor $options"
import json, os, select, signal, subprocess, sys
name, command = sys.argv[1], sys.argv[3:]
number = getattr(signal, "SIG" + name)
monitor = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
# What is retained comes at once; then it waits, and is interrupted.
assert select.select([monitor.stdout], [], [], 60)[0], "nothing came"
first = os.read(monitor.stdout.fileno(), 1 << 20)
monitor.send_signal(number)
rest, complaint = monitor.communicate(timeout=60)
lines = (first + rest).decode().splitlines(keepends=True)
# A shell shows 128 and the signal's number: 130 for Ctrl-C.
assert monitor.returncode == -number, monitor.returncode
assert complaint == b"", complaint
assert lines and all(line.endswith("\n") for line in lines), lines
if "-j" in command:
    assert all(json.loads(line)["event"] for line in lines)
PY
    done
done

if [ "$(id -u)" = 0 ]; then
    echo "an ordinary user finds root's trees, and their own first"
    chmod 0711 "$work"
    mkdir -m 0755 "$work/own" "$work/programs"
    # That user may not be allowed to where the programs were built.
    cp "$bin/vopctl" "$work/programs"
    as_user() { # COMMAND…: with root's trees at their default place, and a runtime directory
        unshare -m --propagation private bash -Eeuo pipefail -c '
            work=$1; shift
            mount -t tmpfs -o mode=0755 none /run
            mkdir -p /run/vop/host /run/vop/guest
            mount --rbind "$work/host" /run/vop/host
            mount --rbind "$work/guest" /run/vop/guest
            exec setpriv --reuid nobody --regid nogroup --clear-groups env XDG_RUNTIME_DIR="$work/own" "$@"
        ' _ "$work" "$@"
    }
    as_user "$work/programs/vopctl" -j device list | holds '[d["name"] for d in it["devices"]] == ["ep0/share", "ep0/9p0"]'
    mkdir -p "$work/own/vop/guest/links/mine"
    echo "guest 0" >"$work/own/vop/guest/version"
    as_user "$work/programs/vopctl" -j link list | holds '[l["name"] for l in it["links"]] == ["mine"]'
    as_user "$work/programs/vopctl" --side host -j link list | holds '[l["name"] for l in it["links"]] == ["ep0"]'
    rm -r "$work/own/vop"
    status=0
    text=$(unshare -m --propagation private bash -c '
        mount -t tmpfs -o mode=0755 none /run
        exec setpriv --reuid nobody --regid nogroup --clear-groups env XDG_RUNTIME_DIR="$1/own" "$2" link' \
        _ "$work" "$work/programs/vopctl" 2>&1) || status=$?
    [ $status = 1 ] || fail "without a tree it ended with $status: $text"
    for place in "$work/own/vop/host" "$work/own/vop/guest" /run/vop/host /run/vop/guest; do
        [[ $text == *"$place"* ]] || fail "it does not say that it looked at $place: $text"
    done
else
    echo "an ordinary user's vopctl beside root's trees, which only root can arrange" >>"$VOP_LIMITS"
fi
echo "bound, decoded, monitored and found"
