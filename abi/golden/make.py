#!/usr/bin/env python3
"""Makes the golden files of this directory, from the text of Documentation/abi.md and from nothing else of ours.

make.py          writes them
make.py --check  says which of them differ from what it would write, and exits 1 if any does
"""
import struct
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
MAGIC = 0xC0FFEE00
FILES = {}


def boot(config_doorbell=-1, node=1):
    """magic, h2c_config_db, node_id, h2c_scif_db, c2h_scif_db, scif_host_dma_addr, scif_card_dma_addr"""
    return struct.pack("<IbBbbQQ", MAGIC, config_doorbell, node, -1, -1, 0, 0)


def slot(kind, rings, feature_len, offered, config, status=0, accepted=0, control=None, lengths=None):
    """One slot: header, ring configs, two bitmaps, config space, padding to 8, control block."""
    num_vq, features, config_len = lengths or (len(rings), feature_len, len(config))
    data = struct.pack("<bBBBB3x", kind, num_vq, features, config_len, status)
    for address, used_address, num in rings:
        data += struct.pack("<QQH6x", address, used_address, num)
    data += offered.to_bytes(feature_len, "little") + accepted.to_bytes(feature_len, "little")
    data += bytes(config)
    data += bytes(-len(data) % 8)
    # vdev, config_change, vdev_reset, guest_ack, host_ack, used_address_updated, c2h_vdev_db, h2c_vdev_db
    data += struct.pack("<QBBBBBbbx", *(control or (0, 0, 0, 0, 0, 0, 5, -1)))
    return data


def page(*slots, **boot_fields):
    data = boot(**boot_fields) + b"".join(slots)
    assert len(data) <= 4096, len(data)
    return data + bytes(4096 - len(data))


def rings(count, num=128, used=0):
    return [(0x10000 + 0x2000 * i, used and used + 0x1000 * i, num) for i in range(count)]


def golden(name, data, text):
    FILES[name + ".bin"] = data
    FILES[name + ".txt"] = (text.strip() + "\n").encode()


# ---- Pages ----------------------------------------------------------------------------------------------------------

MAC = bytes([0x52, 0x54, 0x00, 0x12, 0x34, 0x56])
NET_CONFIG = MAC + struct.pack("<HHH", 1, 1, 1500)  # mac, status, max_virtqueue_pairs, mtu: 12 bytes
NET = slot(
    1, rings(2, used=0x40000000), 8, 1 << 32 | 0x3C1, NET_CONFIG, status=15, accepted=1 << 32 | 0x41,
    control=(0, 0, 0, 0, 0, 0, 5, 7))
golden(
    "net-example", page(NET, config_doorbell=3),
    """
The worked example: a net device in the first slot, negotiated and running.

offset      content
4           h2c_config_db 3
24..31      header: type 1, num_vq 2, feature_len 8, config_len 12, status 15
32..55      ring 0: address 0x10000, used_address 0x40000000, num 128
56..79      ring 1: address 0x12000, used_address 0x40001000, num 128
80..87      host features 0x00000001000003c1
88..95      guest features 0x0000000100000041
96..107     config space: mac 52:54:00:12:34:56, status 1, pairs 1, mtu 1500
108..111    padding
112..127    control block: c2h doorbell 5 at 125, h2c doorbell 7 at 126
128         type 0: the end
""")

#   name             type rings feature_len config_len  desc aligned total  how many fit by the original's slot rule
TABLE = [
    ("rng", 4, 1, 4, 0, 40, 40, 56, 72),
    ("rpmsg", 7, 2, 4, 0, 64, 64, 80, 50),
    ("rpmsg-8", 7, 2, 8, 0, 72, 72, 88, 46),
    ("console", 3, 2, 8, 12, 84, 88, 104, 39),
    ("net-mac-status", 1, 2, 4, 8, 72, 72, 88, 46),
    ("net", 1, 2, 8, 12, 84, 88, 104, 39),
    ("vsock", 19, 3, 8, 8, 104, 104, 120, 33),
    ("block", 2, 1, 4, 36, 76, 80, 96, 42),
    ("largest", 1, 4, 4, 144, 256, 256, 272, 14),
]


def table_slot(row):
    name, kind, count, feature_len, config_len = row[:5]
    config = bytes((i + 1) & 0xFF for i in range(config_len))
    made = slot(kind, rings(count), feature_len, 1, config)
    assert len(made) == row[7], (name, len(made))
    return made


FILES["slots.tsv"] = (
    "name\ttype\trings\tfeature_len\tconfig_len\tdescriptor\taligned\ttotal\tfit_by_the_original_rule\n"
    + "".join("\t".join(str(cell) for cell in row) + "\n" for row in TABLE)).encode()
golden(
    "all-devices", page(*[table_slot(row) for row in TABLE]),
    """
Every row of slots.tsv as one slot, in that order, from offset 24: 1008 bytes of slots; type 0 at 1032.
Rings at 0x10000 + 0x2000·i, num 128; offered features 1; config byte i is i + 1; c2h doorbell 5, h2c doorbell −1.
""")


def removed(byte_count):
    return slot(-1, [], 0, 0, bytes(byte_count - 24), control=(0,) * 5 + (0, -1, -1))


golden(
    "removed", page(table_slot(TABLE[0]), removed(104), removed(24), table_slot(TABLE[7]), removed(56)),
    """
rng at 24, a removed slot of 104 bytes at 80, the least possible removed slot (24 bytes) at 184, block at 208, a removed
slot of 56 bytes at 304, type 0 at 360.
""")
golden(
    "full", page(*([table_slot(TABLE[8])] * 14 + [table_slot(TABLE[2])] * 3)),
    """
14 slots of 272 bytes and 3 of 88: the last one ends exactly at 4096, where every walk stops.
""")
golden(
    "no-magic", struct.pack("<I", 0xC0FFEE01) + page(NET)[4:],
    """
The magic is 0xc0ffee01: no device page, whatever follows.
""")
golden(
    "broken-rings", page(table_slot(TABLE[0]), slot(1, rings(5), 4, 1, b"")),
    """
rng at 24, then at 80 a slot of 5 rings, where 4 are allowed. The walk ends there, broken.
""")
golden(
    "broken-length", page(table_slot(TABLE[0]), slot(1, rings(1), 4, 1, bytes(220))),
    """
rng at 24, then at 80 a slot whose padded descriptor has 264 bytes, where 256 are allowed. The walk ends there, broken.
""")
FILL = [table_slot(TABLE[8])] * 14
golden(
    "broken-end",
    (page()[:24] + b"".join(FILL) + slot(1, rings(4), 4, 1, bytes(144)))[:4096],
    """
14 slots of 272 bytes, then at 3832 one that would end at 4104, past the page. The walk ends there, broken.
""")
golden(
    "broken-removed", page(slot(-1, [], 0, 0, b"", lengths=(255, 255, 255))),
    """
A removed slot at 24 whose lengths lead to 6912, past the page. The walk ends there, broken.
""")
golden(
    "broken-type", page(table_slot(TABLE[0]), slot(-5, rings(1), 4, 1, b"")),
    """
rng at 24, then at 80 a slot of type −5, which is no virtio device ID. The walk ends there, broken.
""")

# ---- Ring regions ---------------------------------------------------------------------------------------------------

#    n   used  vring  trailer B (magic)  trailer C (magic)  region
RINGS = [
    (1, 4096, 4110, 4110, 4114, 4112, 4116, 8192),
    (8, 4096, 4166, 4166, 4170, 4168, 4172, 8192),
    (16, 4096, 4230, 4230, 4234, 4232, 4236, 8192),
    (32, 4096, 4358, 4358, 4362, 4360, 4364, 8192),
    (64, 4096, 4614, 4614, 4618, 4616, 4620, 8192),
    (128, 4096, 5126, 5126, 5130, 5128, 5132, 8192),
    (256, 8192, 10246, 10246, 10250, 10248, 10252, 12288),
]
FILES["rings.tsv"] = (
    "n\tused\tvring\ttrailer_b\tmagic_b\ttrailer_c\tmagic_c\tregion\n"
    + "".join("\t".join(str(cell) for cell in row) + "\n" for row in RINGS)).encode()


def region(row, variant, device_id, index):
    n, used, vring = row[:3]
    trailer = row[3] if variant == "b" else row[5]
    data = bytearray(row[7])
    data[0:16 * n] = b"\xD0" * (16 * n)
    data[16 * n:16 * n + 6 + 2 * n] = b"\xA0" * (6 + 2 * n)
    data[used:used + 6 + 8 * n] = b"\xE0" * (6 + 8 * n)
    assert used + 6 + 8 * n == vring
    struct.pack_into("<HxxI", data, trailer, 0x1234, MAGIC + device_id + index)
    return bytes(data)


for variant in "bc":
    golden(
        f"ring-{variant}", b"".join(region(row, variant, 1, 1) for row in RINGS),
        f"""
Ring 1 of a net device in variant {variant.upper()}, once for each row of rings.tsv, in that order, each region whole: descriptors are
bytes d0, the available ring a0, the used ring's place e0, padding 0; trailer: avail_idx 0x1234, magic 0xc0ffee02.
""")

# ---- Copy batches ---------------------------------------------------------------------------------------------------


def batch(direction, records):
    """records: (token, flags, payload, readable, writable, offset)"""
    headers = b"".join(
        struct.pack("<QIIIIII", token, flags, len(payload), readable, writable, offset, 0)
        for token, flags, payload, readable, writable, offset in records)
    payloads = b"".join(record[2] for record in records)
    size = 16 + len(headers) + len(payloads)
    return struct.pack("<4sHHII", b"VOPC", 1, direction, len(records), size) + headers + payloads


golden(
    "copy-read",
    batch(1, [(1, 2, b"hello", 5, 100, 0), (2, 0, b"", 0, 4096, 0), (3, 1, b"abc", 7, 0, 0), (3, 0, b"defg", 7, 0, 3)]),
    """
What one read() returns: chain 1 delivered again, "hello" to read and room for 100 bytes; chain 2 with room only; chain 3
in two parts, "abc" and "defg".
""")
golden(
    "copy-write", batch(2, [(1, 512, b"one", 0, 0, 0), (1, 256, b"two", 0, 0, 3), (3, 256, b"", 0, 0, 0)]),
    """
What one write() takes: chain 1 answered in two records, "one" and "two" (used length 6); chain 3 completed with nothing.
""")

# ---- The meeting ----------------------------------------------------------------------------------------------------


def ranges(*pairs):
    return b"".join(struct.pack("<QQ", *pair) for pair in pairs) + bytes(16 * (4 - len(pairs)))


HOST, GUEST = (0x1000000, 0x4000000), (0x100000000, 0x4000000)


def message(kind, size, descriptors):
    return struct.pack("<4sHHII", b"VOPM", 1, kind, size, descriptors)


golden(
    "hello",
    message(1, 176, 17) + struct.pack("<IIQHHHHQ", 2, 0, 0, 1, 0, 16, 0, 0) + ranges((0, GUEST[1])) + ranges(),
    """
A guest's HELLO, fresh: one window of 64 MiB, 16 doorbells; 17 descriptors travel with it.
""")
golden(
    "welcome",
    message(2, 240, 18) + struct.pack("<IIQHHHHQ", 0, 0, 0x1122334455667788, 1, 1, 0, 16, HOST[0])
    + ranges(HOST) + ranges(GUEST) + bytes(64),
    """
The host's WELCOME: its window at 0x1000000, the guest's at 0x100000000, 64 MiB each, the device page first in its own;
18 descriptors travel with it.
""")
golden(
    "refused", message(2, 240, 0) + struct.pack("<IIQHHHHQ", 3, 0, 0, 0, 0, 0, 0, 0) + bytes(128)
    + b"a guest is already here".ljust(64, b"\0"),
    """
The host's WELCOME to a second guest: status 3, the reason in words.
""")
golden(
    "ready", message(3, 32, 0) + struct.pack("<QQ", 0x1122334455667788, 0),
    """
The guest's READY.
""")
golden(
    "link-header",
    (struct.pack("<4sHHQQQHHHH", b"VOPL", 1, 0, 0x1122334455667788, HOST[0], 0, 1, 1, 16, 16).ljust(64, b"\0")
     + ranges(HOST) + ranges(GUEST) + bytes(64)
     + struct.pack("<QQ", 3, 1).ljust(64, b"\0") + struct.pack("<QQ", 1, 3).ljust(64, b"\0")
     + struct.pack("<II", 1, 1).ljust(64, b"\0") + struct.pack("<II", 0, 2).ljust(64, b"\0")).ljust(4096, b"\0"),
    """
The header of that meeting, a while later: the host has asked 3 times and answered 1, the guest the reverse; the host polls on
CPU 0, the guest sleeps on CPU 1.
""")
PLACE, MEMORY = 7 << 36, 0x1000000


def presence(number, answered, peer, vectors):
    return struct.pack("<QQ4sIII", number, answered, b"VOPL", 1, peer, vectors).ljust(64, b"\0")


golden(
    "link-memory",
    (struct.pack("<4sHHQQQHHHH", b"VOPL", 1, 0, 0x1122334455667788, PLACE + 4096, 0, 1, 1, 8, 4).ljust(64, b"\0")
     + ranges((PLACE + 4096, MEMORY // 4 - 4096)) + ranges((PLACE + MEMORY // 4, MEMORY // 4 * 3)) + bytes(64)
     + struct.pack("<QQ", 0, 1).ljust(64, b"\0") + struct.pack("<QQ", 1, 0).ljust(64, b"\0")
     + struct.pack("<II", 0, 0).ljust(64, b"\0") + struct.pack("<II", 0, 0).ljust(64, b"\0")
     + presence(0x1122334455667788, 0x99AABBCCDDEEFF00, 0, 8)
     + presence(0x99AABBCCDDEEFF00, 0x1122334455667788, 3, 4)).ljust(4096, b"\0"),
    """
The first page of an ivshmem memory of 16 MiB in which two have met: the host is peer 0 with 8 vectors, the guest peer 3 with
4; the guest has asked once whether the host is there, and the host has answered.
""")


def test(request, meeting, operation, doorbell, source, target, count, seed, answered, status, crc, address, bytes_, rung):
    return struct.pack(
        "<4sIQQIIQQQQQIIQQI", b"VOPT", 1, request, meeting, operation, doorbell, source, target, count, seed,
        answered, status, crc, address, bytes_, rung).ljust(128, b"\0")


golden(
    "link-test",
    (bytes(640)
     + test(0x0102030405060708, 0x1122334455667788, 6, 2, HOST[0] + 4096, GUEST[0] + 65536, 1025, 7, 0, 0, 0, 0, 0, 0)
     + test(0, 0, 0, 0, 0, 0, 0, 0, 0x0102030405060708, 4, 0xCBF43926, GUEST[0] + 65536, 64, 0x5)).ljust(4096, b"\0"),
    """
The test lines of a header: the host asks the guest to copy 1025 bytes, to be answered by doorbell 2; the guest answers that 64
of them are in use, and that its doorbells 0 and 2 have rung.
""")


def ntb_port(owner, side, memory, doorbells):
    """One port's registers, as itself (magic, version, link, owner) and the other port (scratchpads) wrote them."""
    return (struct.pack("<4sIII", b"VOPN", 1, 1, owner).ljust(64, b"\0")
            + struct.pack("<I4sIIQI", 0x11111111, b"VOPN", 1, side, memory, doorbells)).ljust(1024, b"\0")


NTB_MEMORY = 0x100000
golden(
    "ntb-page",
    bytes(1024) + ntb_port(1, 2, NTB_MEMORY // 4 * 3, 32) + ntb_port(2, 1, NTB_MEMORY // 4 - 4096, 32) + bytes(1024),
    """
The register page of a bridge in a memory of 1 MiB: the host, peer 1, has port 0, the guest, peer 2, port 1. Each has said of
itself in the other's scratchpads what memory and how many doorbells it has, in the attempt of number 0x11111111; no doorbell
was rung.
""")


def main():
    if sys.argv[1:] == ["--check"]:
        on_disk = {path.name for path in HERE.iterdir() if path.suffix in (".bin", ".txt", ".tsv")}
        wrong = [n for n, d in FILES.items() if n not in on_disk or (HERE / n).read_bytes() != d]
        wrong += sorted(on_disk - FILES.keys())
        for name in wrong:
            print(f"make.py: {name} is not what this script writes; run it without --check")
        return 1 if wrong else 0
    if sys.argv[1:]:
        print(__doc__.strip(), file=sys.stderr)
        return 1
    for name, data in FILES.items():
        (HERE / name).write_bytes(data)
    print(f"{len(FILES)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
