# Inside a VM: the function's memory is the file outside, by the resource file of sysfs; and VFIO takes the function.
source /checkout/Tests/System/stack.sh
source /checkout/tools/vm/function.sh
address=$(function_address)
[ -n "$address" ] || fail "there is no ivshmem function on the bus"
python3 -c '
import mmap, os, sys
memory = mmap.mmap(os.open(sys.argv[1], os.O_RDWR | os.O_SYNC), 0)
print(f"VM: {sys.argv[1]} is {len(memory)} bytes")
assert memory[:12] == b"from outside", memory[:12]
memory[4096:4107] = b"from inside"' "/sys/bus/pci/devices/$address/resource2"
bind_to_vfio "$address"
echo "VM: vfio-pci has $address, in group $(basename "$(realpath "/sys/bus/pci/devices/$address/iommu_group")")"
