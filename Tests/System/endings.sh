#!/usr/bin/env bash
# However quickstart ends, nothing stays mounted, running or on disk.
set -Eeuo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
base=$(mktemp -d /tmp/vop-endings.XXXXXX)
trap 'rm -rf "$base"' EXIT
export TMPDIR=$base

begin() { # NAME: starts one, waits until it is up
    # In a group of its own, and with INT as a terminal leaves it: a script's background jobs ignore it otherwise.
    env --default-signal=INT setsid "$root/tools/quickstart" --build-path "${VOP_BUILD_PATH:-$root/.build}" >"$base/$1.log" 2>&1 &
    pid=$!
    : >>"$base/$1.log"
    for _ in $(seq 1200); do
        grep -q 'Ctrl-C ends it' "$base/$1.log" && return 0
        kill -0 $pid 2>/dev/null || break
        sleep 0.1
    done
    cat "$base/$1.log" >&2
    return 1
}

gone() { # WHAT: within ten seconds nothing is left
    for _ in $(seq 200); do
        if ! ls -d "$base"/vop-quickstart.* >/dev/null 2>&1 && ! grep -q "$base" /proc/self/mounts &&
            ! pgrep -f "$base/vop-quickstart" >/dev/null; then
            echo "$1: nothing left"
            return 0
        fi
        sleep 0.1
    done
    echo "$1 left something:" >&2
    ls -d "$base"/vop-quickstart.* >&2 || true
    grep "$base" /proc/self/mounts >&2 || true
    pgrep -af "$base/vop-quickstart" >&2 || true
    return 1
}

for signal in INT TERM HUP KILL; do
    begin "$signal"
    # Ctrl-C goes to the whole group, the others to the script alone.
    if [ $signal = INT ]; then kill -INT -- -$pid; else kill -$signal $pid; fi
    wait $pid 2>/dev/null || true
    gone "kill -$signal"
done

for daemon in vophostd vopguestd 9p-server 9p-mount; do
    begin "$daemon"
    pkill -KILL -f "/$daemon .*$base" || { echo "no $daemon to kill" >&2 && exit 1; }
    if wait $pid; then echo "quickstart went on without $daemon" >&2 && exit 1; fi
    gone "SIGKILL of $daemon"
done

begin first && first=$pid
begin second && second=$pid
kill -TERM $second && { wait $second || true; }
kill -0 $first || { echo "ending the second run ended the first" >&2 && exit 1; }
kill -TERM $first && { wait $first || true; }
gone "two runs side by side"
