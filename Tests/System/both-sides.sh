# A directory as both sides of the stack see it, through the kernel's own client. Sourced after stack.sh.

mount_v9fs() { # SOCKET [OPTIONS]
    mount -t 9p -o "trans=unix,version=9p2000.L,aname=/,uname=root,access=client,msize=1048576,${2:-cache=none}" "$1" "$mount" ||
        fail "v9fs refused the socket"
    echo "kernel: $(grep " $mount 9p " /proc/mounts | cut -d ' ' -f 3-4)"
}

# Writes on either side and compares. $export and $mount must both be in sight.
use_both_sides() { # [TREE]: a tree that is copied, the documentation unless given
    echo "from the host's side" >"$export/one"
    [ "$(cat "$mount/one")" = "from the host's side" ] || fail "a file made on the host's side reads differently"
    echo "from the guest's side" >"$mount/two"
    [ "$(cat "$export/two")" = "from the guest's side" ] || fail "a file made on the guest's side reads differently"
    mkdir "$mount/directory" && ln -s ../two "$mount/directory/link" && ln "$mount/two" "$mount/directory/hard"
    dd if=/dev/urandom of="$mount/directory/random" bs=1000000 count=5 status=none
    # Not in pieces of four kilobytes, as cmp would read it.
    dd if="$mount/directory/random" bs=1000000 status=none | cmp - "$export/directory/random" || fail "five megabytes differ"
    mv "$mount/directory/random" "$mount/moved" && rm "$mount/one"
    tar -C "${1:-$root/Documentation}" -cf - . | tar -C "$mount/directory" -xf -
    diff <(tree_checksums "$export") <(tree_checksums "$mount") || fail "the two sides differ"
}

# Each mode of the kernel's client, on a server's own socket.
mount_modes() {
    chmod 0711 "$work"  # some of them act as other users
    mkdir "$work/tree" "$work/modes"
    start served "$bin/9p-server" --export "tree=$work/tree" --listen "unix:$work/served.sock" --journal none
    await "9p-server on a socket" grep -q serving "$work/log/served"
    timeout 600 python3 "$root/Tests/System/mount_modes.py" "$work/served.sock" "$work/tree" "$work/modes" || fail "a mount mode failed"
}
