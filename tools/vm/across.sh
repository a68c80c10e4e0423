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

peers=("-chardev" "socket,path=$work/peers.sock,id=peers")

# A host outside, with a device that exports a tree.
start_host() { # SETTING=VALUE…: of the link
    start_vophostd
    await "the host's tree" test -e "$work/host/version"
    host_ctl link add ep0 kind=ivshmem "socket=$work/peers.sock" "$@" >/dev/null
    await "the server's socket" test -S "$work/peers.sock"
    host_ctl add-device ep0/share type=9p tag=share >/dev/null
    start_server
    cp -r "$here/Documentation/decisions" "$export/tree"
    head -c 1000000 /dev/urandom >"$export/random"
}

# A memory that no side's end takes along.
start_memory() {
    : >"$work/log/vop-memory"
    start vop-memory "$bin/vop-memory" --size 16M "$work/peers.sock"
    await "the memory" grep -q 'serving 16777216 bytes' "$work/log/vop-memory"
}

console_says() { # NAME TEXT: what a VM is waited for to say
    await_seconds=400 await "'$2' from the VM $1" grep -q "^VM: $2" "$work/log/$1"
}

# Nothing of it is left for the next test.
end_processes() { # PROGRAM…
    local name
    for name in "$@"; do
        kill "${process[$name]}"
        wait "${process[$name]}" || true
    done
    rm -rf "$work/state" "${export:?}"/*
}

host_says() { # of the link, what the host has noted
    host_ctl monitor --retained | grep -F links/ep0 | cut -c 12-
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
    start_host window_bytes=16M
    truncate -s 16M "$work/memory"
    printf 'from outside' | dd of="$work/memory" conv=notrunc status=none
    set_functions ivshmem-doorbell,chardev=peers,vectors=4 ivshmem-plain,memdev=memory
    on_reset=reset boot_vm guest guest.sh '' "${functions[@]}" "${peers[@]}" \
        -object "memory-backend-file,id=memory,share=on,mem-path=$work/memory,size=16M"
    await_vm guest
    [ "$(dd if="$work/memory" bs=1 skip=4096 count=11 status=none)" = 'from inside' ] ||
        fail "what the VM wrote to the function's memory is not in the file"
    host_says | sed 's/^/  vophostd: /'
    host_says | grep -q 'link-down.*the peer: it began anew' || fail "the host did not find that the VM had been reset"
    compare_seen
    end_processes 9p-server vophostd
}

# The guest in a VM, the host outside; it is killed, and another takes its place while the VM stays.
test_killed_host() {
    start_memory
    start_host serve=0
    set_functions ivshmem-doorbell,chardev=peers,vectors=4
    boot_vm killed-host guest-of-killed.sh '' "${functions[@]}" "${peers[@]}"
    console_says killed-host 'the host may be killed'
    kill -KILL "${process[vophostd]}"
    wait "${process[vophostd]}" 2>/dev/null || true
    console_says killed-host 'the host is gone'
    start_vophostd
    await_vm killed-host
    compare_seen
    end_processes 9p-server vophostd vop-memory
}

# The host in a VM; its guest is outside, and then in another VM.
test_two_vms() {
    start_memory
    set_functions ivshmem-doorbell,chardev=peers,vectors=4
    boot_vm host-of-two host.sh '' "${functions[@]}" "${peers[@]}"
    start_vopguestd
    await "the guest's tree" test -e "$work/guest/version"
    guest_ctl link add ep0 kind=ivshmem "socket=$work/peers.sock" serve=0 >/dev/null
    await_seconds=400 await "the driver's socket" test -S "$work/sockets/share.sock"
    start_mount
    use_as_guest outside "$here/Documentation/decisions"
    fusermount3 -u "$mount"
    wait "${process[9p-mount]}" || fail "9p-mount ended with $?"
    end_processes vopguestd
    boot_vm guest-of-two guest-of-vm.sh '' "${functions[@]}" "${peers[@]}"
    await_vm guest-of-two
    await_vm host-of-two
    end_processes vop-memory
}
