# Inside a VM: each mode of this kernel's v9fs, on a 9p-server's own socket.
source /checkout/Tests/System/stack.sh
source /checkout/Tests/System/both-sides.sh
mount_modes
