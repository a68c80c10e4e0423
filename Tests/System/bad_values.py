"""Writes values of the wrong form and range to every attribute of control trees, and says what was not refused as it
should be: with EINVAL, ERANGE, EBUSY (what cannot change now) or EACCES (what never can), and nothing changed.

    bad_values.py TREE...       prints how many writes were refused; exits 1 after a line for each that was not
"""

import errno
import os
import sys

# Of no attribute's form, each of them: no text, several lines, too long, and what a sloppy reader takes for a number.
GARBAGE = [
    b"\xff\xfe\x00\x01", b"a\x00b\n", b"1\n2\n", b"no such value\n", b"y" * 5000, b"x " * 100,
    "\u0663 \u0663\n".encode(), b"1 2\n",
]
# Of no form either, but for attributes that hold a name: there these are names.
NUMBERS = [b"-1\n", b"+1\n", b"0x\n", b"1e3\n", b"9" * 27 + b"\n", b"garbage\n"]
NAMES = {"tag"}
# Queues of records and the event stream are no attributes.
STREAMS = {"copy", "stream", "events"}
REFUSED = {errno.EINVAL, errno.ERANGE, errno.EBUSY}
# What a link without a peer answers to any order, before it looks at it.
ORDERS = {"test": REFUSED | {errno.ENOTCONN}}

faults = []
count = 0


def contents(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except PermissionError:
        return None


def attempt(path, value, offset=0):
    """One write; the errno, or 0."""
    try:
        file = os.open(path, os.O_WRONLY)
    except OSError as error:
        return error.errno
    try:
        os.pwrite(file, value, offset)
        return 0
    except OSError as error:
        return error.errno
    finally:
        os.close(file)


def expect_refusal(path, value, allowed, offset=0):
    global count
    before = contents(path)
    got = attempt(path, value, offset)
    if got not in allowed:
        faults.append(f"{path}: {value[:20]!r} at {offset}: {errno.errorcode.get(got, 'accepted')}")
    if contents(path) != before:
        faults.append(f"{path}: {value[:20]!r} at {offset}: changed it from {before!r} to {contents(path)!r}")
    count += 1


def try_attribute(path, name):
    if not os.stat(path).st_mode & 0o222:
        # To root the mode says nothing; the tree does.
        expect_refusal(path, b"1\n", {errno.EACCES})
        return
    if name.endswith(".bin"):
        size = os.stat(path).st_size
        expect_refusal(path, b"\x01", REFUSED, offset=size)
        expect_refusal(path, b"\x01" * (size + 1), REFUSED)
        expect_refusal(path, b"\x01" * 70000, REFUSED)
        return
    allowed = ORDERS.get(name, REFUSED)
    for value in GARBAGE + ([] if name in NAMES else NUMBERS):
        expect_refusal(path, value, allowed)
    expect_refusal(path, b"1\n", allowed, offset=1)


for tree in sys.argv[1:]:
    for directory, _, names in os.walk(tree):
        for name in sorted(set(names) - STREAMS):
            try_attribute(os.path.join(directory, name), name)

for fault in faults:
    print(fault, file=sys.stderr)
print(count)
sys.exit(1 if faults or not count else 0)
