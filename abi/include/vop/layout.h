// How the other headers assert that a compiler lays their structures out as written. C11 and C++11.
//
// All structures of this directory are little-endian on every machine, and naturally aligned without packing.
#ifndef VOP_LAYOUT_H
#define VOP_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define VOP_ASSERT(condition, text) static_assert(condition, text)
#else
#define VOP_ASSERT(condition, text) _Static_assert(condition, text)
#endif

// ABI: a field's offset, a structure's size.
#define VOP_OFFSET(type, field, offset) VOP_ASSERT(offsetof(type, field) == (offset), #type "." #field)
#define VOP_SIZE(type, size) VOP_ASSERT(sizeof(type) == (size), #type)

#endif
