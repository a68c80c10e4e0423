// The ring region: one virtqueue in the host's memory, as the MIC driver laid it out. A split vring (VIRTIO 1.3, 2.7)
// of n entries in the legacy arrangement, then a trailer:
//
//   0              16·n              16·n + 6 + 2·n    used                 vring end   trailer
//   | descriptors  | available ring  | pad to 4096     | used ring 6 + 8·n  | pad       | 8 | pad to 4096 |
//
// The used ring's place here is reserved: the guest allocates its own, at `used_address` of the queue entry, and the
// device writes there. In variant B the trailer follows the vring at once; in variant C it is rounded up to 4 bytes,
// which moves it by 2 for every power of two. We write C, and accept B and C. The page does not tell them apart; the
// trailer's magic does. All fields are little-endian.
#ifndef VOP_RING_H
#define VOP_RING_H

#include "layout.h"

// MIC_VIRTIO_RING_ALIGN
#define VOP_RING_ALIGNMENT 4096
#define VOP_RING_DESCRIPTOR_BYTE_COUNT 16
#define VOP_RING_USED_ELEMENT_BYTE_COUNT 8
#define VOP_RING_TRAILER_BYTE_COUNT 8
// MIC_MAGIC: a trailer's magic is this + device ID + ring index
#define VOP_RING_MAGIC_BASE 0xC0FFEE00u

// struct _mic_vring_info: the trailer
struct vop_ring_trailer {
    uint16_t avail_idx;  // host: up to where it has taken available entries, for its own backends
    uint16_t reserved;
    uint32_t magic;      // VOP_RING_MAGIC_BASE + device ID + ring index
};

VOP_SIZE(struct vop_ring_trailer, 8);
VOP_OFFSET(struct vop_ring_trailer, avail_idx, 0);
VOP_OFFSET(struct vop_ring_trailer, magic, 4);

// struct vring_desc
struct vop_ring_descriptor {
    uint64_t address;
    uint32_t byte_count;
    uint16_t flags;
    uint16_t next;
};

VOP_SIZE(struct vop_ring_descriptor, 16);
VOP_OFFSET(struct vop_ring_descriptor, address, 0);
VOP_OFFSET(struct vop_ring_descriptor, byte_count, 8);
VOP_OFFSET(struct vop_ring_descriptor, flags, 12);
VOP_OFFSET(struct vop_ring_descriptor, next, 14);

// struct vring_used_elem
struct vop_ring_used_element {
    uint32_t head;
    uint32_t byte_count;
};

VOP_SIZE(struct vop_ring_used_element, 8);
VOP_OFFSET(struct vop_ring_used_element, head, 0);
VOP_OFFSET(struct vop_ring_used_element, byte_count, 4);

// Offsets in the ring region for n entries.
static inline uint32_t vop_ring_available_offset(uint32_t n) {
    return 16u * n;
}
static inline uint32_t vop_ring_available_byte_count(uint32_t n) {
    return 6u + 2u * n;
}
static inline uint32_t vop_ring_used_offset(uint32_t n) {
    return (vop_ring_available_offset(n) + vop_ring_available_byte_count(n) + 4095u) / 4096u * 4096u;
}
static inline uint32_t vop_ring_used_byte_count(uint32_t n) {
    return 6u + 8u * n;
}
// The vring alone: vring_size(n, 4096).
static inline uint32_t vop_ring_vring_byte_count(uint32_t n) {
    return vop_ring_used_offset(n) + vop_ring_used_byte_count(n);
}
static inline uint32_t vop_ring_trailer_offset_b(uint32_t n) {
    return vop_ring_vring_byte_count(n);
}
static inline uint32_t vop_ring_trailer_offset_c(uint32_t n) {
    return (vop_ring_vring_byte_count(n) + 3u) / 4u * 4u;
}
// The whole region, the same in both variants for every power of two.
static inline uint32_t vop_ring_region_byte_count(uint32_t n) {
    return (vop_ring_trailer_offset_c(n) + 8u + 4095u) / 4096u * 4096u;
}

#endif
