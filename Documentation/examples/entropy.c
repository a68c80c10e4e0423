// A backend for an entropy device: fills every chain that the guest's driver offers with random bytes.
//
//   cc -I abi/include -o entropy entropy.c && ./entropy TREE/links/LINK/devices/NAME/queues/0/copy
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <vop/copy.h>

static unsigned char chains[VOP_COPY_MAX];
static unsigned char answers[VOP_COPY_MAX];

// Answers one batch of chains with one batch of as many records. Returns its length.
static size_t answer(const struct vop_copy_batch *batch) {
    const struct vop_copy_record *asked = (const struct vop_copy_record *)(batch + 1);
    struct vop_copy_batch *reply = (struct vop_copy_batch *)answers;
    struct vop_copy_record *record = (struct vop_copy_record *)(reply + 1);
    size_t headers = sizeof *reply + batch->record_count * sizeof *record;
    size_t length = headers;

    memset(answers, 0, headers);
    for (uint32_t i = 0; i < batch->record_count; i++) {
        // What the chain has room for, shared out so that the whole batch fits one call.
        size_t room = (VOP_COPY_MAX - headers) / batch->record_count;
        size_t count = asked[i].writable_byte_count < room ? asked[i].writable_byte_count : room;
        ssize_t got = count > 0 ? getrandom(answers + length, count, 0) : 0;
        if (got < 0) got = 0;
        record[i].token = asked[i].token;
        record[i].flags = VOP_COPY_COMPLETE;
        record[i].payload_byte_count = (uint32_t)got;
        length += (size_t)got;
    }
    reply->magic = VOP_COPY_MAGIC;
    reply->version = VOP_COPY_VERSION;
    reply->direction = VOP_COPY_TO_DEVICE;
    reply->record_count = batch->record_count;
    reply->byte_count = (uint32_t)length;
    return length;
}

int main(int count, char **arguments) {
    if (count != 2) {
        fprintf(stderr, "usage: entropy COPY-FILE\n");
        return 1;
    }
    int file = open(arguments[1], O_RDWR | O_CLOEXEC);
    if (file < 0) {
        fprintf(stderr, "entropy: %s: %s\n", arguments[1], strerror(errno));
        return 1;
    }
    for (;;) {
        ssize_t length = read(file, chains, sizeof chains);
        if (length < 0 && (errno == ESTALE || errno == EINTR)) continue;  // a reset, told once: the next life follows
        if (length < 0 && errno == ENODEV) return 0;                      // the device was removed
        if (length < (ssize_t)sizeof(struct vop_copy_batch)) {
            fprintf(stderr, "entropy: read: %s\n", length < 0 ? strerror(errno) : "short batch");
            return 1;
        }
        size_t reply = answer((const struct vop_copy_batch *)chains);
        if (write(file, answers, reply) < 0 && errno != ESTALE) {
            fprintf(stderr, "entropy: write: %s\n", strerror(errno));
            return 1;
        }
    }
}
