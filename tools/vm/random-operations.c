/* random-operations FILE SEED COUNT: does COUNT random operations to FILE and to the same bytes in memory, and fails at the
 * first difference, saying the operation, where it was, and the seed. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LARGEST_FILE = 1 << 20, LARGEST_TRANSFER = 200000 };

static unsigned char expected[LARGEST_FILE], buffer[LARGEST_TRANSFER];
static size_t expected_size;
static const char *path;
static unsigned seed;
static int file, operation;

static void differs(const char *what, size_t at) {
    fprintf(stderr, "random-operations: seed %u, operation %d: %s at %zu of %zu: %s\n", seed, operation, what, at,
            expected_size, strerror(errno));
    exit(1);
}

static size_t below(size_t limit) { return limit ? (size_t)random() % limit : 0; }

static void fill(size_t count) {
    for (size_t i = 0; i < count; i++) buffer[i] = (unsigned char)random();
}

static void put(size_t at, size_t count) {
    if (at > expected_size) memset(expected + expected_size, 0, at - expected_size);
    memcpy(expected + at, buffer, count);
    if (at + count > expected_size) expected_size = at + count;
}

static void write_somewhere(void) {
    size_t at = below(LARGEST_FILE - 1), count = 1 + below(LARGEST_TRANSFER);
    if (count > LARGEST_FILE - at) count = LARGEST_FILE - at;
    fill(count);
    if (pwrite(file, buffer, count, (off_t)at) != (ssize_t)count) differs("a write was not whole", at);
    put(at, count);
}

static void append(void) {
    size_t count = 1 + below(5000);
    if (count > LARGEST_FILE - expected_size) return;
    fill(count);
    int end = open(path, O_WRONLY | O_APPEND);
    if (end < 0 || write(end, buffer, count) != (ssize_t)count || close(end) != 0) differs("an append failed", expected_size);
    put(expected_size, count);
}

static void read_back(size_t at, size_t count) {
    size_t whole = at < expected_size ? expected_size - at : 0;
    if (whole > count) whole = count;
    errno = 0;
    if (pread(file, buffer, count, (off_t)at) != (ssize_t)whole) differs("a read was of another length", at);
    for (size_t i = 0; i < whole; i++)
        if (buffer[i] != expected[at + i]) differs("a byte read is not the byte written", at + i);
}

static void read_somewhere(void) { read_back(below(LARGEST_FILE), 1 + below(LARGEST_TRANSFER)); }

static void truncate_somewhere(void) {
    size_t size = below(LARGEST_FILE);
    if (ftruncate(file, (off_t)size) != 0) differs("a truncation failed", size);
    if (size > expected_size) memset(expected + expected_size, 0, size - expected_size);
    expected_size = size;
}

static void look(void) {
    struct stat status;
    if (stat(path, &status) != 0 || (size_t)status.st_size != expected_size) differs("stat gives another size", 0);
}

static void open_again(void) {
    if (fsync(file) != 0 || close(file) != 0) differs("fsync or close failed", 0);
    if ((file = open(path, O_RDWR)) < 0) differs("open failed", 0);
}

static void rename_over(void) {
    char other[4096];
    snprintf(other, sizeof other, "%s.renamed", path);
    if (rename(path, other) != 0) differs("rename failed", 0);
    read_somewhere();
    if (link(other, path) != 0 || unlink(other) != 0) differs("link or unlink failed", 0);
}

int main(int count, char **words) {
    static void (*const operations[])(void) = {write_somewhere, write_somewhere, append, read_somewhere, read_somewhere,
                                               truncate_somewhere, look, open_again, rename_over};
    if (count != 4) {
        fprintf(stderr, "usage: random-operations FILE SEED COUNT\n");
        return 2;
    }
    path = words[1];
    seed = (unsigned)strtoul(words[2], NULL, 10);
    srandom(seed);
    if ((file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644)) < 0) differs("the file cannot be made", 0);
    int last = atoi(words[3]);
    for (operation = 1; operation <= last; operation++)
        operations[below(sizeof operations / sizeof *operations)]();
    for (size_t at = 0; at < expected_size; at += LARGEST_TRANSFER) read_back(at, LARGEST_TRANSFER);
    look();
    printf("%d random operations, seed %u: the file is as expected, %zu bytes\n", last, seed, expected_size);
    return 0;
}
