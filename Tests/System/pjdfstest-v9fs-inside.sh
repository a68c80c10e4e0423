#!/usr/bin/env bash
# What tools/pjdfstest-v9fs runs inside each User-Mode Linux: files that nobody has taken yet, until there are none or
# SECONDS are over, over v9fs; then the same ones on tmpfs.
source "$(dirname "$0")/stack.sh"
source "$root/tools/lib/pjdfstest.sh"
suite=/run/results/suite below=$work/below
# The suite becomes other users, in groups as it likes. A 9P client says who somebody is and not in which groups, so the
# server looks that up: where a test says that 65534 is in 65532 it must be so.
chmod 0711 "$work"
for number in 65531 65532 65533 65534; do
    echo "pjdfstest$number:x:$number:$number::/:/bin/sh" >>"$work/passwd"
    echo "pjdfstest$number:x:$number:pjdfstest65531,pjdfstest65532,pjdfstest65533,pjdfstest65534" >>"$work/group"
done
for database in passwd group; do
    grep -vE '^[^:]*:[^:]*:6553[1-4]:' "/etc/$database" >>"$work/$database"
    mount --bind "$work/$database" "/etc/$database"
done
mkdir "$below"
start 9p-server "$bin/9p-server" --export "tree=$export,devices" --listen "unix:$work/socket" --journal none
await "9p-server" grep -q serving "$work/log/9p-server"
mount -t 9p -o trans=unix,version=9p2000.L,aname=tree,uname=root,access=client,posixacl,msize=65536,cache=none \
    "$work/socket" "$mount" || fail "v9fs refused the socket"
taken=()
while read -r file <&3; do
    [ "$SECONDS" -lt "$1" ] || break
    mkdir "/run/results/claimed/${file//\//-}" 2>/dev/null || continue
    taken+=("$file")
    run_file "$suite" "$file" "$mount" /run/results/mount
    echo "UML-FILE $file over v9fs, $SECONDS s"
done 3</run/results/files
for file in "${taken[@]}"; do
    run_file "$suite" "$file" "$below" /run/results/below
    echo "UML-FILE $file on tmpfs, $SECONDS s"
done
kill -0 "${process[9p-server]}" || fail "9p-server did not survive the suite"
umount "$mount" || fail "the mount cannot be unmounted"
