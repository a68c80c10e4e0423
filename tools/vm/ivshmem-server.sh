# Inside a VM: the function is what vophostd outside serves, and the host is there.
source /checkout/Tests/System/stack.sh
source /checkout/tools/vm/function.sh
address=$(function_address)
[ -n "$address" ] || fail "there is no ivshmem function on the bus"
# Nobody has enabled it: no driver took it.
echo 1 >"/sys/bus/pci/devices/$address/enable"
python3 /checkout/tools/vm/meet_host.py "/sys/bus/pci/devices/$address"
