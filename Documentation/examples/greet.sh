#!/bin/sh
# A backend for a shell: each request is a line, each answer is a line. One read of a stream file takes one chain, one
# write fills and completes the oldest chain taken.
#
#   greet.sh TREE/links/LINK/devices/NAME/queues/0/stream
set -eu
[ $# = 1 ] || { echo "usage: greet.sh STREAM-FILE" >&2 && exit 1; }
exec 3<>"$1"
while line=$(dd bs=64k count=1 status=none <&3) && [ -n "$line" ]; do
    echo "hello, $line" >&3
done
