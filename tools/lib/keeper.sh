#!/usr/bin/env bash
# keeper.sh DIRECTORY MOUNT: waits until its standard input ends, which is when the script that started it is gone,
# however it went; then ends the processes listed in DIRECTORY/pids, last started first, unmounts what is mounted
# at MOUNT or beneath DIRECTORY, and removes DIRECTORY.
set -u
work=$1 mount=$2
trap '' INT HUP TERM
cat >/dev/null

alive() { [ -d "/proc/$1" ] && [ "$(awk '/^State/ { print $2 }' "/proc/$1/status" 2>/dev/null)" != Z ]; }
waiting() { for task in "/proc/$1/task"/*; do printf '%s: %s; ' "$(cat "$task/comm")" "$(cat "$task/wchan")"; done 2>/dev/null; }
tac "$work/pids" >"$work/pids.reversed"
while read -r pid; do
    kill -TERM "$pid" 2>/dev/null || continue
    # vophostd by itself waits up to 15 s for a guest to let go.
    for _ in $(seq 200); do alive "$pid" && sleep 0.1 || break; done
    if alive "$pid"; then
        echo "keeper: process $pid did not end within 20 s; killed: $(tr '\0' ' ' <"/proc/$pid/cmdline" | cut -c 1-200)"
        echo "keeper: its threads were in $(waiting "$pid")"
        kill -KILL "$pid" 2>/dev/null
    fi
done <"$work/pids.reversed"

# Deepest first. A dead FUSE mount can only be detached.
awk '{ print $2 }' /proc/self/mounts | grep -E "^($work/|$mount\$)" | sort -r | while read -r at; do
    fusermount3 -u -q -z "$at" 2>/dev/null || umount -l "$at" 2>/dev/null || echo "keeper: could not unmount $at"
done
rm -rf --one-file-system "$work"
[ ! -e "$work" ] || { echo "keeper: $work could not be removed" && exit 1; }
