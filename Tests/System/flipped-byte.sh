#!/usr/bin/env bash
# One byte flipped in a window while data crosses makes the comparison fail: so the bytes did cross there, and the
# comparison can fail.
source "$(dirname "$0")/stack.sh"
start_stack

# A pattern that occurs nowhere else; the flipper looks for it in the guest's window, where the reply to a read lands.
pattern=VOP-FLIPPED-BYTE-TEST-PATTERN
for _ in $(seq 200000); do echo "$pattern"; done >"$export/victim"
sum=$(sha256sum <"$export/victim")
[ "$(sha256sum <"$mount/victim")" = "$sum" ] || fail "the undisturbed copy differs"

start flipper python3 "$root/Tests/System/flip_bytes.py" "${process[vopguestd]}" "$pattern" 20
flipped=no
for _ in $(seq 200); do
    [ "$(sha256sum <"$mount/victim")" = "$sum" ] || { flipped=yes && break; }
    kill -0 "${process[flipper]}" 2>/dev/null || break
done
[ $flipped = yes ] || fail "no flipped byte reached a reader: did the data cross the window?"
kill "${process[flipper]}"
wait "${process[flipper]}" || true
[ "$(sha256sum <"$mount/victim")" = "$sum" ] || fail "the file stayed wrong after the flipping ended"
echo "a byte flipped in the window was seen by the comparison, and none afterwards"
