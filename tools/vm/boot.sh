# Boots VMs and waits for them, each bounded, its console in log/NAME. Sourced by tools/vm-test.

# A /dev/kvm without the processor's help is one that does not run stock kernels.
accelerator=tcg,thread=multi
if grep -qwE 'vmx|svm' /proc/cpuinfo && [ -w /dev/kvm ]; then accelerator=kvm; fi

# How long a VM may live: a few seconds where processors are idle, and a hundred times that where all are busy.
vm_seconds=600

# The clocks: where processors are busy the time stamp counter is measured wrongly at boot, and the timer is not seen to tick.
boot_vm() { # NAME SCRIPT WORDS [QEMU-OPTION…]
    local name=$1 script=$2 words=$3
    shift 3
    start "$name" timeout --kill-after=5 "$vm_seconds" qemu-system-x86_64 -accel "$accelerator" -cpu max -smp 2 -m 512 \
        -M q35,kernel-irqchip=split -nodefaults -display none -serial stdio -monitor none -action reboot=shutdown \
        -device isa-debug-exit,iobase=0xf4,iosize=4 -kernel "$kernel/vmlinuz" -initrd "$initramfs" \
        -append "console=ttyS0 quiet panic=-1 intel_iommu=on clocksource=hpet tsc=unstable no_timer_check vop.run=$script vop.with=$words" "$@"
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
