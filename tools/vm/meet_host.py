"""meet_host.py FUNCTION: what the guest's side of an ivshmem link does first (Documentation/abi.md, 5.3), by hand: with the
function's registers and memory alone, until the host outside has answered."""
import mmap
import os
import sys
import time

HOST, GUEST, NUMBER = 512, 576, 0x1357


def mapped(resource, kind):
    file = os.open(f"{sys.argv[1]}/{resource}", os.O_RDWR | os.O_SYNC)
    return memoryview(mmap.mmap(file, 0)).cast(kind)


registers, words, numbers = mapped("resource0", "I"), mapped("resource2", "I"), mapped("resource2", "Q")
own = registers[2]
magic, version, peer, vectors = (words[(HOST + 16) // 4 + place] for place in range(4))
assert magic.to_bytes(4, "little") == b"VOPL", f"the memory begins with no link: {magic:#x}"
assert own != peer and vectors == 4, f"we are {own}, the host is {peer} with {vectors} vectors"
numbers[GUEST // 8 + 1] = 0
for place, value in enumerate((magic, version, own, 4)):
    words[(GUEST + 16) // 4 + place] = value
numbers[GUEST // 8] = NUMBER
started = time.monotonic()
registers[3] = peer << 16
while numbers[HOST // 8 + 1] != NUMBER:
    assert time.monotonic() - started < 60, "the host did not answer within 60 s"
    time.sleep(0.01)
print(f"VM: peer {own}, in {words.nbytes >> 20} MiB of memory: the host, peer {peer}, answered")
