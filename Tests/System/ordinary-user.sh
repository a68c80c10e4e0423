#!/usr/bin/env bash
# An ordinary user runs `tools/quickstart --once`: as root, inside a private mount namespace in which that user may
# open /dev/fuse; as an ordinary user, as is.
set -Eeuo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build_path=${VOP_BUILD_PATH:-$root/.build}
if [ "$(id -u)" != 0 ]; then
    exec "$root/tools/quickstart" --once --build-path "$build_path"
fi

# The user cannot write into root's build directory, nor need to: what is built is up to date and swift only looks,
# but it takes a lock there; so the user gets the binaries by a copy of the commands and a swift that builds nothing.
stage=$(mktemp -d /tmp/vop-ordinary.XXXXXX)
trap 'rm -rf "$stage"' EXIT
mkdir -p "$stage/tools" "$stage/bin" "$stage/home" "$stage/path"
bin=$(cd "$root" && tools/lib/swift-in "$build_path" build -c release --show-bin-path)
cp -r "$root/tools/quickstart" "$root/tools/lib" "$stage/tools/"
for command in vophostd vopguestd 9p-server 9p-mount vopctl; do cp "$bin/$command" "$stage/bin/"; done
libraries=$(dirname "$(ldd "$bin/vopctl" | awk '/libswiftCore/ { print $3 }')")
cat >"$stage/path/swift" <<SWIFT
#!/bin/sh
# Stands in for the toolchain: everything is built already.
for argument; do [ "\$argument" != --show-bin-path ] || echo "$stage/bin"; done
SWIFT
chmod -R a+rX "$stage" && chmod a+x "$stage/path/swift"
chown nobody "$stage/home"

unshare -m --propagation private bash -Eeuo pipefail -c '
    stage=$1 libraries=$2
    mount -t tmpfs -o mode=0755 devices "$stage/home"
    chown nobody "$stage/home"
    mknod -m 0666 "$stage/home/fuse" c 10 229
    mount --bind "$stage/home/fuse" /dev/fuse
    cd "$stage/home"
    exec setpriv --reuid nobody --regid nogroup --clear-groups \
        env -i PATH="$stage/path:$PATH" HOME="$stage/home" TMPDIR=/tmp LD_LIBRARY_PATH="$libraries" \
        "$stage/tools/quickstart" --once
' _ "$stage" "$libraries"
