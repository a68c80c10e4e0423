// How the two sides of a link meet: the link header, one page both can see, and the messages of an `shm` link.
//
// A link has one 64-bit address space. Host windows and guest windows are disjoint ranges of it, and address 0 lies in
// none. All fields are little-endian; reserved ones are 0 and not looked at.
#ifndef VOP_MEETING_H
#define VOP_MEETING_H

#include "layout.h"

// Each side has at most so many windows, and is rung by at most so many doorbells.
#define VOP_MEETING_WINDOWS_MAX 4
#define VOP_MEETING_DOORBELLS_MAX 32
#define VOP_MEETING_DOORBELLS_DEFAULT 16

// A range of the link's address space.
struct vop_range {
    uint64_t base;
    uint64_t byte_count;
};

VOP_SIZE(struct vop_range, 16);
VOP_OFFSET(struct vop_range, base, 0);
VOP_OFFSET(struct vop_range, byte_count, 8);

// ---- The link header ------------------------------------------------------------------------------------------------
//
// One page of its own: a memfd on `shm`, offset 0 of the shared memory on `ivshmem`, of the host's memory on `ntb`. The host
// writes bytes 0…255 before the guest is told of it, and not again in that meeting; after that each side writes only its own
// lines.
//
//   0   magic, version, flags, meeting, pages, counts
//   64  host windows                                  4 ranges
//   128 guest windows                                 4 ranges
//   192 reserved
//   256 host liveness   | 320 guest liveness          a line of 64 bytes per side
//   384 host waiting    | 448 guest waiting           a line of 64 bytes per side
//   512 host presence   | 576 guest presence          a line of 64 bytes per side; on `shm` 0
//   640 host test       | 768 guest test              two lines of 64 bytes per side
//   896 reserved up to 4096

// The bytes 'V' 'O' 'P' 'L'.
#define VOP_LINK_MAGIC 0x4C504F56u
#define VOP_LINK_VERSION 1
#define VOP_LINK_HEADER_BYTE_COUNT 4096

// vop_link_header.flags, and the flags of the messages below.
enum {
    // The windows are those of an earlier meeting, with their contents: rings go on where they were. Without it the
    // meeting is fresh: every device is reset.
    VOP_MEETING_RESUMED = 1
};

// Written by one side only. A side that waits for the other may add 1 to its `ping`; the other answers by storing that
// number in its own `echo` when it next runs. An idle link is silent.
struct vop_link_liveness {
    uint64_t ping;  // how often this side has asked
    uint64_t echo;  // the other side's `ping` as this side last saw it
    uint8_t reserved[48];
};

// vop_link_waiting.state
enum {
    // Asleep: the doorbell must be rung.
    VOP_WAITING_ASLEEP = 0,
    // Polling memory: it will see a change without the doorbell.
    VOP_WAITING_POLLING = 1
};

// Written by one side only: what a peer that waits, or that wants to wake it, needs to know.
struct vop_link_waiting {
    uint32_t state;  // VOP_WAITING_…
    uint32_t cpu;    // where this side's thread runs, plus 1; 0 when not known or not on the same machine
    uint8_t reserved[56];
};

// Written by one side only: how two sides meet in a memory that both map, with nothing else between them than doorbells
// (see "The meeting in memory" below). A side stores `number` 0 first, then the other fields, then its number, with
// release; a reader that finds the same number before and after has read what belongs to it.
struct vop_link_presence {
    uint64_t number;        // this side's number in this attempt to meet, another one in each; 0: away
    uint64_t answered;      // the other side's number that this attempt is an answer to; 0: none yet
    uint32_t magic;         // VOP_LINK_MAGIC
    uint32_t version;       // VOP_LINK_VERSION
    uint32_t peer;          // what this side is rung by: its own number among those that map the memory
    uint32_t vector_count;  // and how many vectors it has; 0: it cannot be rung, and looks from time to time
    uint8_t reserved[32];
};

// vop_link_test.operation: what one side asks the other to do, so that somebody can see whether the link works.
enum {
    // Answer: nothing else.
    VOP_TEST_ECHO = 1,
    // Set `byte_count` bytes of its own windows aside, answer with their `address`; the next one gives the last back, and so does
    // the meeting's end.
    VOP_TEST_RESERVE = 2,
    VOP_TEST_RELEASE = 3,
    // Write `byte_count` bytes made from `seed` to `target`; answer with their CRC.
    VOP_TEST_FILL = 4,
    // Read `byte_count` bytes at `source`; answer with their CRC.
    VOP_TEST_CHECKSUM = 5,
    // Read them at `source`, and write them to `target`; answer with their CRC.
    VOP_TEST_COPY = 6,
    // Say whether something of its own uses any of the `byte_count` bytes at `target`.
    VOP_TEST_USE = 7
};

// vop_link_test.status
enum {
    VOP_TEST_DONE = 0,
    // No such operation.
    VOP_TEST_UNKNOWN = 1,
    // A range that is neither in what this side has set aside nor in the asker's own windows.
    VOP_TEST_RANGE = 2,
    VOP_TEST_NO_MEMORY = 3,
    // In use: `address` and `byte_count` are a range that is.
    VOP_TEST_IN_USE = 4
};

// Written by one side only: what it asks the other for its tests, and what it answers. A side stores `request` 0 first, then
// what belongs to it, then the request's number with release; likewise `answered`. Who finds the same number before and
// after has read what belongs to it. The asker rings doorbell 0 of the other, or within 5 s of its last request any other; the
// answer is rung by the doorbell that was asked for. A CRC is that of IEEE 802.3 (zlib's crc32).
struct vop_link_test {
    uint32_t magic;            // VOP_TEST_MAGIC; 0: this side answers no test
    uint32_t version;          // VOP_TEST_VERSION
    uint64_t request;          // the request's number, another one in each; 0: none
    uint64_t meeting_id;       // of the meeting in which it is asked
    uint32_t operation;        // VOP_TEST_…
    uint32_t answer_doorbell;  // of the asker's: rung when it is answered
    uint64_t source;
    uint64_t target;
    uint64_t byte_count;
    uint64_t seed;
    uint64_t answered;         // the number of the other side's request that the rest answers; 0: none
    uint32_t status;           // VOP_TEST_…
    uint32_t crc;
    uint64_t address;
    uint64_t answer_byte_count;
    uint32_t doorbells;        // bit d: doorbell d of the side that answers has rung since its last answer
    uint8_t reserved[28];
};

// The bytes 'V' 'O' 'P' 'T'.
#define VOP_TEST_MAGIC 0x54504F56u
#define VOP_TEST_VERSION 1

struct vop_link_header {
    uint32_t magic;                // VOP_LINK_MAGIC; stored last, with release
    uint16_t version;              // VOP_LINK_VERSION
    uint16_t flags;                // VOP_MEETING_RESUMED
    uint64_t meeting_id;           // chosen by the host, never 0; a resumed meeting keeps it
    uint64_t host_page_address;    // the host's device page, 4096 bytes in a host window
    uint64_t guest_page_address;   // where the guest is a VOP host too: its device page; else 0
    uint16_t host_window_count;    // 1…4
    uint16_t guest_window_count;   // 1…4
    uint16_t host_doorbell_count;  // doorbells that ring the host
    uint16_t guest_doorbell_count; // doorbells that ring the guest
    uint8_t reserved0[24];
    struct vop_range host_windows[VOP_MEETING_WINDOWS_MAX];
    struct vop_range guest_windows[VOP_MEETING_WINDOWS_MAX];
    uint8_t reserved1[64];
    struct vop_link_liveness host_liveness;
    struct vop_link_liveness guest_liveness;
    struct vop_link_waiting host_waiting;
    struct vop_link_waiting guest_waiting;
    struct vop_link_presence host_presence;
    struct vop_link_presence guest_presence;
    struct vop_link_test host_test;
    struct vop_link_test guest_test;
    uint8_t reserved2[3200];
};

VOP_SIZE(struct vop_link_liveness, 64);
VOP_OFFSET(struct vop_link_liveness, ping, 0);
VOP_OFFSET(struct vop_link_liveness, echo, 8);

VOP_SIZE(struct vop_link_waiting, 64);
VOP_OFFSET(struct vop_link_waiting, state, 0);
VOP_OFFSET(struct vop_link_waiting, cpu, 4);

VOP_SIZE(struct vop_link_presence, 64);
VOP_OFFSET(struct vop_link_presence, number, 0);
VOP_OFFSET(struct vop_link_presence, answered, 8);
VOP_OFFSET(struct vop_link_presence, magic, 16);
VOP_OFFSET(struct vop_link_presence, version, 20);
VOP_OFFSET(struct vop_link_presence, peer, 24);
VOP_OFFSET(struct vop_link_presence, vector_count, 28);

VOP_SIZE(struct vop_link_test, 128);
VOP_OFFSET(struct vop_link_test, magic, 0);
VOP_OFFSET(struct vop_link_test, version, 4);
VOP_OFFSET(struct vop_link_test, request, 8);
VOP_OFFSET(struct vop_link_test, meeting_id, 16);
VOP_OFFSET(struct vop_link_test, operation, 24);
VOP_OFFSET(struct vop_link_test, answer_doorbell, 28);
VOP_OFFSET(struct vop_link_test, source, 32);
VOP_OFFSET(struct vop_link_test, target, 40);
VOP_OFFSET(struct vop_link_test, byte_count, 48);
VOP_OFFSET(struct vop_link_test, seed, 56);
VOP_OFFSET(struct vop_link_test, answered, 64);
VOP_OFFSET(struct vop_link_test, status, 72);
VOP_OFFSET(struct vop_link_test, crc, 76);
VOP_OFFSET(struct vop_link_test, address, 80);
VOP_OFFSET(struct vop_link_test, answer_byte_count, 88);
VOP_OFFSET(struct vop_link_test, doorbells, 96);

VOP_SIZE(struct vop_link_header, 4096);
VOP_OFFSET(struct vop_link_header, magic, 0);
VOP_OFFSET(struct vop_link_header, version, 4);
VOP_OFFSET(struct vop_link_header, flags, 6);
VOP_OFFSET(struct vop_link_header, meeting_id, 8);
VOP_OFFSET(struct vop_link_header, host_page_address, 16);
VOP_OFFSET(struct vop_link_header, guest_page_address, 24);
VOP_OFFSET(struct vop_link_header, host_window_count, 32);
VOP_OFFSET(struct vop_link_header, guest_window_count, 34);
VOP_OFFSET(struct vop_link_header, host_doorbell_count, 36);
VOP_OFFSET(struct vop_link_header, guest_doorbell_count, 38);
VOP_OFFSET(struct vop_link_header, host_windows, 64);
VOP_OFFSET(struct vop_link_header, guest_windows, 128);
VOP_OFFSET(struct vop_link_header, host_liveness, 256);
VOP_OFFSET(struct vop_link_header, guest_liveness, 320);
VOP_OFFSET(struct vop_link_header, host_waiting, 384);
VOP_OFFSET(struct vop_link_header, guest_waiting, 448);
VOP_OFFSET(struct vop_link_header, host_presence, 512);
VOP_OFFSET(struct vop_link_header, guest_presence, 576);
VOP_OFFSET(struct vop_link_header, host_test, 640);
VOP_OFFSET(struct vop_link_header, guest_test, 768);

// The same offsets and sizes as literals, for readers that use no C structure.
enum {
    VOP_LINK_HOST_WINDOWS_OFFSET = 64,
    VOP_LINK_GUEST_WINDOWS_OFFSET = 128,
    VOP_LINK_HOST_LIVENESS_OFFSET = 256,
    VOP_LINK_GUEST_LIVENESS_OFFSET = 320,
    VOP_LINK_HOST_WAITING_OFFSET = 384,
    VOP_LINK_GUEST_WAITING_OFFSET = 448,
    VOP_LINK_HOST_PRESENCE_OFFSET = 512,
    VOP_LINK_GUEST_PRESENCE_OFFSET = 576,
    VOP_LINK_HOST_TEST_OFFSET = 640,
    VOP_LINK_GUEST_TEST_OFFSET = 768
};

// ---- The meeting in memory, on `ivshmem` and `ntb` ------------------------------------------------------------------
//
// All of the memory is one page of link header and behind it the windows, which the host lays out. Each side writes its
// own lines only, with aligned stores of 32 or 64 bits; the other reads them when it is rung, and from time to time while
// it looks for somebody. Vector 0 rings for the meeting as well as for doorbell 0.
//
//   guest                                                host
//     | presence: number g, answered 0                    | presence: number h0, answered 0
//     | ---- rings ------------------------------------>  | sees g: number 0; lays out bytes 0…255, meeting_id h;
//     |                                                   | presence: number h, answered g
//     | <--- rings -------------------------------------  |
//     | sees its own g answered: reads bytes 0…255 once   |
//     | presence: answered h                              |
//     | ---- rings ------------------------------------>  | sees its own h answered: both are up
//
// A side that starts, or that gives a meeting up, takes a number it has not had before, so that no answer is taken for an
// answer to something else; whoever is met and finds another number in the other's line knows that this meeting is over.
// Doorbell d rings vector d: there are as many doorbells in each direction as the side with fewer vectors has, at least 1.
//
// A window's base is a multiple of 2^VOP_LINK_PLACE_SHIFT, the same for all windows of a meeting and another one in the
// next, plus its offset in the memory; where each side has a memory of its own (vop/ntb.h), the guest's counts from
// 2^(VOP_LINK_PLACE_SHIFT - 1).
#define VOP_LINK_PLACE_SHIFT 36

// ---- The meeting messages of an `shm` link --------------------------------------------------------------------------
//
// On a SOCK_SEQPACKET unix socket on which the host listens; one message a packet, of exactly its structure's size.
//
//   guest                                     host
//     | --- HELLO: its windows, doorbells ---> |   checks seals and sizes, assigns both sides' ranges
//     | <-- WELCOME: its windows, header ----- |   or a refusal, which ends it
//     | --- READY ---------------------------> |   both are up; the socket stays open: its end is the peer's end
//
// Descriptors travel with the message, in this order; a received window is sealed against shrinking, growing and
// further sealing, and of the size announced, else the meeting is refused:
//
//   HELLO    the guest's windows · the host's windows handed back (resumed) · the eventfds the guest is rung by
//   WELCOME  the host's windows · the guest's windows handed back (resumed) · the header · the eventfds the host is
//            rung by
//   READY    none
//
// A meeting is resumed where both sides know it by its number and agree on every range, on the page's address and on the
// number of doorbells; anything else makes it fresh, with a number of its own. A guest asks for it in HELLO: one that
// has lost its windows brings new ones, for the case that the meeting is fresh, and hands none of the host's back; one
// that has them brings those, and hands the host's back. A host that has lost its windows takes them from there, one
// that has them does not look at them. Its WELCOME then says VOP_MEETING_RESUMED and brings the windows of both. Each
// side takes a window for its own only if it recognises the file (its inode, say) by what it has written down itself.
// Header and eventfds are new in every meeting; doorbells rung while the two were apart are lost.

// The bytes 'V' 'O' 'P' 'M'.
#define VOP_MEETING_MAGIC 0x4D504F56u
#define VOP_MEETING_VERSION 1

// vop_meeting_message.type
enum {
    VOP_MEETING_HELLO = 1,
    VOP_MEETING_WELCOME = 2,
    VOP_MEETING_READY = 3
};

// vop_meeting_hello.side
enum {
    VOP_SIDE_HOST = 1,
    VOP_SIDE_GUEST = 2
};

// vop_meeting_welcome.status
enum {
    VOP_MEETING_WELCOMED = 0,
    // Another version of these messages.
    VOP_MEETING_REFUSED_VERSION = 1,
    // A host meeting a host.
    VOP_MEETING_REFUSED_SIDE = 2,
    // A guest is already here.
    VOP_MEETING_REFUSED_BUSY = 3,
    // A window that is missing, too many, unsealed, or not of the size announced.
    VOP_MEETING_REFUSED_WINDOW = 4,
    // More doorbells than VOP_MEETING_DOORBELLS_MAX, or none.
    VOP_MEETING_REFUSED_DOORBELLS = 5,
    // Anything else: `reason` says what.
    VOP_MEETING_REFUSED = 6
};

#define VOP_MEETING_REASON_BYTE_COUNT 64

// What every message begins with.
struct vop_meeting_message {
    uint32_t magic;             // VOP_MEETING_MAGIC
    uint16_t version;           // VOP_MEETING_VERSION
    uint16_t type;              // VOP_MEETING_…
    uint32_t byte_count;        // of the whole message
    uint32_t descriptor_count;  // that travel with it
};

struct vop_meeting_hello {
    struct vop_meeting_message message;
    uint32_t side;                   // VOP_SIDE_GUEST
    uint32_t flags;                  // VOP_MEETING_RESUMED: it can resume the meeting named below
    uint64_t meeting_id;             // the one it can resume; else 0
    uint16_t window_count;           // 1…4, its own
    uint16_t returned_window_count;  // the host's, handed back; else 0
    uint16_t doorbell_count;         // 1…32 that ring it
    uint16_t reserved;
    uint64_t page_address;                                      // of the meeting to resume; else 0
    struct vop_range windows[VOP_MEETING_WINDOWS_MAX];          // base 0 unless resuming
    struct vop_range returned_windows[VOP_MEETING_WINDOWS_MAX]; // all 0 unless resuming
};

struct vop_meeting_welcome {
    struct vop_meeting_message message;
    uint32_t status;      // VOP_MEETING_WELCOMED, or why not: then the rest but `reason` is 0
    uint32_t flags;       // VOP_MEETING_RESUMED
    uint64_t meeting_id;
    uint16_t host_window_count;
    uint16_t guest_window_count;
    uint16_t returned_window_count;  // the guest's, handed back; else 0
    uint16_t doorbell_count;         // 1…32 that ring the host
    uint64_t page_address;           // the host's device page
    struct vop_range host_windows[VOP_MEETING_WINDOWS_MAX];
    struct vop_range guest_windows[VOP_MEETING_WINDOWS_MAX];
    char reason[VOP_MEETING_REASON_BYTE_COUNT];  // UTF-8, for people, zero-filled; empty when welcomed
};

struct vop_meeting_ready {
    struct vop_meeting_message message;
    uint64_t meeting_id;
    uint64_t reserved;
};

VOP_SIZE(struct vop_meeting_message, 16);
VOP_OFFSET(struct vop_meeting_message, magic, 0);
VOP_OFFSET(struct vop_meeting_message, version, 4);
VOP_OFFSET(struct vop_meeting_message, type, 6);
VOP_OFFSET(struct vop_meeting_message, byte_count, 8);
VOP_OFFSET(struct vop_meeting_message, descriptor_count, 12);

VOP_SIZE(struct vop_meeting_hello, 176);
VOP_OFFSET(struct vop_meeting_hello, side, 16);
VOP_OFFSET(struct vop_meeting_hello, flags, 20);
VOP_OFFSET(struct vop_meeting_hello, meeting_id, 24);
VOP_OFFSET(struct vop_meeting_hello, window_count, 32);
VOP_OFFSET(struct vop_meeting_hello, returned_window_count, 34);
VOP_OFFSET(struct vop_meeting_hello, doorbell_count, 36);
VOP_OFFSET(struct vop_meeting_hello, page_address, 40);
VOP_OFFSET(struct vop_meeting_hello, windows, 48);
VOP_OFFSET(struct vop_meeting_hello, returned_windows, 112);

VOP_SIZE(struct vop_meeting_welcome, 240);
VOP_OFFSET(struct vop_meeting_welcome, status, 16);
VOP_OFFSET(struct vop_meeting_welcome, flags, 20);
VOP_OFFSET(struct vop_meeting_welcome, meeting_id, 24);
VOP_OFFSET(struct vop_meeting_welcome, host_window_count, 32);
VOP_OFFSET(struct vop_meeting_welcome, guest_window_count, 34);
VOP_OFFSET(struct vop_meeting_welcome, returned_window_count, 36);
VOP_OFFSET(struct vop_meeting_welcome, doorbell_count, 38);
VOP_OFFSET(struct vop_meeting_welcome, page_address, 40);
VOP_OFFSET(struct vop_meeting_welcome, host_windows, 48);
VOP_OFFSET(struct vop_meeting_welcome, guest_windows, 112);
VOP_OFFSET(struct vop_meeting_welcome, reason, 176);

VOP_SIZE(struct vop_meeting_ready, 32);
VOP_OFFSET(struct vop_meeting_ready, meeting_id, 16);

#endif
