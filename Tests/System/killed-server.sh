#!/usr/bin/env bash
# 9p-server is killed again and again, under a whole stack and on a socket, with a mount in use: nothing is lost,
# nothing is done twice.
#
#   killed-server.sh [KILLS]
kills=${1:-12}
source "$(dirname "$0")/stack.sh"

journal=$work/journal
server() { # starts it, and waits until it serves
    : >"$work/log/9p-server"
    start 9p-server "$bin/9p-server" --export "/=$export" --copy-file "$device/queues/0/copy" --journal "$journal"
    await "9p-server" grep -q ^serving "$work/log/9p-server"
}
kill_server() {
    kill -KILL "${process[9p-server]}"
    wait "${process[9p-server]}" 2>/dev/null || true
}

start_daemons
start_link
host_ctl add-device ep0/share type=9p tag=share
server
await "the driver's socket" test -S "$work/sockets/share.sock"
start_mount
descriptors() { find "/proc/$1/fd" -mindepth 1 | wc -l; }

echo "a workload of what must be done once, and a checksummed one, over $kills kills"
python3 "$(dirname "$0")/once.py" "$mount" "$work/go-on" >"$work/log/once" 2>&1 &
once=$!
(cd "$mount" && mkdir sums && while [ ! -e "$work/go-on" ]; do
    head -c 3000000 /dev/urandom >"$work/random" && cp "$work/random" sums/copy && cmp "$work/random" sums/copy || exit 1
done) >"$work/log/sums" 2>&1 &
sums=$!

for ((kill = 0; kill < kills; kill++)); do
    sleep "0.$((RANDOM % 6 + 2))"
    kill_server
    server
    grep -q "goes on" "$work/log/9p-server" || fail "the session does not go on: $(cat "$work/log/9p-server")"
    kill -USR1 "${process[9p-server]}"
    await "the counts" grep -q ^resumed_fids "$work/log/9p-server"
    grep ^resumed_fids "$work/log/9p-server"
    kill -0 $once 2>/dev/null || break
done
touch "$work/go-on"
wait $once || fail "the workload: $(tail -n 5 "$work/log/once")"
wait $sums || fail "the checksummed workload: $(tail -n 5 "$work/log/sums")"
grep rounds "$work/log/once"
mountpoint -q "$mount" || fail "the mount is gone"

echo "descriptors are back to where they were"
sync "$mount/once/log" 2>/dev/null || true
before=$(descriptors "${process[9p-server]}")
kill_server
server
no_more_descriptors() { [ "$(descriptors "${process[9p-server]}")" -le $((before + 1)) ]; }
await "as many descriptors as before" no_more_descriptors

echo "the same on a socket of its own, which 9p-mount connects to again"
rm "$work/go-on"
mkdir "$work/tree" "$work/direct"
socket_server() {
    : >"$work/log/socket-server"
    start socket-server "$bin/9p-server" --export "/=$work/tree" --listen "unix:$work/direct.sock" --journal "$journal"
    await "9p-server on a socket" grep -q ^serving "$work/log/socket-server"
}
socket_server
start direct-mount "$bin/9p-mount" --foreground "$work/direct.sock" "$work/direct"
await "the direct mount" mountpoint -q "$work/direct"
python3 "$(dirname "$0")/once.py" "$work/direct" "$work/go-on" >"$work/log/direct" 2>&1 &
once=$!
for ((kill = 0; kill < kills; kill++)); do
    sleep "0.$((RANDOM % 6 + 2))"
    kill -KILL "${process[socket-server]}"
    wait "${process[socket-server]}" 2>/dev/null || true
    socket_server
    await "the client" grep -q "the client is back" "$work/log/socket-server"
done
touch "$work/go-on"
wait $once || fail "the workload on the socket: $(tail -n 5 "$work/log/direct")"
grep rounds "$work/log/direct"

echo "a full journal is said, and refused, not passed over"
if [ "$(id -u)" = 0 ] && mkdir "$work/small" && mount -t tmpfs -o size=64k,mode=700 tmpfs "$work/small" 2>/dev/null; then
    if "$bin/9p-server" --export "/=$export" --listen "unix:$work/small.sock" --copy-file "$device/queues/0/copy" \
        --journal "$work/small" >"$work/log/small" 2>&1; then fail "it served without a journal"; fi
    grep -q "No space left on device" "$work/log/small" || fail "it does not say why: $(cat "$work/log/small")"
    umount "$work/small"
else
    echo "9p-server on a full tmpfs: cannot mount one here" >>"$VOP_LIMITS"
fi
echo "killed $kills times: everything done once"
