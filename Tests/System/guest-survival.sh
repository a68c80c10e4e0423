#!/usr/bin/env bash
# SIGKILL of vopguestd under a data mount in use: its 9p-mount lives on and waits; the daemon that is started again finds
# the mount and the process that serves it, and the tree goes on. SIGKILL of both: it is mounted anew.
source "$(dirname "$0")/stack.sh"
start_daemons
start_link
start_export
guest=$work/guest/links/ep0/devices/9p0
head -c 20000000 /dev/urandom >"$export/data"
sum=$(sha256sum <"$export/data")
echo "$mount" >"$guest/mount"
await "the mount" mountpoint -q "$mount"
mounter() { pgrep -f "^$bin/9p-mount .* $mount\$"; }
serving=$(mounter)

kill_guest() {
    kill -KILL "${process[vopguestd]}"
    wait "${process[vopguestd]}" 2>/dev/null || true
}
start_guest() {
    start vopguestd "$bin/vopguestd" --tree "$work/guest" --state "$work/state" --sockets "$work/sockets"
    await "the guest's tree" test -e "$work/guest/version"
    [ -d "$work/guest/links/ep0" ] || guest_ctl link add ep0 kind=shm "socket=$work/ep0.sock" >/dev/null
}
restart_guest() {
    kill_guest
    start_guest
}
serves() {
    [ "$(timeout 60 sha256sum <"$mount/data")" = "$sum" ] || fail "$1: the content is another"
    await "the attribute after $1" grep -qx "$mount" "$guest/mount"
    [ "$(grep -c " $mount fuse" /proc/self/mounts)" = 1 ] || fail "after $1 there is not one mount at $mount"
}

# A reader that never stops, and says when what it read is not what is there.
reader() {
    while [ ! -e "$work/enough" ]; do
        [ "$(sha256sum <"$mount/data")" = "$sum" ] || { echo "a reader read something else, or failed" && return 1; }
        echo >>"$work/reads"
    done
}
reader >"$work/log/reader" 2>&1 7<&- 8>&- &
reading=$!
echo $reading >>"$work/pids"
await "the first read" test -s "$work/reads"
descriptors() { find "/proc/$serving/fd" -mindepth 1 | wc -l; }
before=$(descriptors)

for round in 1 2 3; do
    restart_guest
    await "the adoption" grep -q mount-adopted "$work/guest/events"
    serves "SIGKILL $round of vopguestd"
    [ "$(mounter)" = "$serving" ] || fail "another process serves the mount after SIGKILL $round"
done
touch "$work/enough"
wait $reading || fail "the reader"
grep -q Input/output "$work/log/reader" && fail "a read failed: $(cat "$work/log/reader")"
# What a kill left under way is over soon.
await "as few descriptors as before ($before)" bash -c "[ \$(find /proc/$serving/fd -mindepth 1 | wc -l) -le $before ]"
echo "$(wc -l <"$work/reads") checksums held while vopguestd was killed 3 times; process $serving served all along"

kill -KILL "$serving"
restart_guest
# Nobody serves the dead mount until the device is found again.
await "the mount made anew" timeout 20 cmp -s "$export/data" "$mount/data"
serves "SIGKILL of vopguestd and 9p-mount"
[ "$(mounter)" != "$serving" ] || fail "the dead process serves"

restart_guest
await "the adoption" grep -q mount-adopted "$work/guest/events"
await "the setting" grep -qx "$mount" "$guest/mount"
fusermount3 -u "$mount"
await "the event" grep -q 'by somebody else; it is not mounted again until' "$work/guest/events"
[ -z "$(cat "$guest/mount")" ] || fail "an adopted mount was unmounted by hand, and is still wanted"
echo "$mount" >"$guest/mount"
await "the mount, asked for again" mountpoint -q "$mount"
await "its record" test -s "$work/sockets/share.sock.mount"
kill_guest
fusermount3 -u "$mount"
await "no record of what was unmounted while nobody looked" test ! -e "$work/sockets/share.sock.mount"
start_guest
await "the device" test -e "$guest/mount"
await "its socket" test -S "$work/sockets/share.sock"
[ -z "$(cat "$guest/mount")" ] || fail "a mount that was unmounted while no daemon ran is still wanted"
echo "$mount" >"$guest/mount"
await "the mount, asked for once more" mountpoint -q "$mount"

echo >"$guest/mount"
! mountpoint -q "$mount" || fail "an empty line did not unmount it"
[ ! -e "$work/sockets/share.sock.mount" ] || fail "a record of the mount is left"
! mounter || fail "a 9p-mount is left"
echo "the mount outlived its daemon, and was mounted anew when nothing of it was left; unmounted by hand it stayed so"
