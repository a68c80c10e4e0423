# What tests across two kernels need outside the VMs. Sourced by tools/vm-test.

# Behind a root port, in a group of its own, whose interrupts an emulated IOMMU remaps: what VFIO wants.
set_function() { # DEVICE,PROPERTY… [QEMU-OPTION…]: sets `function` to QEMU's options
    function=(-device intel-iommu,intremap=on,caching-mode=on "${@:2}"
        -device pcie-root-port,id=root0,slot=1,chassis=1 -device "$1,bus=root0")
}

test_pci_function() {
    truncate -s 16M "$work/memory"
    printf 'from outside' | dd of="$work/memory" conv=notrunc status=none
    set_function ivshmem-plain,memdev=memory \
        -object "memory-backend-file,id=memory,share=on,mem-path=$work/memory,size=16M"
    boot_vm pci-function pci-function.sh '' "${function[@]}"
    await_vm pci-function
    [ "$(dd if="$work/memory" bs=1 skip=4096 count=11 status=none)" = 'from inside' ] ||
        fail "what the VM wrote to the function's memory is not in the file"
}

# A host outside, and QEMU's function over what it serves.
start_host() {
    start_vophostd
    await "the host's tree" test -e "$work/host/version"
    host_ctl link add ep0 kind=ivshmem "socket=$work/peers.sock" window_bytes=16M
    await "the server's socket" test -S "$work/peers.sock"
    set_function ivshmem-doorbell,chardev=peers,vectors=4 -chardev "socket,path=$work/peers.sock,id=peers"
}

# Nothing of it is left for the next test.
end_host() { # [PROGRAM…]: those that run beside it
    local name
    for name in "$@" vophostd; do
        kill "${process[$name]}"
        wait "${process[$name]}" || true
    done
    rm -rf "$work/state" "$work/peers.sock" "${export:?}"/*
}

test_ivshmem_server() {
    start_host
    boot_vm ivshmem-server ivshmem-server.sh '' "${function[@]}"
    await_vm ivshmem-server
    host_ctl monitor --retained | grep -F links/ep0 | cut -c 12- | sed 's/^/  vophostd: /'
    end_host
}

# The host outside, the guest in a VM: what each sees of the exported tree is compared.
test_guest_by() { # vfio|polling
    start_host
    host_ctl add-device ep0/share type=9p tag=share
    start_server
    cp -r "$here/Documentation" "$export/documentation"
    head -c 1000000 /dev/urandom >"$export/random"
    boot_vm "guest-$1" guest.sh "$1" "${function[@]}"
    await_vm "guest-$1"
    [ -s "$export/seen" ] || fail "the guest left no list of what it saw"
    mv "$export/seen" "$work/seen"
    diff "$work/seen" <(tree_checksums "$export") || fail "the two sides differ (above: < the guest, > the host)"
    echo "  $(wc -l <"$work/seen") lines of names and checksums are alike on both sides"
    end_host 9p-server
}
test_guest_vfio() { test_guest_by vfio; }
