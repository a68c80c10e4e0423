// The device page: 4096 bytes in the host's memory that list a link's virtio devices, as the kernel's MIC driver laid
// it out after SCIF was added. The names of that driver stand in the comments.
//
//   0      24                                                                              4096
//   | boot | slot | slot | slot … | type 0: the list ends here                                |
//
//   slot:  header 8 | ring entries 24·n | offered | accepted | config space | pad to 8 | control block 16
//          |<------------------ descriptor, at most 256 with its padding ------------------>|
//
// A walk starts at 24 and goes on while its offset is below 4096: type 0 ends it; type −1 is a removed slot, whose
// lengths still count; every slot is followed by the next at once. The lengths and the type lie in one aligned 64-bit
// word. Multi-byte fields are little-endian. In a bitmap, bit n is byte n/8, bit n mod 8.
#ifndef VOP_PAGE_H
#define VOP_PAGE_H

#include "layout.h"

// MIC_MAGIC
#define VOP_PAGE_MAGIC 0xC0FFEE00u
// MIC_DP_SIZE
#define VOP_PAGE_BYTE_COUNT 4096
#define VOP_PAGE_FIRST_SLOT 24
// MIC_MAX_VRINGS
#define VOP_PAGE_RINGS_MAX 4
// MIC_MAX_VRING_ENTRIES
#define VOP_PAGE_RING_ENTRIES_MAX 128
// MIC_MAX_DESC_BLK_SIZE: the padded descriptor, its control block not counted
#define VOP_PAGE_DESCRIPTOR_MAX 256
// Header and control block of a slot with nothing in it: the least that can fill a hole
#define VOP_PAGE_SLOT_MIN 24

// vop_device_header.type
enum {
    VOP_PAGE_TYPE_END = 0,
    VOP_PAGE_TYPE_REMOVED = -1
};

// In every doorbell byte: none.
#define VOP_PAGE_NO_DOORBELL -1

// vop_control_block.config_change
enum {
    VOP_PAGE_COMMAND_NONE = 0,
    // MIC_VIRTIO_PARAM_DEV_REMOVE
    VOP_PAGE_COMMAND_REMOVE = 1,
    // MIC_VIRTIO_PARAM_CONFIG_CHANGED
    VOP_PAGE_COMMAND_CONFIG_CHANGED = 2
};

// struct mic_bootparam, offset 0 of the page
struct vop_boot_parameters {
    uint32_t magic;               // VOP_PAGE_MAGIC
    int8_t h2c_config_db;         // guest: the doorbell the host rings for adds, removes and config changes; −1 none
    uint8_t node_id;              // host: card index + 1
    uint8_t h2c_scif_db;          // SCIF, not part of VOP: 0xFF
    uint8_t c2h_scif_db;          // SCIF: 0xFF
    uint64_t scif_host_dma_addr;  // SCIF: 0
    uint64_t scif_card_dma_addr;  // SCIF: 0
};

// struct mic_device_desc
struct vop_device_header {
    int8_t type;          // virtio device ID 1…127, 0 end, −1 removed; written last, with release
    uint8_t num_vq;       // rings, at most 4
    uint8_t feature_len;  // bytes of one feature bitmap
    uint8_t config_len;   // bytes of config space
    uint8_t status;       // guest: virtio status; host: 0 at reset
    uint8_t reserved[3];
};

// struct mic_vqconfig: where one ring is
struct vop_queue_entry {
    uint64_t address;       // host: the ring region
    uint64_t used_address;  // guest: the used ring it allocated
    uint16_t num;           // entries: a power of two, at most 128
    uint8_t reserved[6];
};

// struct mic_device_ctrl, behind the padded descriptor
struct vop_control_block {
    uint64_t vdev;                 // MIC guests park a pointer here. We write 0 and never read it
    uint8_t config_change;         // host: VOP_PAGE_COMMAND_…; the guest itself 1 as it unloads; host: back to 0
    uint8_t vdev_reset;            // guest: 1 asks for a reset; host: 0
    uint8_t guest_ack;             // guest: 1, the host's command is done; host: 0
    uint8_t host_ack;              // host: 1, the reset is done; guest: 0 before it asks
    uint8_t used_address_updated;  // guest: 1, map the used rings; host: 0 when it has
    int8_t c2h_vdev_db;            // host: the doorbell the guest rings for this device
    int8_t h2c_vdev_db;            // guest: the doorbell the host rings for this device; −1 when it lets go
    uint8_t reserved;
};

VOP_SIZE(struct vop_boot_parameters, 24);
VOP_OFFSET(struct vop_boot_parameters, magic, 0);
VOP_OFFSET(struct vop_boot_parameters, h2c_config_db, 4);
VOP_OFFSET(struct vop_boot_parameters, node_id, 5);
VOP_OFFSET(struct vop_boot_parameters, h2c_scif_db, 6);
VOP_OFFSET(struct vop_boot_parameters, c2h_scif_db, 7);
VOP_OFFSET(struct vop_boot_parameters, scif_host_dma_addr, 8);
VOP_OFFSET(struct vop_boot_parameters, scif_card_dma_addr, 16);

VOP_SIZE(struct vop_device_header, 8);
VOP_OFFSET(struct vop_device_header, type, 0);
VOP_OFFSET(struct vop_device_header, num_vq, 1);
VOP_OFFSET(struct vop_device_header, feature_len, 2);
VOP_OFFSET(struct vop_device_header, config_len, 3);
VOP_OFFSET(struct vop_device_header, status, 4);

VOP_SIZE(struct vop_queue_entry, 24);
VOP_OFFSET(struct vop_queue_entry, address, 0);
VOP_OFFSET(struct vop_queue_entry, used_address, 8);
VOP_OFFSET(struct vop_queue_entry, num, 16);

VOP_SIZE(struct vop_control_block, 16);
VOP_OFFSET(struct vop_control_block, vdev, 0);
VOP_OFFSET(struct vop_control_block, config_change, 8);
VOP_OFFSET(struct vop_control_block, vdev_reset, 9);
VOP_OFFSET(struct vop_control_block, guest_ack, 10);
VOP_OFFSET(struct vop_control_block, host_ack, 11);
VOP_OFFSET(struct vop_control_block, used_address_updated, 12);
VOP_OFFSET(struct vop_control_block, c2h_vdev_db, 13);
VOP_OFFSET(struct vop_control_block, h2c_vdev_db, 14);

VOP_ASSERT(VOP_PAGE_FIRST_SLOT == sizeof(struct vop_boot_parameters), "VOP_PAGE_FIRST_SLOT");
VOP_ASSERT(
    VOP_PAGE_SLOT_MIN == sizeof(struct vop_device_header) + sizeof(struct vop_control_block), "VOP_PAGE_SLOT_MIN");

// Where a slot's parts lie, from the slot's start.
static inline uint32_t vop_slot_offered_offset(uint8_t num_vq) {
    return 8u + 24u * num_vq;
}
static inline uint32_t vop_slot_accepted_offset(uint8_t num_vq, uint8_t feature_len) {
    return vop_slot_offered_offset(num_vq) + feature_len;
}
static inline uint32_t vop_slot_config_offset(uint8_t num_vq, uint8_t feature_len) {
    return vop_slot_offered_offset(num_vq) + 2u * feature_len;
}
// The descriptor alone, not padded.
static inline uint32_t vop_slot_descriptor_byte_count(uint8_t num_vq, uint8_t feature_len, uint8_t config_len) {
    return vop_slot_config_offset(num_vq, feature_len) + config_len;
}
// The padded descriptor: where the control block is.
static inline uint32_t vop_slot_control_offset(uint8_t num_vq, uint8_t feature_len, uint8_t config_len) {
    return (vop_slot_descriptor_byte_count(num_vq, feature_len, config_len) + 7u) / 8u * 8u;
}
// The whole slot: where the next one is.
static inline uint32_t vop_slot_byte_count(uint8_t num_vq, uint8_t feature_len, uint8_t config_len) {
    return vop_slot_control_offset(num_vq, feature_len, config_len) + 16u;
}

#endif
