#!/usr/bin/env bash
# A 9p-server that is dead, with its device still there: whoever uses the mount waits for as long as the guest's tree says and
# no longer, a killed program goes, and with the next 9p-server the mount is back by itself.
source "$(dirname "$0")/stack.sh"
start_daemons
host_ctl link add ep0 kind=shm "socket=$work/ep0.sock"
guest_ctl link add ep0 kind=shm "socket=$work/ep0.sock" timeouts/mount_silence=3s timeouts/mount_reconnect=1s
start_export
guest=$work/guest/links/ep0/devices/9p0
head -c 300000 /dev/urandom >"$export/data"
echo "$mount" >"$guest/mount"
await "the mount" cmp -s "$export/data" "$mount/data"

kill -KILL "${process[9p-server]}"
wait "${process[9p-server]}" 2>/dev/null || true
timeout --signal=KILL 60 cat "$mount/data" >/dev/null 2>"$work/said" 7<&- 8>&- &
reader=$!
cat "$mount/data" >/dev/null 2>&1 7<&- 8>&- &
killed=$!
sleep 0.5
kill -KILL $killed
status=0
wait $reader || status=$?
[ $status = 1 ] && grep -q 'Input/output error' "$work/said" || fail "who waited: exit status $status: $(cat "$work/said")"
wait $killed 2>/dev/null || true
await "the mount's word" grep -q '"mount-note".*has said nothing for 3' "$work/guest/events"
echo "a dead server: who waited was told, who was killed is gone"

start_server
await_seconds=90 await "the mount with a server again" cmp -s "$export/data" "$mount/data"
[ "$(grep -c " $mount fuse" /proc/self/mounts)" = 1 ] || fail "there is not one mount at $mount"
echo "a server again: mounted by itself"
