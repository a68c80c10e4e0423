# Both daemons and a 9p device between them, for the tests of this folder: sourced, then `start_stack`.
#
#   $work   a directory of this test's own     $export   what 9p-server exports     $mount   where it is mounted
#   $bin    the built commands                 host_ctl, guest_ctl                   vopctl on either tree
#
# However the test ends, the keeper ends its processes and unmounts its mounts.

set -Eeuo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build_path=${VOP_BUILD_PATH:-$root/.build}
bin=${VOP_BIN:-$(cd "$root" && tools/lib/swift-in "$build_path" build -c release --show-bin-path)}
source "$root/tools/lib/compare.sh"
# Nothing is left beside the sources.
export PYTHONDONTWRITEBYTECODE=1

fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    tail -n 5 "$work"/log/* >&2 2>/dev/null || true
    exit 1
}
trap 'echo "$(basename "$0"): line $LINENO: $BASH_COMMAND" >&2' ERR

work=$(mktemp -d "${TMPDIR:-/tmp}/vop-system.XXXXXX")
export=$work/export mount=$work/mount
mkdir "$work/log" "$work/sockets" "$work/host" "$work/guest" "$export" "$mount"
: >"$work/pids"
coproc keeper { exec setsid bash "$root/tools/lib/keeper.sh" "$work" "$mount" 2>&1; }
keeper_pid=$keeper_PID
exec 8>&"${keeper[1]}" 7<&"${keeper[0]}"
eval "exec ${keeper[1]}>&- ${keeper[0]}<&-"
tidy() {
    local status=$?
    trap - EXIT
    cd /
    exec 8>&-
    cat <&7 >&2 || true
    wait "$keeper_pid" 2>/dev/null || { [ $status -ne 0 ] || status=1; }
    exit $status
}
trap tidy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

declare -A process=()
start() { # NAME COMMAND…
    local name=$1
    shift
    setpriv --pdeathsig TERM -- "$@" >>"$work/log/$name" 2>&1 7<&- 8>&- &
    process[$name]=$!
    echo $! >>"$work/pids"
}

await() { # WHAT COMMAND…: half a minute at most, unless `await_seconds` says otherwise
    local what=$1 tries limit=${await_seconds:-30}
    shift
    for ((tries = 0; tries < limit * 10; tries++)); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    fail "$what did not come within $limit s"
}

host_ctl() { "$bin/vopctl" --tree "$work/host" "$@"; }
guest_ctl() { "$bin/vopctl" --tree "$work/guest" "$@"; }

start_vophostd() { start vophostd "$bin/vophostd" --tree "$work/host" --state "$work/state"; }
start_vopguestd() {
    start vopguestd "$bin/vopguestd" --tree "$work/guest" --state "$work/state" --sockets "$work/sockets"
}
start_daemons() {
    start_vophostd
    start_vopguestd
    await "the host's tree" test -e "$work/host/version"
    await "the guest's tree" test -e "$work/guest/version"
}

start_link() {
    host_ctl link add ep0 kind=shm "socket=$work/ep0.sock"
    guest_ctl link add ep0 kind=shm "socket=$work/ep0.sock"
}

device=$work/host/links/ep0/devices/share
start_server() { # [9p-server options…]
    : >"$work/log/9p-server"
    start 9p-server "$bin/9p-server" --export "/=$export" --copy-file "$device/queues/0/copy" --journal "$work/journal" "$@"
    await "9p-server" grep -q ^serving "$work/log/9p-server"
}
start_export() { # [9p-server options…]
    host_ctl add-device ep0/share type=9p tag=share
    start_server "$@"
    await "the driver's socket" test -S "$work/sockets/share.sock"
}

start_mount() { # [9p-mount options…]
    start 9p-mount "$bin/9p-mount" --foreground "$@" "$work/sockets/share.sock" "$mount"
    await "the mount" mountpoint -q "$mount"
}

start_stack() {
    start_daemons
    start_link
    start_export
    start_mount
}
