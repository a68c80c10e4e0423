// Names of the kernel's numbers, for messages and JSON.
#ifndef CLINUX_NAMES_H
#define CLINUX_NAMES_H

/// "ENOENT" for 2; NULL for a number that is no errno.
const char *clinux_errno_name(int number);

#endif
