# Inside a VM: the guest's side of a link whose host is outside. Its first life joins by VFIO, with interrupts, and is reset
# in the middle of its work; the second, beside the same host, by polling through sysfs.
source /checkout/Tests/System/stack.sh
source /checkout/Tests/System/both-sides.sh
source /checkout/tools/vm/function.sh

life=$(within 200 "the plain function" python3 /checkout/tools/vm/plain_memory.py \
    "/sys/bus/pci/devices/$(function_address plain)/resource2")
case $life in
0)
    address=$(function_address doorbell)
    # Nobody has enabled it: no driver took it.
    echo 1 >"/sys/bus/pci/devices/$address/enable"
    within 200 "meeting the host by hand" python3 /checkout/tools/vm/meet_host.py "/sys/bus/pci/devices/$address"
    echo 0 >"/sys/bus/pci/devices/$address/enable"
    join_host vfio
    within 200 "a copy of a tree" cp -r "$mount/tree" "$mount/again"
    said=$(within 200 "random operations" random-operations "$mount/operations" "$RANDOM" 100)
    echo "VM: $said"
    # As if its power had failed: nobody is told, and requests are under way.
    while :; do cp "$mount/random" "$mount/interrupted" || true; done &
    sleep 1
    echo "VM: is reset"
    sleep 0.2
    echo b >/proc/sysrq-trigger
    sleep 60
    ;;
1)
    join_host polling
    [ -e "$mount/interrupted" ] || fail "nothing is there of the file that was being written at the reset"
    rm "$mount/interrupted"
    within 200 "comparing a tree with its copy of before the reset" diff -r "$mount/tree" "$mount/again"
    said=$(within 200 "random operations" random-operations "$mount/operations" "$RANDOM" 50)
    echo "VM: $said"
    tree_checksums "$mount" >"$work/seen"
    cd /
    cp "$work/seen" "$mount/seen"
    umount "$mount"
    ;;
*) fail "this is life $life of the VM; it should have been reset once" ;;
esac
