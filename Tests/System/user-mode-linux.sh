#!/usr/bin/env bash
# A kernel nobody here wrote: inside User-Mode Linux (an ordinary process whose root is this machine's file system)
# both sides of the stack run, and that kernel's own v9fs mounts the guest driver's socket.
source "$(dirname "$0")/stack.sh"
modules=$(dirname "$(find /usr/lib/uml/modules -path '*/kernel/fs/fuse/fuse.ko' -print -quit)")/../..
[ -d "$modules/fs/9p" ] || fail "the user-mode-linux package has no 9p module under /usr/lib/uml/modules"

# The checkout and the programs lie wherever they lie, maybe below /tmp, which is another one inside.
cat >"$work/init" <<INIT
#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin VOP_BIN=/run/programs
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t tmpfs run /run
mkdir /run/programs /run/checkout
mount --bind $(printf %q "$bin") /run/programs && mount --bind $(printf %q "$root") /run/checkout || echo "UML: no bind mounts"
mount -t tmpfs tmp /tmp
mount -t devtmpfs dev /dev 2>/dev/null
ln -s /proc/self/fd /dev/fd
for module in fs/fuse/fuse fs/netfs/netfs fs/fscache/fscache net/9p/9pnet net/9p/9pnet_fd fs/9p/9p; do
    insmod '$modules'/\$module.ko || echo "UML: no \$module"
done
ip link set lo up 2>/dev/null
/run/checkout/Tests/System/user-mode-linux-inside.sh 2>&1
echo "UML-STATUS \$?"
echo o >/proc/sysrq-trigger
sleep 5
INIT
chmod +x "$work/init"
start console timeout --kill-after=5 120 linux.uml mem=1024M umid="vop$$" uml_dir="$work/uml/" rootfstype=hostfs rootflags=/ ro \
    "init=$work/init" con=null con0=null,fd:1
await_console() { grep -q '^UML-STATUS' "$work/log/console" || ! kill -0 "${process[console]}" 2>/dev/null; }
for ((tries = 0; tries < 1300; tries++)); do
    await_console && break
    sleep 0.1
done
sed -n '/^UML:/p' "$work/log/console"
grep -q '^UML-STATUS 0' "$work/log/console" || { tail -n 60 "$work/log/console" >&2 && fail "the test inside User-Mode Linux failed; its console is above"; }
wait "${process[console]}" || true
