#!/usr/bin/env bash
# killed-server.sh as an ordinary user, in a user namespace of its own for the mounts (as quickstart does): as root, inside a private mount namespace in which that user may open /dev/fuse;
# as an ordinary user, as is.
set -Eeuo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build_path=${VOP_BUILD_PATH:-$root/.build}
if [ "$(id -u)" != 0 ]; then exec unshare -Urm --propagation private "$root/Tests/System/killed-server.sh" "$@"; fi

stage=$(mktemp -d /tmp/vop-killed-user.XXXXXX)
trap 'rm -rf "$stage"' EXIT
mkdir -p "$stage/tools" "$stage/bin" "$stage/home" "$stage/Tests"
bin=$(cd "$root" && tools/lib/swift-in "$build_path" build -c release --show-bin-path)
cp -r "$root/tools/lib" "$stage/tools/"
cp -r "$root/Tests/System" "$stage/Tests/"
for command in vophostd vopguestd 9p-server 9p-mount vopctl; do cp "$bin/$command" "$stage/bin/"; done
libraries=$(dirname "$(ldd "$bin/vopctl" | awk '/libswiftCore/ { print $3 }')")
chmod -R a+rX "$stage"

# shellcheck disable=SC2016
unshare -m --propagation private bash -Eeuo pipefail -c '
    stage=$1 libraries=$2 kills=$3
    mount -t tmpfs -o mode=0755 devices "$stage/home"
    chown nobody "$stage/home"
    mknod -m 0666 "$stage/home/fuse" c 10 229
    mount --bind "$stage/home/fuse" /dev/fuse
    cd "$stage/home"
    exec setpriv --reuid nobody --regid nogroup --clear-groups \
        env -i PATH="$PATH" HOME="$stage/home" TMPDIR=/tmp LD_LIBRARY_PATH="$libraries" VOP_BIN="$stage/bin" \
        VOP_LIMITS="$stage/home/limits" unshare -Urm --propagation private "$stage/Tests/System/killed-server.sh" "$kills"
' _ "$stage" "$libraries" "${1:-12}"
