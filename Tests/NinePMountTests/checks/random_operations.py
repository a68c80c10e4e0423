"""Random writes, truncations and reads of one file through several openings, against a copy in memory.
Arguments: mount, export, seed, cache mode."""
import mmap, os, random, sys

mount, export, seed, caching = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
chance = random.Random(seed)
path = os.path.join(mount, f"random-{seed}")
model = bytearray()
files = [os.open(path, os.O_CREAT | os.O_RDWR), os.open(path, os.O_RDWR), os.open(path, os.O_RDWR | os.O_APPEND)]
most = 3 << 20

for step in range(1500):
    file = chance.choice(files[:2])
    action = chance.randrange(10)
    offset, size = chance.randrange(most), chance.choice([1, 100, 4096, 5000, 65536, 300000])
    if action < 4:
        data = chance.randbytes(size)
        assert os.pwrite(file, data, offset) == size
        if len(model) < offset + size:
            model.extend(bytes(offset + size - len(model)))
        model[offset : offset + size] = data
    elif action < 7:
        got = os.pread(file, size, offset)
        assert got == model[offset : offset + size], f"step {step}: read of {size} at {offset}"
    elif action == 7:
        os.ftruncate(file, offset) if chance.random() < 0.5 else os.truncate(path, offset)
        del model[offset:]
        model.extend(bytes(offset - len(model)))
    elif action == 8 and len(model) < most:
        data = chance.randbytes(1000)
        os.write(files[2], data)
        model.extend(data)
    elif caching == "mmap" and len(model) > size:
        start = chance.randrange(len(model) - size)
        with mmap.mmap(file, 0) as mapping:
            assert mapping[start : start + size] == model[start : start + size], f"step {step}: mapping"
            mapping[start : start + size] = model[start : start + size] = chance.randbytes(size)
    assert os.fstat(file).st_size == len(model), f"step {step}: size"

for file in files:
    os.fsync(file)
    os.close(file)
for place in (mount, export):
    with open(os.path.join(place, f"random-{seed}"), "rb") as file:
        assert file.read() == model, place
print("equal")
