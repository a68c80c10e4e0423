# Inside a VM: the host's side of a link, over a memory that a server outside hands out. Its guest is outside at first, and
# then in another VM.
source /checkout/Tests/System/stack.sh
source /checkout/tools/vm/function.sh
cp -r /checkout/Documentation/decisions "$export/tree"
head -c 1000000 /dev/urandom >"$export/random"
address=$(function_address doorbell)
bind_to_vfio "$address"
start_vophostd
await "the host's tree" test -e "$work/host/version"
host_ctl link add ep0 kind=ivshmem "pci=$address" pci_access=vfio
host_ctl add-device ep0/share type=9p tag=share
start_server
has_no_guest() { [ "$(cat "$work/host/links/ep0/state")" != up ]; }
for guest in outside inside; do
    await_seconds=400 await "the list of the guest $guest" test -s "$export/seen"
    mv "$export/seen" "$work/seen"
    diff "$work/seen" <(tree_checksums "$export") || fail "the host and the guest $guest differ (above: < the guest)"
    echo "VM: $(wc -l <"$work/seen") lines of names and checksums are alike, here and with the guest $guest"
    touch "$export/compared"
    await "the leaving of the guest $guest" has_no_guest
    rm "$export/compared"
done
