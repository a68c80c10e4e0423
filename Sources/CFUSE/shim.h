// The FUSE low-level API at version 3.5 of its interface (libfuse 3.14 has it), and the kernel's
// own reply layouts for the open flags that libfuse 3.14 does not name.
#define FUSE_USE_VERSION 35
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
