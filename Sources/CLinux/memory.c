#include "clinux_memory.h"

// A device's memory is read and written in naturally aligned words; the ragged ends go byte by byte.

void clinux_copy_from_device(void *to, const void *from, size_t count) {
    unsigned char *out = to;
    const unsigned char *in = from;
    while (count > 0 && ((uintptr_t)in & 7) != 0) {
        *out++ = clinux_load_volatile8(in++);
        count--;
    }
    for (; count >= 8; count -= 8, in += 8, out += 8) {
        uint64_t word = clinux_load_volatile64(in);
        memcpy(out, &word, 8);
    }
    while (count-- > 0) *out++ = clinux_load_volatile8(in++);
}

void clinux_copy_to_device(void *to, const void *from, size_t count) {
    unsigned char *out = to;
    const unsigned char *in = from;
    while (count > 0 && ((uintptr_t)out & 7) != 0) {
        clinux_store_volatile8(out++, *in++);
        count--;
    }
    for (; count >= 8; count -= 8, in += 8, out += 8) {
        uint64_t word;
        memcpy(&word, in, 8);
        clinux_store_volatile64(out, word);
    }
    while (count-- > 0) clinux_store_volatile8(out++, *in++);
}
