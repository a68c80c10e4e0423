// A PCI function through VFIO: its group, its regions, its interrupts. Every function returns a non-negative result or
// -errno.
#ifndef CLINUX_VFIO_H
#define CLINUX_VFIO_H

#include <stdint.h>

struct clinux_vfio_region {
    /// Where the region lies in the device's file.
    uint64_t offset, byte_count;
    /// 1 when it may be mapped; else it is reached by reads and writes of the file alone.
    int may_map;
};

/// Opens `path`, VFIO's own node; -EPROTO for a version this was not written for.
int clinux_vfio_open_container(const char *path);
/// Opens the group's node and puts it into the container. -EBUSY: another process has it, or others of the group are
/// held by other drivers.
int clinux_vfio_open_group(int container, const char *path, int is_without_iommu);
/// Opens the function of that address ("0000:00:04.0") in the group.
int clinux_vfio_open_device(int group, const char *address);

/// Region `index`: 0 to 5 are the BARs.
int clinux_vfio_region(int device, uint32_t index, struct clinux_vfio_region *region);
/// The region of configuration space.
int clinux_vfio_config_region(void);

/// How many MSI-X vectors there are.
int clinux_vfio_vector_count(int device);
/// From now on vector N signals the eventfd `eventfds[N]`, and none beyond `count`; with none at all they are given back.
int clinux_vfio_set_vectors(int device, const int *eventfds, uint32_t count);
/// `eventfd` is signalled when the kernel wants the function back.
int clinux_vfio_watch_request(int device, int eventfd);

#endif
