# Inside a VM: both sides of the stack, and this kernel's own v9fs and FUSE on the guest driver's socket; then each mode of
# this v9fs, on a 9p-server's own socket. A small tree: each request takes this VM about ten milliseconds.
source /checkout/Tests/System/stack.sh
source /checkout/Tests/System/both-sides.sh
start_daemons
start_link
start_export
mount_v9fs "$work/sockets/share.sock"
use_both_sides /checkout/Documentation/decisions
echo "VM: v9fs read and wrote through the page; both sides are alike"
said=$(random-operations "$mount/random" "$RANDOM" 100)
echo "VM: $said"
umount "$mount"
rm -rf "${export:?}"/*
start_mount
use_both_sides /checkout/Documentation/decisions
echo "VM: 9p-mount read and wrote through the page; both sides are alike"
mount_modes
