# Inside a VM: the guest's side of a link whose host is in another VM.
source /checkout/Tests/System/stack.sh
source /checkout/Tests/System/both-sides.sh
source /checkout/tools/vm/function.sh
source /checkout/tools/vm/list.sh
join_host vfio
use_as_guest inside /checkout/Documentation/decisions
umount "$mount"
