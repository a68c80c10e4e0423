// A non-transparent bridge made of a memory that two map: the scratchpads, doorbells and memory windows of one, as Linux's
// NTB interface names them, in a register page at the memory's start (links of kind `ntb`). What runs over it asks nothing
// of the memory that a bridge does not have: each side reaches its own memory, a window on the other's, and registers.
//
//   0       1024         2048         3072     4096              border                     the end
//   |   –   | port 0     | port 1     |   –    | port 0's memory  | port 1's memory           |
//
// The border is a quarter of the memory, rounded down to a multiple of 4096. The host has port 0, the guest port 1. All
// fields are little-endian, written by aligned stores of 32 bits; reserved ones are 0 and not looked at.
#ifndef VOP_NTB_H
#define VOP_NTB_H

#include "layout.h"

// The bytes 'V' 'O' 'P' 'N'.
#define VOP_NTB_MAGIC 0x4E504F56u
#define VOP_NTB_VERSION 1
#define VOP_NTB_PAGE_BYTE_COUNT 4096
#define VOP_NTB_SCRATCHPADS 32
#define VOP_NTB_DOORBELLS 32

// One port's registers. Each line of 64 bytes has one writer.
struct vop_ntb_port {
    // This port writes these.
    uint32_t magic;    // VOP_NTB_MAGIC
    uint32_t version;  // VOP_NTB_VERSION
    uint32_t link;     // 1 while this end of the link is enabled; stored last, with release
    uint32_t owner;    // what this port is rung by: its number among those that map the memory
    uint8_t reserved0[48];
    // The other port writes these; this one reads them, as its own.
    uint32_t scratchpads[VOP_NTB_SCRATCHPADS];
    // How often each doorbell of this port was rung, modulo 2^32. A doorbell is pending while its count is not the one
    // this port has seen: so neither side reads what the other's answer to it is.
    uint32_t doorbells[VOP_NTB_DOORBELLS];
    uint8_t reserved1[704];
};

struct vop_ntb_page {
    uint8_t reserved0[1024];
    struct vop_ntb_port ports[2];
    uint8_t reserved1[1024];
};

// What a port says of itself in the other's scratchpads. The number is stored 0 first, and last of all; who reads the same
// one before and after has read what belongs to it.
enum {
    VOP_NTB_SPAD_NUMBER = 0,       // of this attempt, not 0; another one in each. 0: nobody
    VOP_NTB_SPAD_MAGIC = 1,        // VOP_NTB_MAGIC
    VOP_NTB_SPAD_VERSION = 2,      // VOP_NTB_VERSION
    VOP_NTB_SPAD_SIDE = 3,         // VOP_NTB_HOST, VOP_NTB_GUEST
    VOP_NTB_SPAD_MEMORY_LOW = 4,   // bytes of its memory that the other reaches
    VOP_NTB_SPAD_MEMORY_HIGH = 5,
    VOP_NTB_SPAD_DOORBELLS = 6     // how many it can be rung by; 0: it looks from time to time
};

enum {
    VOP_NTB_HOST = 1,
    VOP_NTB_GUEST = 2
};

VOP_SIZE(struct vop_ntb_port, 1024);
VOP_OFFSET(struct vop_ntb_port, magic, 0);
VOP_OFFSET(struct vop_ntb_port, version, 4);
VOP_OFFSET(struct vop_ntb_port, link, 8);
VOP_OFFSET(struct vop_ntb_port, owner, 12);
VOP_OFFSET(struct vop_ntb_port, scratchpads, 64);
VOP_OFFSET(struct vop_ntb_port, doorbells, 192);
VOP_SIZE(struct vop_ntb_page, 4096);
VOP_OFFSET(struct vop_ntb_page, ports, 1024);

#endif
