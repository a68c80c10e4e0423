#!/usr/bin/env bash
# What bad input gets: one line that says what was wrong, where, what is allowed and what to do next; the right exit
# code or errno; and nothing changed.
source "$(dirname "$0")/stack.sh"
start_daemons
start_link
host_ctl add-device ep0/good type=9p tag=good
good=$work/host/links/ep0/devices/good
await "the good device" grep -qx running "$good/state"
echo precious >"$work/file"
count=0

state() { # the page, every name, and what every attribute says but for those that count
    host_ctl page dump ep0
    find "$work" -path "$work/log" -prune -o -path "$mount" -prune -o -printf '%p %y\n' | sort
    grep -ars '' "$work/host/links" "$work/guest/links" "$work/file" --exclude-dir=counters --exclude=stats --exclude=vring || true
}

refused() { # EXIT-CODE PATTERN COMMAND…: it fails that way, in one line that says so, and changes nothing
    local code=$1 pattern=$2 before after text status=0
    shift 2
    before=$(state | tr "\0" " ")
    text=$("$@" 2>&1 >/dev/null) || status=$?
    [ "$status" = "$code" ] || fail "exit status $status instead of $code: $* («$text»)"
    grep -qE -- "$pattern" <<<"$text" || fail "$*: expected /$pattern/, got «$text»"
    [ "$(wc -l <<<"$text")" = 1 ] || fail "$*: more than one line: «$text»"
    after=$(state | tr "\0" " ")
    [ "$before" = "$after" ] || { diff <(echo "$before") <(echo "$after") >&2 || true; fail "$*: something changed"; }
    count=$((count + 1))
}

refused_add() { # PATTERN SETTING…: a device so described is refused, and nothing of it is left
    refused 2 "$1" host_ctl add-device ep0/x "${@:2}"
    [ ! -e "$work/host/links/ep0/devices/x" ] || fail "a refused device was left behind: ${*:2}"
}

errno() { # NAME FILE VALUE: writing VALUE to a file of the tree fails with that errno
    python3 - "$@" <<'PY' || fail "writing «$3» to $2 did not fail with $1"
import errno, os, sys
name, path, value = sys.argv[1:]
try:
    file = os.open(path, os.O_WRONLY)
    os.write(file, value.encode())
except OSError as error:
    got = errno.errorcode[error.errno]
    sys.exit(0 if got == name else f"{path}: {got} instead of {name}")
sys.exit(f"{path}: accepted {value!r}")
PY
    count=$((count + 1))
}

refused_make() { # ERROR-TEXT DIRECTORY: mkdir fails that way
    local text
    ! text=$(mkdir "$2" 2>&1) || fail "mkdir $2 was accepted"
    [[ $text == *"$1"* ]] || fail "mkdir $2: $text"
    count=$((count + 1))
}

echo "wrong usage"
refused 1 "unknown object 'frobnicate'; vopctl has link, page" host_ctl frobnicate
refused 1 "unknown verb 'frobnicate'; vopctl device has show" host_ctl device frobnicate ep0/good
refused 1 "'d' is ambiguous: device, driver" host_ctl d show
refused 1 "Unknown option '--bogus'; see vopctl help device show" host_ctl device show --bogus
refused 1 'no object after --tree .*; vopctl has link' host_ctl --json
refused 1 "'soon' is no duration; give" host_ctl --timeout soon device
refused 1 "'type' sets nothing; give ATTRIBUTE=VALUE" host_ctl add-device ep0/x type
refused 1 "'good' names no device; give LINK/NAME" host_ctl device show good
refused 1 "'no spaces' is no name of a device; give a letter" host_ctl add-device 'ep0/no spaces' type=9p tag=x
refused 1 "'\.\./\.\./up' is no attribute; give a name" host_ctl device set ep0/good ../../up=0
refused 1 'nowhere is no control tree; start vophostd' "$bin/vopctl" --tree "$work/nowhere" device show
refused 1 'start vopguestd' host_ctl driver bind ep0/good 9p
refused 1 'is no device page; give|are no device page; give' host_ctl page decode "$work/file"
for command in vophostd vopguestd; do
    refused 1 "^$command: Unknown option '--bogus'; see $command --help" "$bin/$command" --bogus
done
refused 1 '^9p-mount: .*see 9p-mount --help' "$bin/9p-mount"
refused 1 'name a directory with --export' "$bin/9p-server"
refused 1 "^9p-server: Unknown option '--bogus'; see 9p-server --help" "$bin/9p-server" --bogus
refused 1 "'udp:1' is invalid for '--listen .*give unix:PATH" "$bin/9p-server" --export "/=$export" --listen udp:1

echo "unknown or duplicate names, types and links"
refused 4 "no device 'nowhere/x'; devices are ep0/good" host_ctl device show nowhere/x
refused 4 "no device 'ep0/missing'; devices are ep0/good" host_ctl device show ep0/missing
refused 4 "no device 'ep0/missing'" host_ctl device del ep0/missing
refused 4 "no link 'nolink'; links are ep0" host_ctl add-device nolink/x type=9p tag=x
refused 4 "no link 'nolink'" host_ctl link show nolink
refused 4 "no link 'nolink'" host_ctl link del nolink
refused 4 "no link 'nolink'" host_ctl page show nolink
refused 4 'has no queue 7; its queues are 0' host_ctl queue dump ep0/good 7
refused 4 "has no attribute 'colour'; it has backend" host_ctl device set ep0/good colour=red
refused 4 'No such file' host_ctl page decode "$work/nowhere"
refused 2 'exists already; choose another name' host_ctl add-device ep0/good type=9p tag=other
refused 2 'exists already; choose another name' host_ctl link add ep0 kind=shm "socket=$work/other.sock"
refused 2 'device good of this link has the same tag; write another' host_ctl add-device ep0/x type=9p tag=good
refused_add "x/type: \"teapot\" is not allowed: write net, block" type=teapot
refused_add 'x/type: "128" is not allowed: write .* a number from 1 to 127' type=128
refused_add 'x/type: "\+9" is not allowed' type=+9
refused 2 "'carrier-pigeon' is none of the known words; write shm" host_ctl link add ep1 kind=carrier-pigeon
refused 2 "driver: there is no driver 'teapot'; write 9p, or an empty line to unbind" guest_ctl driver bind ep0/9p0 teapot
refused_make exists "$good"
refused_make 'Invalid argument' "$work/host/links/ep0/devices/no spaces"
refused_make 'Invalid argument' "$work/host/links/ep0/devices/$(printf 'n%.0s' {1..64})"

echo "links that cannot be"
refused 2 'needs a socket; write a path' host_ctl link add ep1 kind=shm
refused 2 'somebody listens there, or it is no socket; write another' \
    host_ctl link add ep1 kind=shm "socket=$work/ep0.sock"
refused 2 'somebody listens there, or it is no socket; write another' host_ctl link add ep1 kind=shm "socket=$work/file"
refused 2 'somebody listens there, or it is no socket; write another' host_ctl link add ep1 kind=shm "socket=$export"
refused 4 'make its directory, or write another' host_ctl link add ep1 kind=shm "socket=$work/nowhere/ep1.sock"
refused 2 'has at most 107 bytes, this one' host_ctl link add ep1 kind=shm "socket=/$(printf 'n%.0s' {1..150})"
refused 2 'for ivshmem a power of two' \
    host_ctl link add ep1 kind=ivshmem "socket=$work/ep1.sock" window_bytes=3M
refused 2 "vectors: '33' is above 32" host_ctl link add ep1 kind=ivshmem "socket=$work/ep1.sock" vectors=33
refused 2 'somebody listens there, or it is no socket; write another' \
    host_ctl link add ep1 kind=ivshmem "socket=$work/file"
[ ! -e "$work/host/links/ep1" ] || fail "a refused link was left behind"
grep -qx precious "$work/file" || fail "a file was replaced by a socket"

echo "more than the page allows"
refused_add 'at most 4 vrings .*index is 0 to 3' type=42 queues=5
refused 1 'is no count of queues; give 1 to 4' host_ctl add-device ep0/x type=42 queues=1000
refused_add 'needs at least 1 queue; allowed are 1' type=42
refused_add '/queues/0/size: "256" is not allowed: write a power of two from 1 to 128' \
    type=42 queues=1 queues/0/size=256
refused_add '/queues/0/size: "100" is not allowed' type=42 queues=1 queues/0/size=100
refused_add "'300' is above 255; write a number from 0 to 255" \
    type=42 queues=4 "config=$(printf '00%.0s' {1..300})"
refused_add '200 bytes of config space exceed 136.*give fewer' type=42 queues=4 "config=$(printf '00%.0s' {1..200})"
refused_add 'x/offered: "0x1ffffffffffffffff" is not allowed' type=42 queues=1 offered=0x1ffffffffffffffff
refused_add 'x/offered: ".*" is not allowed: .*offers bits out of' type=42 queues=1 offered=0x10000000
refused_add "'vhost' is none of the known words; write copy" type=9p tag=x backend=vhost
refused 1 "'xyz' is no bytes; give pairs of hexadecimal" host_ctl add-device ep0/x type=42 queues=1 config=xyz

echo "incomplete devices"
refused_add 'a 9p device needs tag' type=9p
refused_add 'a block device needs capacity' type=block
refused_add 'has no type: write net, block' queues=0
mkdir "$work/host/links/ep0/devices/bare"
errno EINVAL "$work/host/links/ep0/devices/bare/published" 1
errno EINVAL "$work/host/links/ep0/devices/bare/reset" 1
rmdir "$work/host/links/ep0/devices/bare"

echo "every attribute of both trees, with values of the wrong form and range"
mkdir "$work/host/links/staged" "$work/guest/links/staged" "$work/host/links/ep0/devices/bare"
for type in 9p net block console rng rpmsg scsi vsock fs 42; do
    mkdir "$work/host/links/ep0/devices/staged-$type"
    echo "$type" >"$work/host/links/ep0/devices/staged-$type/type"
done
mkdir "$work/host/links/ep0/devices/staged-42/queues/0"
before=$(state | sha256sum)
tried=$(python3 "$root/Tests/System/bad_values.py" "$work/host" "$work/guest") || fail "those above were not refused"
[ "$before" = "$(state | sha256sum)" ] || fail "a refused value changed something"
count=$((count + tried))
errno EBUSY "$good/tag" other
errno EBUSY "$good/type" net
errno EBUSY "$good/queues/0/size" 64
errno EBUSY "$work/host/links/ep0/window_bytes" 2M
errno EBUSY "$work/host/links/ep0/socket" "$work/other.sock"
for side in host guest; do
    errno EINVAL "$work/$side/links/staged/up" 1
    errno EINVAL "$work/$side/links/staged/kind" smoke
    errno EINVAL "$work/$side/links/staged/socket" relative/path
    errno ERANGE "$work/$side/links/staged/window_bytes" 1
    errno ERANGE "$work/$side/links/staged/window_bytes" 999T
    errno ERANGE "$work/$side/links/staged/socket_mode" 7777
    for timeout in "$work/$side/links/staged/timeouts/"*; do
        errno EINVAL "$timeout" soon
        errno ERANGE "$timeout" 100h
        errno ERANGE "$timeout" 1ns
    done
done
rmdir "$work/host/links/staged" "$work/guest/links/staged" "$work/host/links/ep0/devices/"{bare,staged-*}
refused 2 'cannot be written' host_ctl device set ep0/good state=running
refused 2 'reach past its end; it has 6' host_ctl device set ep0/good config.bin=00000000000000

echo "a full page"
for n in {1..80}; do
    host_ctl add-device "ep0/full$n" type=rng >/dev/null 2>&1 || break
done
refused_add 'room|full|space' type=rng
! document=$(host_ctl -j add-device ep0/x type=rng 2>/dev/null) || fail "a device more than fits was added"
python3 -c '
import json, sys
error = json.loads(sys.argv[1])["error"]
assert error["errno"] == "ENOSPC" and error["code"] == 2 and error["message"], error' "$document"
for path in "$work"/host/links/ep0/devices/full*; do host_ctl device del "ep0/$(basename "$path")" >/dev/null; done
guest_has_one() { [ "$(ls "$work/guest/links/ep0/devices")" = 9p0 ]; }
await "the guest's letting go" guest_has_one

echo "exports and mounts"
socket=$work/s.sock
refused 1 'No such file or directory; make that directory' \
    "$bin/9p-server" --journal none --export "/=$work/nowhere" --listen "unix:$socket"
refused 1 'Not a directory; name a directory' "$bin/9p-server" --journal none --export "/=$work/file" --listen "unix:$socket"
refused 1 'or it is no socket; stop that server or name another' \
    "$bin/9p-server" --journal none --export "/=$export" --listen "unix:$work/file"
refused 1 'make it or name another' "$bin/9p-server" --journal none --export "/=$export" --listen "unix:$work/nowhere/s.sock"
for other in "$work/file" /dev/null; do
    refused 1 "$other: is no copy file; name a file queues/N/copy" "$bin/9p-server" --journal none --export "/=$export" --copy-file "$other"
done
"$bin/9p-server" --journal "$work/unused" --export "/=$export" --copy-file /dev/null 2>/dev/null && fail "it served /dev/null"
"$bin/9p-server" --journal "$work/unused" --export "/=$export" --copy-file "$work/nowhere" --patience 1 2>/dev/null && fail "it served nothing"
[ -z "$(ls "$work/unused")" ] || fail "journals of what was never served stay: $(ls "$work/unused")"
# Neither a device, nor a link, nor what it leads to is replaced by numbers.
mknod "$work/null" c 1 3 2>/dev/null || mkfifo "$work/null"
ln -s "$work/file" "$work/link"
for other in "$work/null" "$work/link" "$work"; do
    refused 1 'is there and no regular file' \
        "$bin/9p-server" --journal none --export "/=$export" --listen "unix:$socket" --metrics "$other"
    [ ! -f "$other" ] || [ -L "$other" ] || fail "--metrics $other replaced it"
done
rm "$work/null" "$work/link"
# A file of the tree that can be waited for as well; it never says that it serves.
refused 2 'no batch' "$bin/9p-server" --journal none --export "/=$export" --copy-file "$good/queues/0/size"
[ -z "$("$bin/9p-server" --journal none --export "/=$export" --copy-file "$good/queues/0/size" 2>/dev/null)" ] || fail "it said that it serves"
start_export
start_mount
mkdir "$work/second"
refused 2 'is in use: it serves one client at a time; unmount the other' \
    "$bin/9p-mount" --foreground "$work/sockets/share.sock" "$work/second"
refused 1 'does not exist: start the 9P server' "$bin/9p-mount" --foreground "$work/nosuch.sock" "$work/second"
refused 1 'nobody listens on|no socket' "$bin/9p-mount" --foreground "$work/file" "$work/second"
# Their own server, as the device has one client already.
start served "$bin/9p-server" --export "/=$export" --listen "unix:$work/served.sock" --journal "$work/journal"
await "a server" test -S "$work/served.sock"
refused 1 'mounted' "$bin/9p-mount" --foreground "$work/served.sock" "$mount"
refused 1 'does not exist' "$bin/9p-mount" --foreground "$work/served.sock" "$work/nowhere"
refused 1 'not a directory' "$bin/9p-mount" --foreground "$work/served.sock" "$work/file"
slot=$work/guest/links/ep0/devices/9p0
errno EBUSY "$slot/mount" "$mount"
errno EBUSY "$slot/mount" "$work/host"
errno ENOENT "$slot/mount" "$work/nowhere"
errno ENOTDIR "$slot/mount" "$work/file"
errno ENOTDIR "$slot/mount" "$work/file/below"
errno EINVAL "$slot/mount" relative/path
refused 2 'mount: 9p-mount: mount point .*/file is not a directory: choose' guest_ctl device set ep0/9p0 "mount=$work/file"
refused 2 'refused to attach .other.*--aname' \
    "$bin/9p-mount" --foreground --aname other "$work/served.sock" "$work/second"
# What a daemon makes before it looks at its tree.
mkdir -p "$work/another-state/"{host,guest}
touch "$work/another-state/"{host,guest}.lock
for command in vophostd vopguestd; do
    words=("$bin/$command")
    [ $command = vophostd ] || words+=(--sockets "$work/sockets")
    # By the daemon of its side.
    refused 1 "is in use by process ${process[$command]}, with its control tree at $work/.*--state" \
        "${words[@]}" --tree "$work/another-tree" --state "$work/state"
    words+=(--state "$work/another-state")
    refused 1 'mounted on it already: unmount that, or choose another directory$' "${words[@]}" --tree "$mount"
    refused 1 'mounted' "${words[@]}" --tree "$work/host"
    refused 1 'directory' "${words[@]}" --tree "$work/file"
done
if [ "$(id -u)" = 0 ]; then
    echo "no /dev/fuse, and an ordinary user"
    mkdir "$work/tree"
    for command in "vophostd --state $work/another-state --tree $work/tree" \
        "vopguestd --state $work/another-state --tree $work/tree --sockets $work/sockets" \
        "9p-mount --foreground $work/served.sock $work/second"; do
        refused 1 '/dev/fuse does not exist: load' unshare -m --propagation private \
            sh -c "mount -t tmpfs none /dev && exec '$bin/'$command"
    done
    # That user may not be allowed to where the programs were built.
    mkdir -m 0755 "$work/programs"
    cp "$bin"/{vopctl,9p-mount,9p-server} "$work/programs"
    chmod 0711 "$work"
    as_nobody=(setpriv --reuid nobody --regid nogroup --clear-groups --)
    nobody_ctl() { "${as_nobody[@]}" "$work/programs/vopctl" --tree "$work/host" "$@"; }
    refused 2 'may not make it|Permission denied' nobody_ctl add-device ep0/x type=9p tag=x
    refused 2 'cannot be written by this user' nobody_ctl device set ep0/good tag=x
    refused 2 'Permission denied|may not' nobody_ctl device del ep0/good
    refused 2 'Permission denied|may not' nobody_ctl link add ep1 kind=shm "socket=$work/other.sock"
    refused 1 'may not be opened by this user|Permission denied' \
        "${as_nobody[@]}" "$work/programs/9p-mount" --foreground "$work/served.sock" "$work/second"
    refused 1 'name a path where you may' \
        "${as_nobody[@]}" "$work/programs/9p-server" --export "/=$work/second" --listen "unix:$work/s.sock" --journal none
else
    echo "bad input without /dev/fuse and from another user, which only root can arrange" >>"$VOP_LIMITS"
fi

grep -qx running "$good/state" || fail "the good device suffered"
echo "still served" >"$export/still-served"
cmp "$export/still-served" "$mount/still-served"
echo "$count refusals, each with its line and its code; nothing changed"
