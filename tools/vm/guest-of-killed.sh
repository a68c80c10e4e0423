# Inside a VM: the guest's side of a link whose host, outside, is killed. Nothing in ivshmem tells of that: this side asks
# while somebody waits. Then a host is there again, another process on the same memory.
source /checkout/Tests/System/stack.sh
source /checkout/Tests/System/both-sides.sh
source /checkout/tools/vm/function.sh
join_host vfio
within 200 "a copy of a tree" cp -r "$mount/tree" "$mount/again"
began=$SECONDS
echo "VM: the host may be killed"
has_no_host() { [ "$(cat "$work/guest/links/ep0/state")" != up ]; }
# Somebody waits, until what is waited for is known not to come.
while ! has_no_host; do
    timeout -s KILL 5 ls "$mount" >/dev/null || true
    [ $((SECONDS - began)) -lt 90 ] || fail "that the host was killed was not noticed within 200 s"
done
echo "VM: the host is gone after $((SECONDS - began)) s: $(guest_ctl monitor --retained | grep -F link-down | cut -c 12-)"
umount -l "$mount"
has_host() { ! has_no_host; }
await "the next host" has_host
await "the driver's socket" test -S "$work/sockets/share.sock"
mount_v9fs "$work/sockets/share.sock"
within 200 "comparing a tree with its copy of before the kill" diff -r "$mount/tree" "$mount/again"
said=$(within 200 "random operations" random-operations "$mount/operations" "$RANDOM" 50)
echo "VM: $said"
tree_checksums "$mount" >"$work/seen"
cd /
cp "$work/seen" "$mount/seen"
umount "$mount"
