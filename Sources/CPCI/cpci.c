#include "cpci.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef VOP_HAS_LIBPCI

#include <pci/pci.h>
#include <setjmp.h>

// Where the error handler jumps to, and what it has to say. Only frames of this file and of libpci lie between.
static _Thread_local jmp_buf *escape;
static _Thread_local char reason[CPCI_MESSAGE_CAPACITY];

static void give_up(char *format, ...) PCI_PRINTF(1, 2) PCI_NONRET;
static void give_up(char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    // Nobody is there to go back to, and to return is not allowed.
    if (!escape)
        abort();
    longjmp(*escape, 1);
}

// A warning is about one read that failed; whoever reads sees that for himself.
static void keep_quiet(char *format, ...) PCI_PRINTF(1, 2);
static void keep_quiet(char *format, ...) { (void)format; }

int cpci_is_available(void) { return 1; }

static int scan(struct pci_access *access, const char *sysfs, const char *dump) {
    jmp_buf place;
    escape = &place;
    if (setjmp(place) != 0)
        return -1;
    access->method = dump ? PCI_ACCESS_DUMP : PCI_ACCESS_SYS_BUS_PCI;
    // The library copies both strings; that it takes them without const is its age.
    if (pci_set_param(access, dump ? "dump.name" : "sysfs.path", (char *)(dump ? dump : sysfs)) != 0) {
        snprintf(reason, sizeof reason, "this libpci has no such way to the bus");
        return -1;
    }
    pci_init(access);
    pci_scan_bus(access);
    return 0;
}

// Flags of the kernel's resources, as `resource` in sysfs has them (linux/ioport.h).
enum { RESOURCE_DISABLED = 0x10000000, RESOURCE_UNSET = 0x20000000 };

static void copy_bar(const struct pci_dev *device, int index, struct cpci_bar *bar) {
    pciaddr_t address = device->base_addr[index];
    int is_port = address & PCI_BASE_ADDRESS_SPACE_IO;
    pciaddr_t low_bits = is_port ? (pciaddr_t)~PCI_BASE_ADDRESS_IO_MASK & 3 : (pciaddr_t)15;
    bar->address = address & ~low_bits;
    bar->kind = is_port ? 1 : (uint8_t)(address & 12);
    bar->byte_count = device->size[index];
    bar->is_there = address != 0 || device->size[index] != 0;
    bar->is_unplaced = (device->flags[index] & (RESOURCE_DISABLED | RESOURCE_UNSET)) != 0;
}

static void copy_capabilities(const struct pci_dev *device, struct cpci_function *function) {
    for (const struct pci_cap *each = device->first_cap; each; each = each->next) {
        if (function->capability_count == CPCI_CAPABILITIES_MAX)
            return;
        function->capabilities[function->capability_count++] = (struct cpci_capability){
            .id = each->id, .is_extended = each->type == PCI_CAP_EXTENDED, .position = each->addr};
    }
}

static void copy_config(struct pci_dev *device, struct cpci_function *function) {
    static const uint32_t sizes[] = {CPCI_CONFIG_CAPACITY, 64};
    for (size_t index = 0; index < sizeof sizes / sizeof *sizes; index++) {
        // A user who is not root gets the first 64 bytes.
        if (pci_read_block(device, 0, function->config, (int)sizes[index])) {
            function->config_byte_count = sizes[index];
            return;
        }
    }
    memset(function->config, 0xff, sizeof function->config);
}

static void describe(struct pci_dev *device, struct cpci_function *function) {
    function->domain = (uint32_t)device->domain;
    function->bus = device->bus;
    function->device = device->dev;
    function->function = device->func;
    function->numa_node = -1;
    jmp_buf place;
    escape = &place;
    if (setjmp(place) != 0) {
        memcpy(function->fault, reason, sizeof function->fault);
        return;
    }
    copy_config(device, function);
    pci_fill_info(device, PCI_FILL_IDENT | PCI_FILL_CLASS | PCI_FILL_SUBSYS | PCI_FILL_BASES | PCI_FILL_SIZES |
                              PCI_FILL_IO_FLAGS | PCI_FILL_CAPS | PCI_FILL_EXT_CAPS | PCI_FILL_NUMA_NODE);
    function->vendor_id = device->vendor_id;
    function->device_id = device->device_id;
    function->class_code = device->device_class;
    function->subsystem_vendor_id = device->subsys_vendor_id;
    function->subsystem_id = device->subsys_id;
    function->numa_node = device->numa_node;
    for (int index = 0; index < CPCI_BARS; index++)
        copy_bar(device, index, &function->bars[index]);
    copy_capabilities(device, function);
}

static int describe_all(struct pci_access *access, struct cpci_function **functions, size_t *count) {
    size_t found = 0;
    for (struct pci_dev *each = access->devices; each; each = each->next)
        found++;
    if (found > CPCI_FUNCTIONS_MAX) {
        snprintf(reason, sizeof reason, "%zu functions are more than a bus has", found);
        return -1;
    }
    struct cpci_function *all = calloc(found ? found : 1, sizeof *all);
    if (!all) {
        snprintf(reason, sizeof reason, "no memory for %zu functions", found);
        return -1;
    }
    for (struct pci_dev *each = access->devices; each; each = each->next)
        describe(each, &all[(*count)++]);
    *functions = all;
    return 0;
}

int cpci_scan(const char *sysfs, const char *dump, struct cpci_function **functions, size_t *count,
              char message[CPCI_MESSAGE_CAPACITY]) {
    *functions = NULL;
    *count = 0;
    struct pci_access *access = pci_alloc();
    access->error = give_up;
    access->warning = keep_quiet;
    access->debug = keep_quiet;
    int result = scan(access, sysfs, dump);
    escape = NULL;
    if (result == 0)
        result = describe_all(access, functions, count);
    escape = NULL;
    if (result != 0)
        memcpy(message, reason, sizeof reason);
    pci_cleanup(access);
    return result;
}

#else

int cpci_is_available(void) { return 0; }

int cpci_scan(const char *sysfs, const char *dump, struct cpci_function **functions, size_t *count,
              char message[CPCI_MESSAGE_CAPACITY]) {
    (void)sysfs, (void)dump;
    *functions = NULL;
    *count = 0;
    snprintf(message, CPCI_MESSAGE_CAPACITY, "this was built without libpci (the package trait PCI)");
    return -1;
}

#endif

void cpci_free(struct cpci_function *functions) { free(functions); }
