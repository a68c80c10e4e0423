"""Waits with poll(2) until an attribute shows a value: poll_attribute.py FILE VALUE.

Says `polling` once it waits; the only thing that lets it look again is POLLPRI. The value `ENODEV` is the end of the
attribute's object.
"""

import errno
import os
import select
import sys


def main(path, wanted):
    file = os.open(path, os.O_RDONLY)
    poller = select.poll()
    poller.register(file, select.POLLPRI)
    value = os.pread(file, 4096, 0).decode().rstrip("\n")
    if any(seen & select.POLLPRI for _, seen in poller.poll(0)):
        return f"{path}: POLLPRI right after it was read"
    print("polling", value, flush=True)
    while value != wanted:
        ready = poller.poll(60_000)
        if not ready:
            return f"{path}: nothing within a minute; it shows {os.pread(file, 4096, 0)!r}"
        if not ready[0][1] & (select.POLLPRI | select.POLLHUP) or not ready[0][1] & select.POLLERR:
            return f"{path}: {ready[0][1]:#x}"
        try:
            value = os.pread(file, 4096, 0).decode().rstrip("\n")
        except OSError as error:
            value = errno.errorcode[error.errno]
    print("seen", value, flush=True)
    return None


sys.exit(main(*sys.argv[1:]))
