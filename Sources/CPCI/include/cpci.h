// PCI functions as libpci sees them, copied out: the library's error handler may not return and its default one ends the
// process, so nothing of it is called but behind this door.
#ifndef CPCI_H
#define CPCI_H

#include <stddef.h>
#include <stdint.h>

enum {
    CPCI_MESSAGE_CAPACITY = 256,
    CPCI_BARS = 6,
    /// Bytes of configuration space that PCI itself has; what PCI Express adds is not kept.
    CPCI_CONFIG_CAPACITY = 256,
    CPCI_CAPABILITIES_MAX = 48,
    CPCI_FUNCTIONS_MAX = 65536,
};

struct cpci_bar {
    /// Where it lies, with the register's low bits taken off; zero where no address is assigned.
    uint64_t address;
    /// Zero where it is not known (a dump has no sizes) or the BAR is not there.
    uint64_t byte_count;
    /// The register's low bits: 1 ports, 4 64 bits wide, 8 prefetchable.
    uint8_t kind;
    /// 1 when there is such a BAR.
    uint8_t is_there;
    /// 1 when the kernel could not place it, or has switched it off.
    uint8_t is_unplaced;
};

struct cpci_capability {
    uint16_t id;
    /// 1 for one of the capabilities of PCI Express's larger configuration space.
    uint16_t is_extended;
    uint32_t position;
};

struct cpci_function {
    uint32_t domain;
    uint8_t bus, device, function;
    uint16_t vendor_id, device_id, class_code, subsystem_vendor_id, subsystem_id;
    /// -1 where it is not known.
    int32_t numa_node;
    struct cpci_bar bars[CPCI_BARS];
    uint32_t capability_count;
    struct cpci_capability capabilities[CPCI_CAPABILITIES_MAX];
    /// 0, 64 or 256: as much of `config` as could be read.
    uint32_t config_byte_count;
    uint8_t config[CPCI_CONFIG_CAPACITY];
    /// What the library said of this function when it gave up on it, as a string; empty where all went well.
    char fault[CPCI_MESSAGE_CAPACITY];
};

/// 0 where this was built without libpci; then a scan says so.
int cpci_is_available(void);

/// Finds all functions: of the dump `dump` (as `lspci -x` prints it) if that is not NULL, else of `sysfs`, the kernel's
/// /sys/bus/pci or a directory like it. 0, and an array for `cpci_free`; or -1, and why, as a string, in `message`.
int cpci_scan(const char *sysfs, const char *dump, struct cpci_function **functions, size_t *count,
              char message[CPCI_MESSAGE_CAPACITY]);
void cpci_free(struct cpci_function *functions);

#endif
