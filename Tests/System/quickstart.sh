#!/usr/bin/env bash
# `tools/quickstart --once` compares every byte, keeps the sides apart, refuses nonsense, and leaves nothing behind.
set -Eeuo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=(--build-path "${VOP_BUILD_PATH:-$root/.build}")
left() { compgen -G "${TMPDIR:-/tmp}/vop-quickstart.*" || true; }
before=$(left)
out=$(mktemp)
trap 'rm -rf "$out" "$out.d"' EXIT

"$root/tools/quickstart" --once "${build[@]}" | tee "$out"
grep -q 'All held' "$out"
grep -q 'namespaces: 9p-server cannot see the mount' "$out" || echo "mount namespaces for quickstart --once" >>"$VOP_LIMITS"

mkdir -p "$out.d/export/inside" "$out.d/mount"
echo content >"$out.d/export/file"
"$root/tools/quickstart" --once "${build[@]}" --export "$out.d/export" --mount "$out.d/mount"

refused() { # EXPECTED-TEXT OPTIONS…
    local expected=$1 text
    shift
    if text=$("$root/tools/quickstart" --once "${build[@]}" "$@" 2>&1 >/dev/null); then
        echo "accepted: $*" >&2
        return 1
    fi
    grep -q -- "$expected" <<<"$text" || { echo "expected «$expected», got: $text" >&2 && return 1; }
}
refused 'lies inside' --export "$out.d/export" --mount "$out.d/export/inside"
refused 'no such directory' --export "$out.d/nowhere"
refused 'not empty' --mount "$out.d/export"
refused 'unknown option' --twice

[ "$(left)" = "$before" ] || { echo "left on disk: $(left)" >&2 && exit 1; }
! grep -q vop-quickstart /proc/self/mounts
