#!/usr/bin/env bash
# The link's own tools, over links of kind shm and ivshmem whose device is in use meanwhile: what the device carries stays
# right, and a side that is stopped, or gone, is said to be so.
source "$(dirname "$0")/stack.sh"

holds() { # PYTHON-EXPRESSION: of the one JSON document on standard input, as `it`
    python3 -c 'import json, sys; it = json.load(sys.stdin); assert eval(f"({sys.argv[1]})"), it' "$1"
}
ends_with() { # STATUS COMMAND…
    local wanted=$1 status=0
    shift
    "$@" >"$work/said" 2>&1 || status=$?
    [ $status = "$wanted" ] || fail "$* ended with $status, not $wanted: $(cat "$work/said")"
}
met() { [ "$(cat "$work/host/links/ep0/state")" = up ] && [ "$(cat "$work/guest/links/ep0/state")" = up ]; }

traffic() { # until $work/enough is there: each copy is compared
    local round=0
    while ! [ -e "$work/enough" ]; do
        cp "$work/data" "$mount/copy-$round" && cmp "$work/data" "$mount/copy-$round" && rm "$mount/copy-$round" || return 1
        round=$((round + 1))
        echo $round >"$work/rounds"
    done
}

use_tools() {
    echo "  ping"
    host_ctl -j link ping ep0 --count 200 | holds 'it["lost"] == 0 and it["round_trips"]["count"] == 200'
    guest_ctl -j link ping ep0 --doorbell 1 --answer 1 --interval 1ms |
        holds 'it["side"] == "guest" and it["lost"] == 0 and it["round_trips"]["count"] == 10'
    local side
    for side in host guest; do
        echo "  test, from the $side"
        "${side}_ctl" -j link test ep0 --size 77777 | holds 'it["failed"] == 0 and it["dma"] == "none" and
            {r["test"] for r in it["tests"]} >= {"pattern", "aliasing", "sub-range", "write", "read", "copied by far"} and
            len([r for r in it["tests"] if r["test"] == "doorbell"]) >= 2'
    done
    echo "  perf"
    host_ctl -j link perf ep0 --size 4096 --threads 1 --threads 2 --time 20ms --count 50 --plot "$work/plot.svg" |
        holds '[(r["direction"], r["threads"]) for r in it["bandwidth"]] ==
            [("write", 1), ("write", 2), ("read", 1), ("read", 2)] and all(r["bytes_per_second"] > 0 for r in it["bandwidth"])'
    python3 -c 'import sys, xml.dom.minidom as m; assert m.parse(sys.argv[1]).getElementsByTagName("polyline").length == 4' \
        "$work/plot.svg"
    echo "  peek, poke, ring"
    host_ctl -j link peek ep0 near 0 | holds 'it["words"][0]["value"] == "0xc0ffee00"'
    ends_with 2 host_ctl link poke ep0 near 0 1
    grep -q "the device page" "$work/said" || fail "said: $(cat "$work/said")"
    ends_with 2 guest_ctl link poke ep0 far 4096 1 # the first ring
    grep -q "on the other side" "$work/said" || fail "said: $(cat "$work/said")"
    host_ctl -q link ring ep0 1
    guest_ctl link ring ep0 1 --await
}

head -c 3000000 /dev/urandom >"$work/data"
start_daemons
for kind in shm ivshmem; do
    echo "$kind"
    host_ctl link add ep0 kind=$kind "socket=$work/ep0.sock" window_bytes=16M
    guest_ctl link add ep0 kind=$kind "socket=$work/ep0.sock" window_bytes=16M
    await "the meeting" met
    start_export
    start_mount
    rm -f "$work/enough" "$work/rounds"
    traffic 7<&- 8>&- &
    copier=$!
    echo $copier >>"$work/pids"
    await "traffic" test -e "$work/rounds"
    use_tools
    touch "$work/enough"
    wait $copier || fail "$kind: what was copied meanwhile differs"
    echo "  $(cat "$work/rounds") copies meanwhile, all right"
    grep -qx 'running' "$work/guest/links/ep0/devices/9p0/state" || fail "the device is not running any more"

    echo "  a side that is stopped"
    kill -STOP "${process[vopguestd]}"
    ends_with 3 host_ctl link ping ep0
    grep -q "has not answered" "$work/said" || fail "said: $(cat "$work/said")"
    ends_with 3 host_ctl link test ep0
    grep -q "^pattern *near memory, pattern 2 *ok" "$work/said" || fail "said: $(cat "$work/said")"
    kill -CONT "${process[vopguestd]}"
    await "the answers of the side that was stopped" host_ctl link ping ep0 --count 1

    kill "${process[9p-mount]}"
    wait "${process[9p-mount]}" || true
    kill "${process[9p-server]}"
    wait "${process[9p-server]}" || true
    guest_ctl link del ep0
    ends_with 2 host_ctl link ping ep0
    grep -q "no peer" "$work/said" || fail "said: $(cat "$work/said")"
    host_ctl link del ep0
done
