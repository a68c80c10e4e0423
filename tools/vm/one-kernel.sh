# Inside a VM: both sides of the stack, and this kernel's own v9fs and FUSE on the guest driver's socket.
source /checkout/Tests/System/stack.sh
source /checkout/Tests/System/both-sides.sh
start_daemons
start_link
start_export
mount_v9fs "$work/sockets/share.sock"
use_both_sides
echo "VM: v9fs read and wrote through the page; both sides are alike"
said=$(random-operations "$mount/random" "$RANDOM" 400)
echo "VM: $said"
umount "$mount"
rm -rf "${export:?}"/*
start_mount
use_both_sides
echo "VM: 9p-mount read and wrote through the page; both sides are alike"
