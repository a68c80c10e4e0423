# Packs what a VM runs: busybox, the commands the scripts of Tests/System use, the programs of this project, each with the
# shared libraries it needs, the kernel's modules, and the scripts themselves. Sourced by tools/vm-test.

system_commands=(
    bash setsid setpriv mktemp basename dirname env cat rm mkdir rmdir tail head sleep awk sed grep find sort xargs sha256sum
    diff cmp cp mv ln ls chmod stat mount umount mountpoint tac tar touch readlink realpath seq timeout tr wc cut dd sync id
    fusermount3
)

copy_in() { # FILE [DESTINATION]
    realpath "$1" >>"$work/packed"
    install -D -m 0755 "$(realpath "$1")" "$packed${2:-$(realpath "$1")}"
}

# What any of them asks for where it came from (some find it beside themselves), asked of all of them at once: one by one
# that took half of the time.
copy_libraries() {
    local library
    { xargs ldd <"$work/packed" 2>/dev/null || true; } |
        sed -nE 's/.*(=> |^\s)(\/[^ ]+) \(.*/\2/p' | sort -u | while read -r library; do
        [ -e "$packed$library" ] || install -D -m 0755 "$(realpath "$library")" "$packed$library"
    done
}

# The interpreter, and of its library what the tests' scripts load.
pack_python() {
    local interpreter file
    interpreter=$(realpath "$(python3 -c 'import sys; print(sys.executable)')")
    copy_in "$interpreter"
    [ -e "$packed/usr/bin/python3" ] || ln -s "$interpreter" "$packed/usr/bin/python3"
    python3 -c '
import contextlib, ctypes, errno, mmap, os, socket, subprocess, sys
for module in list(sys.modules.values()):
    if path := getattr(module, "__file__", None): print(os.path.realpath(path))' |
        while read -r file; do copy_in "$file"; done
}

pack_initramfs() { # KERNEL-DIRECTORY BIN INITRAMFS
    local packed=$work/initramfs command program
    mkdir -p "$packed"/{usr/bin,usr/sbin,usr/lib,usr/lib64,programs,checkout/Tests,checkout/tools,proc,sys,dev,run,tmp,etc}
    ln -s usr/bin usr/sbin usr/lib usr/lib64 "$packed"
    cp "$here/tools/vm/init" "$packed/init"
    cp "$(command -v busybox)" "$packed/usr/bin/busybox"
    : >"$work/packed"
    for command in "${system_commands[@]}"; do copy_in "$(command -v "$command")" "/usr/bin/$command"; done
    for program in vophostd vopguestd 9p-server 9p-mount vopctl; do
        copy_in "$2/$program" "/programs/$program"
        strip "$packed/programs/$program"
    done
    pack_python
    copy_libraries
    cp -r "$1/modules" "$packed/modules"
    cp -r "$here/Tests/System" "$packed/checkout/Tests/"
    cp -r "$here/tools/lib" "$here/tools/vm" "$packed/checkout/tools/"
    cp -r "$here/Documentation" "$packed/checkout/"
    cc -static -O1 -Wall -o "$packed/programs/random-operations" "$here/tools/vm/random-operations.c"
    printf 'root:x:0:0:root:/:/bin/bash\n' >"$packed/etc/passwd"
    printf 'root:x:0:\n' >"$packed/etc/group"
    (cd "$packed" && find . | cpio --quiet -o -H newc | zstd -q -1 -T0) >"$3"
    rm -rf "$packed"
}
