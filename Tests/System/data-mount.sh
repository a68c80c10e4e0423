#!/usr/bin/env bash
# A device's `mount` attribute is a setting: whatever ends the mount or the device, it is mounted there again, without
# anyone writing it again, and `events` says so.
source "$(dirname "$0")/stack.sh"
start_daemons
start_link
start_export
guest=$work/guest/links/ep0/devices/9p0
head -c 3000000 /dev/urandom >"$export/data"
echo "$mount" >"$guest/mount"
await "the mount" mountpoint -q "$mount"

events() { cat "$work/guest/events"; }
seen() { # COUNT EVENT
    [ "$(events | grep -c "\"event\":\"$2\"")" -ge "$1" ]
}
serves() { # WHAT: the mount answers, with the right bytes
    await "the mount after $1" timeout 20 cmp -s "$export/data" "$mount/data"
    [ "$(cat "$guest/mount")" = "$mount" ] || fail "after $1 the attribute says «$(cat "$guest/mount")»"
    [ "$(grep -c " $mount fuse" /proc/self/mounts)" = 1 ] || fail "after $1 there is not one mount at $mount"
    echo "$1: served again"
}
mounter() { pgrep -f "^$bin/9p-mount .* $mount\$"; }
serves "the first write"

kill -KILL "$(mounter)"
await "the lost mount's event" seen 1 mount-lost
await "the mount's event" seen 2 mounted
serves "SIGKILL of 9p-mount"

echo 1 >"$guest/reset"
await "the device" grep -qx running "$guest/state"
serves "a reset"

echo >"$guest/driver"
await "the unbinding" grep -qx unbound "$guest/state"
[ "$(cat "$guest/mount")" = "$mount" ] || fail "the setting went with the driver"
echo 9p >"$guest/driver"
serves "unbinding and binding"

kill -KILL "${process[vophostd]}" "${process[9p-server]}"
await "the link's loss" seen 1 link-down
start vophostd "$bin/vophostd" --tree "$work/host" --state "$work/state"
await "the host's tree and its device" test -e "$device/queues/0/copy"
start 9p-server "$bin/9p-server" --export "/=$export" --copy-file "$device/queues/0/copy" --journal "$work/journal"
await "the device" grep -qx running "$guest/state"
serves "a host that was killed and started again"

echo >"$guest/mount"
! mountpoint -q "$mount" || fail "an empty line did not unmount it"
[ -z "$(cat "$guest/mount")" ] || fail "an empty line did not forget it"
echo 1 >"$guest/reset"
await "the device" grep -qx running "$guest/state"
sleep 1
! mountpoint -q "$mount" || fail "it was mounted though nobody wants it"

echo "$mount" >"$guest/mount"
fusermount3 -u "$mount" || umount "$mount"
await "the unmounting's event" bash -c "grep -q 'by somebody else' '$work/guest/events'"
[ -z "$(cat "$guest/mount")" ] || fail "somebody unmounted it by hand, and it is still wanted"
! mounter || fail "a 9p-mount is left"
echo "a data mount comes back until somebody takes it away"
