"""plain_memory.py RESOURCE: the memory of the function that QEMU makes of a file is that file, in both directions; and it
outlives a reset. Prints how often this was done before."""
import mmap
import os
import sys

memory = mmap.mmap(os.open(sys.argv[1], os.O_RDWR | os.O_SYNC), 0)
assert len(memory) == 16 << 20, f"{sys.argv[1]} is {len(memory)} bytes"
assert memory[:12] == b"from outside", memory[:12]
memory[4096:4107] = b"from inside"
print(memory[8192])
memory[8192] += 1
