# Boots VMs and waits for them, each bounded, its console in log/NAME. Sourced by tools/vm-test.

# A /dev/kvm without the processor's help is one that does not run stock kernels.
accelerator=tcg,thread=multi
if grep -qwE 'vmx|svm' /proc/cpuinfo && [ -w /dev/kvm ]; then accelerator=kvm; fi

# How long a VM may live: seconds where processors are idle, and a hundred times that where all are busy.
vm_seconds=${VOP_VM_SECONDS:-600}

# The clock: where processors are busy a kernel measures the time stamp counter wrongly at boot, and does not see the timer
# tick; every other clock is emulated at each look. Emulated, the counter is this machine's, so how fast it is can be said.
measure_clock() {
    cc -O1 -o "$work/tsc-khz" "$here/tools/vm/tsc-khz.c"
    clock="clocksource=tsc tsc=reliable tsc_early_khz=$("$work/tsc-khz") no_timer_check"
}

# A VM that is reset ends, unless `on_reset` says `reset`: then it begins anew.
boot_vm() { # NAME SCRIPT WORDS [QEMU-OPTION…]
    local name=$1 script=$2 words=$3
    shift 3
    start "$name" timeout --kill-after=5 "$vm_seconds" nice -n 5 qemu-system-x86_64 -accel "$accelerator" -cpu max -smp 2 -m 512 \
        -M q35,kernel-irqchip=split -nodefaults -display none -serial stdio -monitor none -action "reboot=${on_reset:-shutdown}" \
        -device isa-debug-exit,iobase=0xf4,iosize=4 -kernel "$kernel/vmlinuz" -initrd "$initramfs" \
        -append "console=ttyS0 quiet panic=-1 intel_iommu=on $clock vop.run=$script vop.with=$words" "$@"
}

await_vm() { # NAME
    local name=$1 status=0
    wait "${process[$name]}" || status=$?
    [ $status -ne 43 ] || { sed -nE "s/^(VM|kernel): /  $name: /p" "$work/log/$name" | tr -d '\r' && return 0; }
    printf -- '---- the console of the VM %s\n' "$name" >&2
    tail -n 80 "$work/log/$name" | tr -d '\r' >&2
    printf -- '----\n' >&2
    case $status in
    45) fail "what ran inside the VM $name failed; its console is above" ;;
    124 | 137) fail "the VM $name did not end within its bound of $vm_seconds s; its console is above" ;;
    *) fail "QEMU ended with $status; the console of the VM $name is above" ;;
    esac
}
