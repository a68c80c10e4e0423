# The PCI function between two kernels, from inside a VM. Sourced by what runs there.

function_address() { # of the one ivshmem function
    local path
    for path in /sys/bus/pci/devices/*; do
        [ "$(cat "$path/vendor") $(cat "$path/device")" != '0x1af4 0x1110' ] || basename "$path"
    done
}

bind_to_vfio() { # ADDRESS
    local function=/sys/bus/pci/devices/$1
    echo vfio-pci >"$function/driver_override"
    echo "$1" >/sys/bus/pci/drivers_probe
    [ "$(basename "$(realpath "$function/driver")")" = vfio-pci ] || fail "vfio-pci did not take $1"
    [ -c "/dev/vfio/$(basename "$(realpath "$function/iommu_group")")" ] || fail "there is no node of the group of $1"
}
