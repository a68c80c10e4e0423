#!/usr/bin/env bash
# 9p-server is killed again and again under a whole stack with a mount in use: nothing is lost, nothing is done twice.
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
python3 - "$mount" "$work/go-on" <<'P' >"$work/log/once" 2>&1 &
import os, sys, hashlib, errno
mount, go_on = sys.argv[1], sys.argv[2]
os.chdir(mount); os.mkdir("once"); os.chdir("once")
log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
held = os.open("held", os.O_RDWR | os.O_CREAT, 0o644)
failures = {}
def do(what, *a):
    try: return what(*a)
    except OSError as e:
        failures[(what.__name__, errno.errorcode[e.errno])] = failures.get((what.__name__, errno.errorcode[e.errno]), 0) + 1
        print(what.__name__, a, errno.errorcode[e.errno], flush=True)
n = 0
while not os.path.exists(go_on) or n < 200:
    d = f"d{n}"
    do(os.mkdir, d)
    fd = do(os.open, d + "/new", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
    if fd is not None:
        do(os.write, fd, b"%08d" % n); os.close(fd)
    do(os.link, d + "/new", d + "/link")
    do(os.symlink, "target", d + "/symlink")
    do(os.rename, d + "/link", d + "/renamed")
    do(os.unlink, d + "/new")
    do(os.write, log, b"%08d\n" % n)
    do(os.pwrite, held, hashlib.sha256(b"%d" % n).digest(), 32 * n)
    do(os.rename, d, f"e{n}")
    n += 1
print("rounds", n, "failures", failures, flush=True)
lines = open("log").read().split("\n")[:-1]
assert lines == ["%08d" % i for i in range(n)], "the log has %d lines of %d" % (len(lines), n)
for i in range(n):
    assert sorted(os.listdir(f"e{i}")) == ["renamed", "symlink"], i
    assert open(f"e{i}/renamed").read() == "%08d" % i and os.stat(f"e{i}/renamed").st_nlink == 1, i
    assert os.pread(held, 32, 32 * i) == hashlib.sha256(b"%d" % i).digest(), i
assert not failures, failures
P
once=$!
(cd "$mount" && mkdir sums && while [ ! -e "$work/go-on" ]; do
    head -c 3000000 /dev/urandom >"$work/random" && cp "$work/random" sums/copy && cmp "$work/random" sums/copy || exit 1
done) >"$work/log/sums" 2>&1 &
sums=$!

before=
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
await "as many descriptors as before" test "$(descriptors "${process[9p-server]}")" -le "$((before + 1))"

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
