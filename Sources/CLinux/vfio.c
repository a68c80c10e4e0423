#define _GNU_SOURCE
#include "clinux_vfio.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

// As many as fit one request; ours are far fewer.
enum { VECTORS_MAX = 64 };

static int result(long value) { return value < 0 ? -errno : (int)value; }

static int closed(int descriptor, int error) {
    close(descriptor);
    return -error;
}

int clinux_vfio_open_container(const char *path) {
    int container = open(path, O_RDWR | O_CLOEXEC);
    if (container < 0) return -errno;
    if (ioctl(container, VFIO_GET_API_VERSION) != VFIO_API_VERSION) return closed(container, EPROTO);
    return container;
}

int clinux_vfio_open_group(int container, const char *path, int is_without_iommu) {
    int group = open(path, O_RDWR | O_CLOEXEC);
    if (group < 0) return -errno;
    struct vfio_group_status status = {.argsz = sizeof status};
    if (ioctl(group, VFIO_GROUP_GET_STATUS, &status) < 0) return closed(group, errno);
    if ((status.flags & VFIO_GROUP_FLAGS_VIABLE) == 0) return closed(group, EBUSY);
    if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) < 0) return closed(group, errno);
    int type = is_without_iommu ? VFIO_NOIOMMU_IOMMU : VFIO_TYPE1v2_IOMMU;
    if (ioctl(container, VFIO_SET_IOMMU, type) < 0) return closed(group, errno);
    return group;
}

int clinux_vfio_open_device(int group, const char *address) {
    return result(ioctl(group, VFIO_GROUP_GET_DEVICE_FD, address));
}

int clinux_vfio_region(int device, uint32_t index, struct clinux_vfio_region *region) {
    struct vfio_region_info info = {.argsz = sizeof info, .index = index};
    if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info) < 0) return -errno;
    uint32_t whole = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE | VFIO_REGION_INFO_FLAG_MMAP;
    *region = (struct clinux_vfio_region){
        .offset = info.offset, .byte_count = info.size, .may_map = (info.flags & whole) == whole};
    return 0;
}

int clinux_vfio_config_region(void) { return VFIO_PCI_CONFIG_REGION_INDEX; }

int clinux_vfio_vector_count(int device) {
    struct vfio_irq_info info = {.argsz = sizeof info, .index = VFIO_PCI_MSIX_IRQ_INDEX};
    if (ioctl(device, VFIO_DEVICE_GET_IRQ_INFO, &info) < 0) return -errno;
    return info.count > VECTORS_MAX ? VECTORS_MAX : (int)info.count;
}

static int set_interrupts(int device, uint32_t index, const int *eventfds, uint32_t count) {
    // The descriptors follow the structure.
    _Alignas(struct vfio_irq_set) unsigned char request[sizeof(struct vfio_irq_set) + VECTORS_MAX * sizeof *eventfds];
    if (count > VECTORS_MAX) return -EINVAL;
    struct vfio_irq_set head = {
        .argsz = (uint32_t)(sizeof head + count * sizeof *eventfds), .index = index, .count = count};
    head.flags = VFIO_IRQ_SET_ACTION_TRIGGER | (count == 0 ? VFIO_IRQ_SET_DATA_NONE : VFIO_IRQ_SET_DATA_EVENTFD);
    memcpy(request, &head, sizeof head);
    if (count > 0) memcpy(request + sizeof head, eventfds, count * sizeof *eventfds);
    return result(ioctl(device, VFIO_DEVICE_SET_IRQS, request));
}

int clinux_vfio_set_vectors(int device, const int *eventfds, uint32_t count) {
    return set_interrupts(device, VFIO_PCI_MSIX_IRQ_INDEX, eventfds, count);
}

int clinux_vfio_watch_request(int device, int eventfd) {
    return set_interrupts(device, VFIO_PCI_REQ_IRQ_INDEX, &eventfd, 1);
}
