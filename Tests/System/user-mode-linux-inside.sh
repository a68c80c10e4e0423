#!/usr/bin/env bash
# What user-mode-linux.sh runs inside: v9fs over the guest driver's socket, and back; then each of its modes.
source "$(dirname "$0")/stack.sh"
source "$(dirname "$0")/both-sides.sh"
echo "UML: kernel $(uname -r)"
start_daemons
start_link
start_export
mount_v9fs "$work/sockets/share.sock"
use_both_sides
umount "$mount"
echo "UML: v9fs read and wrote through the page; both sides alike"

mount_modes
# 9p-server itself, reached as that kernel reaches a server.
direct() { # WHAT OPTIONS SOURCE: mounted, written and read
    local what=$1
    shift
    mount -t 9p -o "version=9p2000.L,aname=/,uname=root,access=client,msize=65536,$1" "$2" "$mount" || fail "v9fs refused $what"
    head -c 300000 /dev/urandom >"$mount/over"
    cmp "$mount/over" "$export/over" || fail "over $what the two sides differ"
    umount "$mount"
    echo "UML: v9fs read and wrote over $what"
}
start listener "$bin/9p-server" --export "/=$export" --listen tcp:127.0.0.1:0 --trust-clients --journal none
await "9p-server on TCP" grep -q serving "$work/log/listener"
port=$(sed -n 's/^serving .*:\([0-9]*\)$/\1/p' "$work/log/listener")
direct TCP "trans=tcp,port=$port" 127.0.0.1
exec 5<>"/dev/tcp/127.0.0.1/$port"
direct "a descriptor" trans=fd,rfdno=5,wfdno=5 fd
exec 5>&-
mkfifo "$work/in" "$work/out"
IN=$work/in OUT=$work/out start piped bash -c 'exec "$0" "$@" <"$IN" 3>"$OUT"' "$bin/9p-server" --export "/=$export" --listen fd:0,3 --journal none
exec 5>"$work/in" 6<"$work/out"
await "9p-server on pipes" grep -q serving "$work/log/piped"
direct "a pair of pipes" trans=fd,rfdno=6,wfdno=5 fd
