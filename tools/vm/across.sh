# What tests across two kernels need outside the VMs. Sourced by tools/vm-test.

# Behind root ports, each in a group of its own, their interrupts remapped by an emulated IOMMU: what VFIO wants.
set_functions() { # [DEVICE,PROPERTY…]…: sets `functions` to QEMU's options
    local device number=0
    functions=(-device "intel-iommu,intremap=on,caching-mode=on")
    for device in "$@"; do
        number=$((number + 1))
        functions+=(-device "pcie-root-port,id=root$number,slot=$number,chassis=$number" -device "$device,bus=root$number")
    done
}

start_host() {
    start_vophostd
    await "the host's tree" test -e "$work/host/version"
    host_ctl link add ep0 kind=ivshmem "socket=$work/peers.sock" window_bytes=16M
    await "the server's socket" test -S "$work/peers.sock"
}

# Nothing of it is left for the next test.
end_processes() { # PROGRAM…
    local name
    for name in "$@"; do
        kill "${process[$name]}"
        wait "${process[$name]}" || true
    done
    rm -rf "$work/state" "$work/peers.sock" "${export:?}"/*
}

host_says() { # of the link, what the host has noted
    host_ctl monitor --retained | grep -F links/ep0 | cut -c 12-
}

fill_export() {
    cp -r "$here/Documentation/decisions" "$export/tree"
    head -c 1000000 /dev/urandom >"$export/random"
}

# What the other side saw of the exported tree, and left there, is what is there.
compare_seen() {
    [ -s "$export/seen" ] || fail "the other side left no list of what it saw"
    mv "$export/seen" "$work/seen"
    diff "$work/seen" <(tree_checksums "$export") || fail "the two sides differ (above: < the other, > this one)"
    echo "  $(wc -l <"$work/seen") lines of names and checksums are alike on both sides"
}

# The guest in a VM that is reset once, the host outside all the while; beside the function between them there is one that
# QEMU makes of a file.
test_guest() {
    start_host
    host_ctl add-device ep0/share type=9p tag=share
    start_server
    fill_export
    truncate -s 16M "$work/memory"
    printf 'from outside' | dd of="$work/memory" conv=notrunc status=none
    set_functions ivshmem-doorbell,chardev=peers,vectors=4 ivshmem-plain,memdev=memory
    on_reset=reset boot_vm guest guest.sh '' "${functions[@]}" -chardev "socket,path=$work/peers.sock,id=peers" \
        -object "memory-backend-file,id=memory,share=on,mem-path=$work/memory,size=16M"
    await_vm guest
    [ "$(dd if="$work/memory" bs=1 skip=4096 count=11 status=none)" = 'from inside' ] ||
        fail "what the VM wrote to the function's memory is not in the file"
    host_says | sed 's/^/  vophostd: /'
    host_says | grep -q 'link-down.*the peer: it began anew' || fail "the host did not find that the VM had been reset"
    compare_seen
    end_processes 9p-server vophostd
}
