# Boots User-Mode Linux, a kernel that is an ordinary process and whose root is this machine's file system, for the
# tests of this folder: sourced after stack.sh, then `boot_uml`.

modules=$(dirname "$(find /usr/lib/uml/modules -path '*/kernel/fs/fuse/fuse.ko' -print -quit)")/../..
[ -d "$modules/fs/9p" ] || fail "the user-mode-linux package has no 9p module under /usr/lib/uml/modules"

# What it runs stands below /run/checkout there, and sees the programs in /run/programs and a directory to write to in
# /run/results. Its console is in log/NAME, where the last line is `UML-STATUS N`.
boot_uml() { # NAME SECONDS MEMORY RESULTS SCRIPT-IN-THE-CHECKOUT [ARGUMENT…]
    local name=$1 seconds=$2 memory=$3 results=$4
    shift 4
    # The checkout and the programs lie wherever they lie, maybe below /tmp, which is another one inside.
    cat >"$work/init.$name" <<INIT
#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin VOP_BIN=/run/programs
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t tmpfs run /run
mkdir /run/programs /run/checkout /run/results
mount --bind $(printf %q "$bin") /run/programs && mount --bind $(printf %q "$root") /run/checkout || echo "UML: no bind mounts"
mount -t hostfs none /run/results -o $(printf %q "$results") || echo "UML: no results"
mount -t tmpfs tmp /tmp
mount -t devtmpfs dev /dev 2>/dev/null
ln -s /proc/self/fd /dev/fd
for module in fs/fuse/fuse fs/netfs/netfs fs/fscache/fscache net/9p/9pnet net/9p/9pnet_fd fs/9p/9p; do
    insmod '$modules'/\$module.ko || echo "UML: no \$module"
done
ip link set lo up 2>/dev/null
/run/checkout/$(printf '%q ' "$@") 2>&1
echo "UML-STATUS \$?"
echo o >/proc/sysrq-trigger
sleep 5
INIT
    chmod +x "$work/init.$name"
    start "$name" timeout --kill-after=5 "$seconds" linux.uml "mem=$memory" umid="vop$$$name" uml_dir="$work/uml/" \
        rootfstype=hostfs rootflags=/ ro "init=$work/init.$name" con=null con0=null,fd:1
}

# Waits until it ended or its time is up; fails if what ran inside did.
await_uml() { # NAME
    local console=$work/log/$1
    until grep -aq '^UML-STATUS' "$console" || ! kill -0 "${process[$1]}" 2>/dev/null; do sleep 0.2; done
    sed -nE '/^(UML|kernel):/p' "$console"
    grep -aq '^UML-STATUS 0' "$console" || { tail -n 60 "$console" >&2 && fail "what ran inside User-Mode Linux failed; its console is above"; }
    wait "${process[$1]}" || true
}
