#!/usr/bin/env bash
# A 9p-server under attack by a client of another make: no name, link, move or race leads out of the exported directory.
source "$(dirname "$0")/stack.sh"
top=$work/top
mkdir -p "$top"/{tree/a/b,tree/leaving/below,tree/swap,tree2,outside/other/below}
for place in "$top" "$top/outside" "$top/outside/other"; do echo secret >"$place/secret"; done
echo secret >"$top/outside/other/below/secret"
for name in file file2 swap/secret swapped; do echo fine >"$top/tree/$name"; done
printf other >"$top/tree2/other"
ln -s .. "$top/tree/up"
ln -s "$top" "$top/tree/absolute"
ln -s ../secret "$top/tree/to-secret"
ln -s "$top/secret" "$top/tree/absolute-secret"
ln -s loop "$top/tree/loop"
ln -s /proc/self/root "$top/tree/proc"

outside() { # every name, its age, and every byte beside the two trees
    find "$top" -mindepth 1 -path "$top/tree" -prune -o -path "$top/tree2" -prune -o -printf '%P %y %m %s\n' | sort
    find "$top/outside" "$top/secret" -type f -exec sha256sum {} + | sort
}
before=$(outside)
start 9p-server "$bin/9p-server" --export "tree=$top/tree" --export "tree2=$top/tree2" --listen "unix:$work/served.sock" --journal none
await "9p-server" grep -q serving "$work/log/9p-server"
for status in /proc/"${process[9p-server]}"/task/*/status; do
    grep -q '^NoNewPrivs:.1$' "$status" && grep -q '^Seccomp:.2$' "$status" || fail "a thread of 9p-server is not confined"
done
timeout 200 python3 "$root/Tests/System/confinement.py" "$work/served.sock" "$top" || fail "the export can be left"
kill -0 "${process[9p-server]}" || fail "9p-server did not survive it"
# The last race may have left the two directories exchanged.
[ ! -e "$top/outside/other/below/secret" ] && mv "$top/outside/other" "$work/swapped" && mv "$top/tree/leaving" "$top/outside/other" &&
    mv "$work/swapped" "$top/tree/leaving"
[ "$(outside)" = "$before" ] || { diff <(echo "$before") <(outside) >&2; fail "something beside the export changed"; }
[ "$(ls -A "$top/tree2")" = other ] || fail "something was put into the other tree"
