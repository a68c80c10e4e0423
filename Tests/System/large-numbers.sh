#!/usr/bin/env bash
# One client of a 9p-server asks for a great deal: a million names, ten thousand levels, more fids than there are, ten
# thousand connections. Another client is answered meanwhile, and the server is afterwards what it was.
source "$(dirname "$0")/stack.sh"
# A client has a quarter of the descriptors as fids.
start 9p-server prlimit --nofile=16384 "$bin/9p-server" --export "tree=$export" --listen "unix:$work/served.sock" --journal "$work/journal"
await "9p-server" grep -q serving "$work/log/9p-server"
timeout 280 python3 "$root/Tests/System/large_numbers.py" "$work/served.sock" "$export" "${process[9p-server]}" ||
    fail "the server could not bear it"
kill -0 "${process[9p-server]}" || fail "9p-server did not survive it"
[ -z "$(ls -A "$work/journal")" ] || fail "journals of sessions that ended stayed: $(ls "$work/journal" | head -n 3)"
