// Reads the golden files of ../golden with the structures of ../include alone, and says what does not agree.
// Plain C11; cxx/abi_check.cpp compiles the same text as C++.
//
//   abi-check [DIRECTORY]      default: abi/golden
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vop/copy.h>
#include <vop/meeting.h>
#include <vop/ntb.h>
#include <vop/page.h>
#include <vop/ring.h>

static const char *directory = "abi/golden";
static int failures;

static void expect(int holds, const char *file, const char *text) {
    if (holds) return;
    failures++;
    fprintf(stderr, "abi-check: %s: %s does not hold\n", file, text);
}
#define EXPECT(file, condition) expect((condition) ? 1 : 0, file, #condition)

// The whole file, or as much of it as `room` holds; 0 when it cannot be read.
static size_t take(const char *name, void *bytes, size_t room) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "rb");
    size_t count = file ? fread(bytes, 1, room, file) : 0;
    if (file) fclose(file);
    if (count == 0) {
        failures++;
        fprintf(stderr, "abi-check: %s cannot be read; run it in the repository, or name abi/golden\n", path);
    }
    return count;
}

struct page {
    union {
        uint8_t bytes[VOP_PAGE_BYTE_COUNT];
        struct vop_boot_parameters boot;
    } at;
};

static const struct vop_device_header *header_at(const struct page *page, uint32_t offset) {
    return (const struct vop_device_header *)(const void *)(page->at.bytes + offset);
}
static const struct vop_queue_entry *queue_at(const struct page *page, uint32_t offset, uint32_t queue) {
    return (const struct vop_queue_entry *)(const void *)(page->at.bytes + offset + 8 + 24 * queue);
}
static const struct vop_control_block *control_at(const struct page *page, uint32_t offset) {
    const struct vop_device_header *header = header_at(page, offset);
    return (const struct vop_control_block *)(const void *)(
        page->at.bytes + offset + vop_slot_control_offset(header->num_vq, header->feature_len, header->config_len));
}

// The checked walk: how many slots, and where it ended; −1 when a slot is broken.
static int walk(const struct page *page, uint32_t *end) {
    int slots = 0;
    uint32_t offset = VOP_PAGE_FIRST_SLOT;
    for (; offset < VOP_PAGE_BYTE_COUNT; slots++) {
        const struct vop_device_header *header = header_at(page, offset);
        uint32_t size = vop_slot_byte_count(header->num_vq, header->feature_len, header->config_len);
        if (header->type == VOP_PAGE_TYPE_END) break;
        *end = offset;
        if (header->type < VOP_PAGE_TYPE_REMOVED) return -1;
        if (offset + size > VOP_PAGE_BYTE_COUNT) return -1;
        if (header->type != VOP_PAGE_TYPE_REMOVED) {
            if (header->num_vq > VOP_PAGE_RINGS_MAX) return -1;
            if (size - 16 > VOP_PAGE_DESCRIPTOR_MAX) return -1;
        }
        offset += size;
    }
    *end = offset;
    return slots;
}

static void check_net_example(void) {
    static const char *const file = "net-example.bin";
    static const uint8_t offered[8] = {0xC1, 0x03, 0, 0, 1, 0, 0, 0}, accepted[8] = {0x41, 0, 0, 0, 1, 0, 0, 0};
    static const uint8_t config[12] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56, 1, 0, 1, 0, 0xDC, 0x05};
    struct page page;
    uint32_t end = 0;
    EXPECT(file, take(file, &page, sizeof page) == 4096);
    EXPECT(file, page.at.boot.magic == VOP_PAGE_MAGIC);
    EXPECT(file, page.at.boot.h2c_config_db == 3);
    EXPECT(file, page.at.boot.node_id == 1);
    EXPECT(file, page.at.boot.h2c_scif_db == 0xFF && page.at.boot.c2h_scif_db == 0xFF);
    EXPECT(file, header_at(&page, 24)->type == 1);
    EXPECT(file, header_at(&page, 24)->num_vq == 2);
    EXPECT(file, header_at(&page, 24)->feature_len == 8);
    EXPECT(file, header_at(&page, 24)->config_len == 12);
    EXPECT(file, header_at(&page, 24)->status == 15);
    EXPECT(file, queue_at(&page, 24, 0)->address == 0x10000 && queue_at(&page, 24, 0)->num == 128);
    EXPECT(file, queue_at(&page, 24, 1)->used_address == 0x40001000);
    EXPECT(file, 24 + vop_slot_offered_offset(2) == 80 && 24 + vop_slot_accepted_offset(2, 8) == 88);
    EXPECT(file, 24 + vop_slot_config_offset(2, 8) == 96 && 24 + vop_slot_control_offset(2, 8, 12) == 112);
    EXPECT(file, memcmp(page.at.bytes + 80, offered, 8) == 0);
    EXPECT(file, memcmp(page.at.bytes + 88, accepted, 8) == 0);
    EXPECT(file, memcmp(page.at.bytes + 96, config, 12) == 0);
    EXPECT(file, control_at(&page, 24)->vdev == 0);
    EXPECT(file, control_at(&page, 24)->config_change == 0 && control_at(&page, 24)->guest_ack == 0);
    EXPECT(file, control_at(&page, 24)->c2h_vdev_db == 5 && control_at(&page, 24)->h2c_vdev_db == 7);
    EXPECT(file, walk(&page, &end) == 1 && end == 128);
}

// Skips the line of names that a table begins with.
static char *first_row(char *table) {
    char *line = strchr(table, '\n');
    return line ? line + 1 : table + strlen(table);
}

static void check_slots(void) {
    static const char *const file = "slots.tsv";
    struct page page;
    char table[4096] = "";
    table[take(file, table, sizeof table - 1)] = 0;
    take("all-devices.bin", &page, sizeof page);
    uint32_t offset = VOP_PAGE_FIRST_SLOT, end = 0;
    int rows = 0;
    for (char *line = first_row(table); *line; line = first_row(line), rows++) {
        unsigned type, rings, features, config, descriptor, aligned, total, fit;
        if (sscanf(
                line, "%*s %u %u %u %u %u %u %u %u", &type, &rings, &features, &config, &descriptor, &aligned, &total,
                &fit) != 8) {
            expect(0, file, line);
            return;
        }
        uint8_t q = (uint8_t)rings, f = (uint8_t)features, c = (uint8_t)config;
        EXPECT(file, vop_slot_descriptor_byte_count(q, f, c) == descriptor);
        EXPECT(file, vop_slot_control_offset(q, f, c) == aligned);
        EXPECT(file, vop_slot_byte_count(q, f, c) == total);
        // The original's rule: a slot may start at `offset` when offset < 4096 − total.
        unsigned count = 0;
        while (VOP_PAGE_FIRST_SLOT + count * total < VOP_PAGE_BYTE_COUNT - total) count++;
        EXPECT(file, count == fit);
        EXPECT("all-devices.bin", header_at(&page, offset)->type == (int)type);
        EXPECT("all-devices.bin", header_at(&page, offset)->num_vq == rings);
        EXPECT("all-devices.bin", header_at(&page, offset)->feature_len == features);
        EXPECT("all-devices.bin", header_at(&page, offset)->config_len == config);
        EXPECT("all-devices.bin", queue_at(&page, offset, rings - 1)->address == 0x10000 + 0x2000u * (rings - 1));
        EXPECT("all-devices.bin", control_at(&page, offset)->c2h_vdev_db == 5);
        EXPECT("all-devices.bin", control_at(&page, offset)->h2c_vdev_db == VOP_PAGE_NO_DOORBELL);
        offset += total;
    }
    EXPECT(file, rows == 9);
    EXPECT("all-devices.bin", walk(&page, &end) == 9 && end == 1032);
}

static void check_walks(void) {
    static const struct {
        const char *name;
        int slots;  // −1: broken
        uint32_t end;
    } pages[] = {
        {"removed.bin", 5, 360},      {"full.bin", 17, 4096},          {"broken-rings.bin", -1, 80},
        {"broken-length.bin", -1, 80}, {"broken-end.bin", -1, 3832},    {"broken-removed.bin", -1, 24},
        {"broken-type.bin", -1, 80},
    };
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        struct page page;
        uint32_t end = 0;
        take(pages[i].name, &page, sizeof page);
        EXPECT(pages[i].name, walk(&page, &end) == pages[i].slots);
        EXPECT(pages[i].name, end == pages[i].end);
    }
    struct page page;
    take("no-magic.bin", &page, sizeof page);
    EXPECT("no-magic.bin", page.at.boot.magic != VOP_PAGE_MAGIC);
}

static void check_region(const char *file, const uint8_t *region, uint32_t n, uint32_t trailer_offset) {
    struct vop_ring_trailer trailer;
    memcpy(&trailer, region + trailer_offset, sizeof trailer);
    EXPECT(file, trailer.magic == VOP_RING_MAGIC_BASE + 1 + 1);
    EXPECT(file, trailer.avail_idx == 0x1234);
    EXPECT(file, region[0] == 0xD0 && region[vop_ring_available_offset(n) - 1] == 0xD0);
    EXPECT(file, region[vop_ring_available_offset(n)] == 0xA0);
    EXPECT(file, region[vop_ring_available_offset(n) + vop_ring_available_byte_count(n) - 1] == 0xA0);
    EXPECT(file, region[vop_ring_used_offset(n) - 1] == 0);
    EXPECT(file, region[vop_ring_used_offset(n)] == 0xE0);
    EXPECT(file, region[vop_ring_vring_byte_count(n) - 1] == 0xE0);
}

static void check_rings(void) {
    static const char *const file = "rings.tsv";
    static uint8_t regions[2][65536];
    char table[4096] = "";
    table[take(file, table, sizeof table - 1)] = 0;
    size_t length = take("ring-b.bin", regions[0], sizeof regions[0]);
    EXPECT("ring-c.bin", take("ring-c.bin", regions[1], sizeof regions[1]) == length);
    size_t position = 0;
    for (char *line = first_row(table); *line; line = first_row(line)) {
        unsigned n, used, vring, b, magic_b, c, magic_c, region;
        if (sscanf(
                line, "%u %u %u %u %u %u %u %u", &n, &used, &vring, &b, &magic_b, &c, &magic_c, &region) != 8) {
            expect(0, file, line);
            return;
        }
        EXPECT(file, vop_ring_used_offset(n) == used);
        EXPECT(file, vop_ring_vring_byte_count(n) == vring);
        EXPECT(file, vop_ring_trailer_offset_b(n) == b && b + offsetof(struct vop_ring_trailer, magic) == magic_b);
        EXPECT(file, vop_ring_trailer_offset_c(n) == c && c + offsetof(struct vop_ring_trailer, magic) == magic_c);
        EXPECT(file, vop_ring_region_byte_count(n) == region);
        if (position + region > length) break;
        check_region("ring-b.bin", regions[0] + position, n, vop_ring_trailer_offset_b(n));
        check_region("ring-c.bin", regions[1] + position, n, vop_ring_trailer_offset_c(n));
        position += region;
    }
    EXPECT("ring-b.bin", position == length);
}

static void check_batch(const char *file, uint16_t direction, uint32_t records, const char *payloads) {
    union {
        uint8_t bytes[512];
        struct vop_copy_batch header;
    } batch;
    size_t length = take(file, &batch, sizeof batch);
    EXPECT(file, batch.header.magic == VOP_COPY_MAGIC && memcmp(batch.bytes, "VOPC", 4) == 0);
    EXPECT(file, batch.header.version == VOP_COPY_VERSION);
    EXPECT(file, batch.header.direction == direction);
    EXPECT(file, batch.header.record_count == records);
    EXPECT(file, batch.header.byte_count == length);
    size_t payload = 16 + 32 * (size_t)records, sum = payload;
    for (uint32_t i = 0; i < records && i < 8; i++) {
        struct vop_copy_record record;
        memcpy(&record, batch.bytes + 16 + 32 * i, sizeof record);
        sum += record.payload_byte_count;
        EXPECT(file, record.token != 0 && record.reserved == 0);
    }
    EXPECT(file, sum == length);
    EXPECT(file, length - payload == strlen(payloads) && memcmp(batch.bytes + payload, payloads, length - payload) == 0);
}

static void check_meeting(void) {
    struct vop_meeting_hello hello;
    EXPECT("hello.bin", take("hello.bin", &hello, sizeof hello) == sizeof hello);
    EXPECT("hello.bin", hello.message.magic == VOP_MEETING_MAGIC && hello.message.type == VOP_MEETING_HELLO);
    EXPECT("hello.bin", hello.message.byte_count == sizeof hello && hello.message.descriptor_count == 17);
    EXPECT("hello.bin", hello.side == VOP_SIDE_GUEST && hello.window_count == 1 && hello.doorbell_count == 16);
    EXPECT("hello.bin", hello.windows[0].base == 0 && hello.windows[0].byte_count == 64u << 20);

    struct vop_meeting_welcome welcome;
    EXPECT("welcome.bin", take("welcome.bin", &welcome, sizeof welcome) == sizeof welcome);
    EXPECT("welcome.bin", welcome.message.type == VOP_MEETING_WELCOME && welcome.status == VOP_MEETING_WELCOMED);
    EXPECT("welcome.bin", welcome.meeting_id == 0x1122334455667788u && welcome.doorbell_count == 16);
    EXPECT("welcome.bin", welcome.host_windows[0].base == 0x1000000 && welcome.page_address == 0x1000000);
    EXPECT("welcome.bin", welcome.guest_windows[0].base == 0x100000000u && welcome.reason[0] == 0);
    take("refused.bin", &welcome, sizeof welcome);
    EXPECT("refused.bin", welcome.status == VOP_MEETING_REFUSED_BUSY);
    EXPECT("refused.bin", strcmp(welcome.reason, "a guest is already here") == 0);

    struct vop_meeting_ready ready;
    EXPECT("ready.bin", take("ready.bin", &ready, sizeof ready) == sizeof ready);
    EXPECT("ready.bin", ready.message.type == VOP_MEETING_READY && ready.meeting_id == 0x1122334455667788u);

    struct vop_link_header link;
    EXPECT("link-header.bin", take("link-header.bin", &link, sizeof link) == sizeof link);
    EXPECT("link-header.bin", link.magic == VOP_LINK_MAGIC && link.version == VOP_LINK_VERSION && link.flags == 0);
    EXPECT("link-header.bin", link.host_windows[0].byte_count == 64u << 20 && link.guest_window_count == 1);
    EXPECT("link-header.bin", link.host_liveness.ping == 3 && link.guest_liveness.echo == 3);
    EXPECT("link-header.bin", link.host_waiting.state == VOP_WAITING_POLLING && link.host_waiting.cpu == 1);
    EXPECT("link-header.bin", link.guest_waiting.state == VOP_WAITING_ASLEEP && link.guest_waiting.cpu == 2);
    EXPECT("link-header.bin", link.host_presence.number == 0 && link.guest_presence.number == 0);

    EXPECT("link-memory.bin", take("link-memory.bin", &link, sizeof link) == sizeof link);
    const struct vop_link_presence *host = &link.host_presence, *guest = &link.guest_presence;
    EXPECT("link-memory.bin", host->magic == VOP_LINK_MAGIC && guest->version == VOP_LINK_VERSION);
    EXPECT("link-memory.bin", host->number == link.meeting_id && host->answered == guest->number);
    EXPECT("link-memory.bin", guest->answered == host->number && guest->peer == 3 && guest->vector_count == 4);
    EXPECT("link-memory.bin", link.host_windows[0].base >> VOP_LINK_PLACE_SHIFT == 7);

    EXPECT("link-test.bin", take("link-test.bin", &link, sizeof link) == sizeof link);
    const struct vop_link_test *asks = &link.host_test, *answers = &link.guest_test;
    EXPECT("link-test.bin", asks->magic == VOP_TEST_MAGIC && answers->version == VOP_TEST_VERSION);
    EXPECT("link-test.bin", asks->operation == VOP_TEST_COPY && asks->answer_doorbell == 2 && asks->seed == 7);
    EXPECT("link-test.bin", asks->target == answers->address && asks->byte_count == 1025 && asks->meeting_id != 0);
    EXPECT("link-test.bin", answers->answered == asks->request && answers->status == VOP_TEST_IN_USE);
    EXPECT("link-test.bin", answers->crc == 0xCBF43926 && answers->answer_byte_count == 64 && answers->doorbells == 5);
}

static void check_ntb(void) {
    struct vop_ntb_page page;
    EXPECT("ntb-page.bin", take("ntb-page.bin", &page, sizeof page) == sizeof page);
    for (int i = 0; i < 2; i++) {
        const struct vop_ntb_port *port = &page.ports[i];
        EXPECT("ntb-page.bin", port->magic == VOP_NTB_MAGIC && port->version == VOP_NTB_VERSION && port->link == 1);
        EXPECT("ntb-page.bin", port->owner == 1u + i && port->doorbells[0] == 0);
        EXPECT("ntb-page.bin", port->scratchpads[VOP_NTB_SPAD_NUMBER] != 0);
        EXPECT("ntb-page.bin", port->scratchpads[VOP_NTB_SPAD_MAGIC] == VOP_NTB_MAGIC);
        EXPECT("ntb-page.bin", port->scratchpads[VOP_NTB_SPAD_VERSION] == VOP_NTB_VERSION);
        // What the other end says of itself.
        EXPECT("ntb-page.bin", port->scratchpads[VOP_NTB_SPAD_SIDE] == (i == 0 ? VOP_NTB_GUEST : VOP_NTB_HOST));
        EXPECT("ntb-page.bin", port->scratchpads[VOP_NTB_SPAD_MEMORY_LOW] == (i == 0 ? 0xC0000u : 0x3F000u));
        EXPECT("ntb-page.bin", port->scratchpads[VOP_NTB_SPAD_DOORBELLS] == VOP_NTB_DOORBELLS);
    }
}

int main(int argc, char **argv) {
    if (argc > 2) {
        fprintf(stderr, "usage: abi-check [DIRECTORY]\n");
        return 1;
    }
    if (argc == 2) directory = argv[1];
    check_net_example();
    check_slots();
    check_walks();
    check_rings();
    check_batch("copy-read.bin", VOP_COPY_TO_BACKEND, 4, "helloabcdefg");
    check_batch("copy-write.bin", VOP_COPY_TO_DEVICE, 3, "onetwo");
    check_meeting();
    check_ntb();
    if (failures == 0) printf("abi-check: the headers and the golden files agree\n");
    return failures == 0 ? 0 : 1;
}
