#!/usr/bin/env bash
# A mount over a link of kind ivshmem: vophostd serves the memory, or somebody else's server; each side is
# killed and comes back.
source "$(dirname "$0")/stack.sh"
source "$(dirname "$0")/both-sides.sh"

met() { [ "$(cat "$work/host/links/ep0/state")" = up ] && [ "$(cat "$work/guest/links/ep0/state")" = up ]; }
usable() { [ "$(timeout 10 cat "$mount/two" 2>/dev/null)" = "from the guest's side" ]; }
come_back() { # WHAT
    await "the meeting after $1" met
    await "the mount after $1" usable
    cmp "$mount/moved" "$export/moved" || fail "a file differs after $1"
}

start_daemons
socket=socket=$work/ep0.sock
host_ctl link add ep0 kind=ivshmem "$socket" window_bytes=16M vectors=2
guest_ctl link add ep0 kind=ivshmem "$socket"
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

# Somebody else's server, both join.
for side in guest host; do
    link=$work/$side/links/ep0
    bash -c 'echo 0 >"$1"' - "$link/up" # a shell of its own: this one is interrupted when a child ends
    grep -qx down "$link/state" || fail "$side: the link is $(cat "$link/state")"
done
start server python3 "$root/Tests/System/ivshmem_server.py" "$work/foreign.sock" $((16 << 20)) 1
await "the foreign server" grep -q serving "$work/log/server"
for side in host guest; do
    link=$work/$side/links/ep0
    echo 0 >"$link/serve"
    echo "$work/foreign.sock" >"$link/socket"
    echo 1 >"$link/up"
done
await "the meeting at another's server" met
echo "over another's server: met"
