#!/usr/bin/env bash
# What is asked for without end, and what runs out: the one concerned is told, nothing is lost, everybody else goes on,
# and so does everything afterwards.
source "$(dirname "${BASH_SOURCE[0]}")/stack.sh"
start_stack
tree=$work/host/links/ep0/devices
head -c 3M /dev/urandom >"$work/original"
cp "$work/original" "$export/original"

served() { # AFTER-WHAT: the whole path carries bytes
    cmp "$work/original" "$mount/original" || fail "after $1: not what was written"
    timeout 30 cp "$work/original" "$mount/copy" && cmp "$work/original" "$export/copy" || fail "after $1: not served"
    rm "$mount/copy"
}
descriptors() { ls "/proc/${process[$1]}/fd" | wc -l; }
memory() { awk '/^RssAnon/ { print $2 }' "/proc/${process[$1]}/status"; } # KiB
served "the start"

echo "1,000 opens of one file"
before="$(descriptors vophostd) $(descriptors vopguestd)" kept=$(memory vophostd)
check() { python3 "$root/Tests/System/exhaustion.py" "$@"; }
check read "$device/state"
check read "$device/queues/0/vring"
check follow "$device/queues/0/copy"
check follow "$work/host/events"
check read "$work/guest/links/ep0/devices/9p0/state"
check read "$mount/original"
after="$(descriptors vophostd) $(descriptors vopguestd)"
[ "$before" = "$after" ] || fail "descriptors: $before before, $after after"
[ $(($(memory vophostd) - kept)) -lt 32768 ] || fail "vophostd grew from $kept KiB to $(memory vophostd)"
served "1,000 opens"

if [ "$(id -u)" = 0 ]; then
    # What somebody has read is kept here until it closes the file.
    chmod 0711 "$work"
    prlimit --nofile=4096 setpriv --reuid 65534 --regid 65534 --clear-groups /usr/bin/python3 -c '
import errno, os, sys
files = []
try:
    for _ in range(2000): files.append(os.open(sys.argv[1], os.O_RDONLY))
except OSError as error: assert error.errno == errno.ENFILE, error
assert len(files) == 1024, len(files)
os.close(files.pop())
os.read(os.open(sys.argv[1], os.O_RDONLY), 1)
' "$work/host/version" || fail "another user may open as many files as it likes"
    [ -n "$(cat "$work/host/version")" ] || fail "the owner is held to another user's count"
else
    echo "openings by another user, which only root can arrange" >>"$VOP_LIMITS"
fi

echo "a reader of events that never reads"
kept=$(memory vophostd)
check unread "$work/host/events" "$device/tag"
[ $(($(memory vophostd) - kept)) -lt 32768 ] || fail "vophostd grew from $kept KiB to $(memory vophostd)"
served "an unread file"

echo "one attribute, several hands"
mkdir "$tree/staged"
echo 9p >"$tree/staged/type"
check halves "$tree/staged/tag"
check writers "$tree/staged/tag"
rmdir "$tree/staged"

# No further descriptor, whatever gaps there are, until `give_back`: the first three are always taken.
take_all() { prlimit --pid "${process[$1]}" --nofile=3:; }
give_back() { prlimit --pid "${process[$1]}" --nofile=1024:; }

echo "no descriptors left"
for side in host guest; do
    take_all "vop${side}d"
    text=$("${side}_ctl" link add ep1 kind=shm "socket=$work/ep1.sock" 2>&1) && fail "$side: a link without descriptors"
    grep -qi 'too many open files\|descriptor' <<<"$text" || fail "$side: «$text»"
    served "vop${side}d without descriptors"
    give_back "vop${side}d"
    # What was staged could perhaps not be taken back either.
    [ ! -e "$work/$side/links/ep1" ] || "${side}_ctl" link del ep1
    "${side}_ctl" link add ep1 kind=shm "socket=$work/ep1.sock"
done
await "a link after all" grep -qx up "$work/guest/links/ep1/state"
for side in host guest; do "${side}_ctl" link del ep1; done

take_all 9p-server
! text=$(cat "$mount/original" 2>&1 >/dev/null) || fail "9p-server opened a file without a descriptor"
grep -q 'Too many open files' <<<"$text" || fail "9p-server without descriptors: «$text»"
give_back 9p-server
served "9p-server without descriptors"

take_all 9p-mount
served "9p-mount without descriptors"
kill -KILL "${process[vopguestd]}"
wait "${process[vopguestd]}" 2>/dev/null || true
start_vopguestd
await "the driver's socket" test -S "$work/sockets/share.sock"
stat "$mount/original" >/dev/null 2>"$work/said" 7<&- 8>&- &
asking=$!
await "9p-mount's word" grep -q 'Too many open files' "$work/log/9p-mount"
kill -0 $asking || fail "9p-mount gave up without a descriptor: $(cat "$work/said")"
give_back 9p-mount
wait $asking || fail "9p-mount did not go on: $(cat "$work/said")"
served "9p-mount without descriptors to reconnect by"
echo "told, bounded, and going on: opens, events, writers, descriptors"
