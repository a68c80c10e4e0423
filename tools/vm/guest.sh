# Inside a VM: the guest's side of a link whose host is outside, reached as $1 says: vfio (interrupts) or polling (sysfs).
source /checkout/Tests/System/stack.sh
source /checkout/Tests/System/both-sides.sh
source /checkout/tools/vm/function.sh
address=$(function_address)
[ -n "$address" ] || fail "there is no ivshmem function on the bus"
[ "$1" != vfio ] || bind_to_vfio "$address"
start_vopguestd
await "the guest's tree" test -e "$work/guest/version"
guest_ctl link add ep0 kind=ivshmem "pci=$address" "pci_access=$1"
await "the driver's socket" test -S "$work/sockets/share.sock"
mount_v9fs "$work/sockets/share.sock"
echo "VM: mounted by $1 $(cut -d ' ' -f 1 /proc/uptime) s after power-on"
cp -r "$mount/documentation" "$mount/again"
diff -r "$mount/documentation" "$mount/again" || fail "a copy of a tree differs"
said=$(random-operations "$mount/operations" "$RANDOM" 100)
echo "VM: $said"
tree_checksums "$mount" >"$work/seen"
cd /
cp "$work/seen" "$mount/seen"
umount "$mount"
