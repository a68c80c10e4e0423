# QEMU, and a kernel nobody here wrote: Debian's packages, the latter unpacked into a cache and never installed. Sourced by
# tools/vm-test.

kernel_at_least=6.12 qemu_at_least=8

newest_kernel() {
    apt-cache search --names-only '^linux-image-[0-9]' 2>/dev/null | awk '{ print $1 }' |
        grep -xE 'linux-image-[0-9]+\.[0-9]+\.[0-9]+[^-]*(-[0-9]+)?-amd64' | sort -V | tail -n 1
}
is_at_least() { dpkg --compare-versions "${1:-0}" ge "$2"; }
qemu_version() { qemu-system-x86_64 --version 2>/dev/null | sed -nE '1s/.* version ([0-9.]+).*/\1/p'; }
qemu_candidate() { apt-cache policy qemu-system-x86 2>/dev/null | sed -nE 's/^  Candidate: ([0-9]+:)?([0-9.]+).*/\2/p'; }

# Adds the backports of this release, from the mirror this machine uses already, where what is needed is not to be had
# without. Nothing is installed from there that is not asked for by name.
add_backports() {
    local codename mirror
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
    mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
        awk -v want="$codename" '$2 == want && $3 == "main" { print $1; exit }')
    [ -n "$mirror" ] || fail "apt's sources have no '$codename main', so there is no mirror to take its backports from; QEMU $qemu_at_least or newer and linux-image-amd64 $kernel_at_least or newer are needed"
    echo "adding /etc/apt/sources.list.d/vop-backports.list: $codename-backports from $mirror"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $codename-backports main" \
        >/etc/apt/sources.list.d/vop-backports.list
    apt-get update -qq
}

cached_kernel() { find "$1" -mindepth 2 -maxdepth 2 -name complete -printf '%h\n' | sort -V | tail -n 1; }

# What an ordinary user cannot do. QEMU before 8 computes wrong flags after cmpxchg16b, which kernels and Swift use.
require_machine() { # CACHE
    local missing=no newest
    is_at_least "$(qemu_version)" $qemu_at_least || missing=qemu
    if [ -z "$(cached_kernel "$1")" ]; then
        newest=$(newest_kernel || true)
        is_at_least "${newest#linux-image-}" $kernel_at_least || missing=${missing/no/}kernel
    fi
    [ $missing != no ] || return 0
    [ "$(id -u)" = 0 ] || fail "this machine lacks QEMU $qemu_at_least or newer (has '$(qemu_version)') or a package of Linux $kernel_at_least or newer; run once: sudo $here/tools/vm-test --prepare"
    [ -n "$(qemu_candidate)" ] || apt-get update -qq
    if ! is_at_least "$(qemu_candidate)" $qemu_at_least || [[ $missing = *kernel ]]; then add_backports; fi
    [[ $missing != qemu* ]] || install_qemu
}

install_qemu() {
    local release=()
    [ ! -e /etc/apt/sources.list.d/vop-backports.list ] ||
        release=(-t "$(. /etc/os-release && echo "$VERSION_CODENAME")-backports")
    echo "installing: qemu-system-x86"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${release[@]}" qemu-system-x86 >/dev/null
    is_at_least "$(qemu_version)" $qemu_at_least || fail "apt installed QEMU '$(qemu_version)', and $qemu_at_least or newer is needed"
}

# In the order in which they are loaded: there is no list of what needs what in the package.
kernel_modules=(
    fs/netfs/netfs net/9p/9pnet net/9p/9pnet_fd fs/9p/9p
    virt/lib/irqbypass drivers/vfio/vfio drivers/vfio/vfio_iommu_type1 drivers/vfio/pci/vfio-pci-core drivers/vfio/pci/vfio-pci
)

fetch_kernel() { # CACHE: sets `kernel` to a directory with vmlinuz and modules; one that is there is kept
    local name unpacked module number=10
    kernel=$(cached_kernel "$1")
    [ -z "$kernel" ] || return 0
    name=$(newest_kernel)
    kernel=$1/$name
    echo "downloading $name"
    unpacked=$work/kernel
    mkdir -p "$unpacked" "$kernel/modules"
    (cd "$unpacked" && apt-get download -qq "$name" 2>"$work/log/download") || fail "apt could not download $name: $(cat "$work/log/download")"
    dpkg-deb --fsys-tarfile "$unpacked"/*.deb | tar -x -C "$unpacked" --wildcards './boot/vmlinuz-*' '*/kernel/net/9p/*' \
        '*/kernel/fs/9p/*' '*/kernel/fs/netfs/*' '*/kernel/drivers/vfio/*' '*/kernel/virt/lib/*'
    for module in "${kernel_modules[@]}"; do
        xz -dc "$unpacked"/lib/modules/*/kernel/"$module.ko.xz" >"$kernel/modules/$number-$(basename "$module").ko" ||
            fail "$name has no module $module"
        number=$((number + 1))
    done
    mv "$unpacked"/boot/vmlinuz-* "$kernel/vmlinuz"
    rm -rf "$unpacked"
    touch "$kernel/complete"
}
