# The PCI functions between two kernels, from inside a VM. Sourced by what runs there.

function_address() { # doorbell|plain: of the one ivshmem function that has interrupts, or has none
    local path kind
    for path in /sys/bus/pci/devices/*; do
        [ "$(cat "$path/vendor") $(cat "$path/device")" = '0x1af4 0x1110' ] || continue
        # The registers of its interrupts.
        kind=plain
        [ ! -e "$path/resource1" ] || kind=doorbell
        [ $kind != "$1" ] || { basename "$path" && return 0; }
    done
    fail "there is no ivshmem function ($1) on the bus"
}

bind_to_vfio() { # ADDRESS
    local function=/sys/bus/pci/devices/$1
    echo vfio-pci >"$function/driver_override"
    echo "$1" >/sys/bus/pci/drivers_probe
    [ "$(basename "$(realpath "$function/driver")")" = vfio-pci ] || fail "vfio-pci did not take $1"
    [ -c "/dev/vfio/$(basename "$(realpath "$function/iommu_group")")" ] || fail "there is no node of the group of $1"
    echo "VM: vfio-pci has $1, in group $(basename "$(realpath "$function/iommu_group")")"
}

uptime_is() { cut -d ' ' -f 1 /proc/uptime; }

within() { # SECONDS WHAT COMMAND…: no step of a test waits for ever
    local limit=$1 what=$2
    shift 2
    timeout -s KILL "$limit" "$@" || fail "$what failed, or took more than $limit s"
}

# Joins a host elsewhere by the doorbell function, and mounts what it serves.
join_host() { # vfio|polling
    local address
    address=$(function_address doorbell)
    if [ "$1" = vfio ]; then bind_to_vfio "$address"; else echo 1 >"/sys/bus/pci/devices/$address/enable"; fi
    start_vopguestd
    await "the guest's tree" test -e "$work/guest/version"
    guest_ctl link add ep0 kind=ivshmem "pci=$address" "pci_access=$1"
    await "the driver's socket" test -S "$work/sockets/share.sock"
    mount_v9fs "$work/sockets/share.sock"
    echo "VM: mounted by $1 $(uptime_is) s after power-on"
}
