# One line an entry of a tree: kind, mode, size, and the checksum of a file's bytes or a link's target.

tree_checksums() { # DIRECTORY
    cd "$1" || return 1
    find . -mindepth 1 -printf '%P\t%y\t%m\t%l\n' | LC_ALL=C sort
    find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum
}
