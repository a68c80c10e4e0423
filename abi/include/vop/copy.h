// The copy file's batch: how chains of one virtqueue travel between a device's queue and its backend.
//
// A backend opens `queues/<n>/copy` O_RDWR. One read() returns one batch of chains that wait for it; one write() takes
// batches of answers. All fields are little-endian. Nothing is padded: a batch is
//
//   offset 0                16                    16 + 32·count                      byte_count
//          | batch header   | record headers …    | payload 0 | payload 1 | …        |
//          |     16 bytes   |  32 bytes each      |  payload_byte_count of each, back to back, in their order
//
// A chain is named by its token, 64 bits, from 1 up, never used twice for one queue in the device's life, across
// resets and restarts. A chain belongs to the open file that read it, until that file completes it or is closed.
//
//   read():  each record is a chain, or part of one. The payload is bytes the driver gave to read. A reply is always
//            shorter than the buffer offered; a chain longer than the buffer arrives as several records with PART set
//            in all but the last, each saying at which offset it goes on; nothing comes between the parts.
//   write(): each record answers a chain this open file holds, all of whose readable parts it has read. The payload
//            goes into the chain's writable part, after what earlier records put there. Exactly one of COMPLETE, MORE
//            and BROKEN is set. The headers are checked whole before anything is applied. One call may hold several
//            batches back to back; it returns the bytes of those taken, a short count ending at a batch's end.
//
// What a refused write() says (nothing of that batch was applied): EINVAL a header that breaks the rules here, or a
// token never issued; ESTALE a token of an earlier life (before a reset); EALREADY one already completed; EPERM one
// that another open file holds; EMSGSIZE more payload than the chain has room for, or a batch above the limit;
// ENODEV the device is gone.
#ifndef VOP_COPY_H
#define VOP_COPY_H

#include "layout.h"

// The bytes 'V' 'O' 'P' 'C'.
#define VOP_COPY_MAGIC 0x43504F56u
#define VOP_COPY_VERSION 1

// One call moves at most this many bytes (1 MiB − 4 KiB); `queues/<n>/copy_max` says it for the queue at hand.
#define VOP_COPY_MAX 1044480
// A read() with less room than this is refused with EINVAL.
#define VOP_COPY_READ_MINIMUM 512
// Records in one batch.
#define VOP_COPY_RECORDS_MAX 4096

// vop_copy_batch.direction
enum {
    // What read() returns: chains for the backend.
    VOP_COPY_TO_BACKEND = 1,
    // What write() takes: answers for the device's queue.
    VOP_COPY_TO_DEVICE = 2,
    // Kept for a driver-side file: what it submits, and what was completed.
    VOP_COPY_SUBMIT = 3,
    VOP_COPY_COMPLETED = 4
};

// vop_copy_record.flags. The two directions share no bit; bits not named here are 0, else EINVAL.
enum {
    // read(): more of this chain's readable bytes follow in a later record, of this batch or the next.
    VOP_COPY_PART = 1,
    // read(): this chain was delivered before, to somebody who closed its file or died without completing it.
    VOP_COPY_REDELIVERED = 2,
    // write(): the chain is finished; its used length is all that was written into it.
    VOP_COPY_COMPLETE = 256,
    // write(): more of this chain's answer follows in a later record.
    VOP_COPY_MORE = 512,
    // write(): the device is broken and needs a reset. Token and offset 0, no payload; the last record of its batch.
    VOP_COPY_BROKEN = 1024
};

struct vop_copy_batch {
    uint32_t magic;         // VOP_COPY_MAGIC
    uint16_t version;       // VOP_COPY_VERSION
    uint16_t direction;     // VOP_COPY_TO_…
    uint32_t record_count;  // at least 1
    uint32_t byte_count;    // of the whole batch: this header, the record headers, the payloads
};

struct vop_copy_record {
    uint64_t token;
    uint32_t flags;
    uint32_t payload_byte_count;   // this record's payload in this batch
    uint32_t readable_byte_count;  // read(): bytes the chain holds to read, in all. write(): 0
    uint32_t writable_byte_count;  // read(): bytes the chain has room for, in all. write(): 0
    uint32_t offset;               // read(): of this payload in the readable part. write(): of this payload in the
                                   // writable part; equal to the bytes earlier records put there, else EINVAL
    uint32_t reserved;             // 0
};

VOP_SIZE(struct vop_copy_batch, 16);
VOP_OFFSET(struct vop_copy_batch, magic, 0);
VOP_OFFSET(struct vop_copy_batch, version, 4);
VOP_OFFSET(struct vop_copy_batch, direction, 6);
VOP_OFFSET(struct vop_copy_batch, record_count, 8);
VOP_OFFSET(struct vop_copy_batch, byte_count, 12);

VOP_SIZE(struct vop_copy_record, 32);
VOP_OFFSET(struct vop_copy_record, token, 0);
VOP_OFFSET(struct vop_copy_record, flags, 8);
VOP_OFFSET(struct vop_copy_record, payload_byte_count, 12);
VOP_OFFSET(struct vop_copy_record, readable_byte_count, 16);
VOP_OFFSET(struct vop_copy_record, writable_byte_count, 20);
VOP_OFFSET(struct vop_copy_record, offset, 24);
VOP_OFFSET(struct vop_copy_record, reserved, 28);

VOP_ASSERT(VOP_COPY_MAX == 1024 * 1024 - 4096, "VOP_COPY_MAX");

#endif
