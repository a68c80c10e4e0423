#!/usr/bin/env bash
# A mount over a link of kind ivshmem, or ntb: vophostd serves the memory, or somebody else's server, or vop-memory; each side
# is killed and comes back.
#
#   ivshmem.sh [KIND]
source "$(dirname "$0")/stack.sh"
source "$(dirname "$0")/both-sides.sh"
kind=${1-ivshmem}

met() { [ "$(cat "$work/host/links/ep0/state")" = up ] && [ "$(cat "$work/guest/links/ep0/state")" = up ]; }
usable() { [ "$(timeout 10 cat "$mount/two" 2>/dev/null)" = "from the guest's side" ]; }
come_back() { # WHAT
    await "the meeting after $1" met
    await "the mount after $1" usable
    cmp "$mount/moved" "$export/moved" || fail "a file differs after $1"
}

start_daemons
socket=socket=$work/ep0.sock
host_ctl link add ep0 kind="$kind" "$socket" window_bytes=16M vectors=2
guest_ctl link add ep0 kind="$kind" "$socket"
await "the meeting" met
start_export
start_mount
use_both_sides
echo "over vophostd's memory: $(tree_checksums "$mount" | wc -l) files agree"

for name in vopguestd vophostd; do
    kill -KILL "${process[$name]}"
    wait "${process[$name]}" 2>/dev/null || true
    "start_$name"
    come_back "a SIGKILL of $name"
    echo "after a SIGKILL of $name: met again"
done

join_both() { # SOCKET: that somebody else serves
    local side link
    for side in guest host; do
        link=$work/$side/links/ep0
        bash -c 'echo 0 >"$1"' - "$link/up" # a shell of its own: this one is interrupted when a child ends
        grep -qx down "$link/state" || fail "$side: the link is $(cat "$link/state")"
    done
    for side in host guest; do
        link=$work/$side/links/ep0
        echo 0 >"$link/serve"
        echo "$1" >"$link/socket"
        echo 1 >"$link/up"
    done
    await "the meeting at $1" met
}

start server python3 "$root/Tests/System/ivshmem_server.py" "$work/foreign.sock" $((16 << 20)) 1
await "the foreign server" grep -q serving "$work/log/server"
join_both "$work/foreign.sock"
echo "over another's server: met"

# A memory that neither side's end takes along.
! said=$("$bin/vop-memory" --size 3M "$work/memory.sock" 2>&1) || fail "a size that is no power of two was taken"
[[ $said == *"power of two"* ]] || fail "of a wrong size it is said: $said"
start vop-memory "$bin/vop-memory" --size 16M "$work/memory.sock"
await "the memory" test -S "$work/memory.sock"
join_both "$work/memory.sock"
# The server of a device that was taken away has ended.
start_server
come_back "the move to another memory"
kill -KILL "${process[vophostd]}"
wait "${process[vophostd]}" 2>/dev/null || true
await "the guest's link without a host" grep -qvx up "$work/guest/links/ep0/state"
start_vophostd
come_back "a SIGKILL of vophostd, whose memory stayed"
kill "${process[vop-memory]}"
wait "${process[vop-memory]}" || fail "vop-memory ended with $?"
[ ! -e "$work/memory.sock" ] || fail "vop-memory left its socket"
echo "over vop-memory: met again after a SIGKILL of vophostd"
