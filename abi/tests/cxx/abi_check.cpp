// The C program's text, compiled as C++: the headers must mean the same to both.
#include "../abi_check.c"

#include <type_traits>

static_assert(std::is_trivial<vop_boot_parameters>::value && std::is_standard_layout<vop_boot_parameters>::value, "");
static_assert(std::is_trivial<vop_link_header>::value && std::is_standard_layout<vop_link_header>::value, "");
static_assert(std::is_trivial<vop_copy_record>::value && std::is_standard_layout<vop_copy_record>::value, "");
