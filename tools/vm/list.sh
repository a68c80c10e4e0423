# A guest's work on what a host in a VM exports; the host compares. Sourced inside VMs and outside.

use_as_guest() { # NAME TREE: what `tree` there is a copy of
    local program=random-operations
    diff -r "$2" "$mount/tree" || fail "the host's tree is not the one that is here"
    cp -r "$2" "$mount/of-$1"
    ! command -v $program >/dev/null || "$program" "$mount/operations" "$RANDOM" 50 | sed 's/^/VM: /'
    (tree_checksums "$mount") >"$work/list"
    cp "$work/list" "$mount/seen.new"
    # Whole, from when it has this name.
    mv "$mount/seen.new" "$mount/seen"
    await_seconds=150 await "the host's comparison" test -e "$mount/compared"
}
