"""What is large, deep, old, gone or changing, seen from both sides and from a second mount.
Arguments: mount, other mount, export, cache mode."""
import errno, mmap, os, sys, time

from refusal import fails

mount, other, export, caching = sys.argv[1:]


def sparse():
    """A tebibyte of which two bytes are there. 9P cannot say where holes are: all of it is data."""
    size = (1 << 40) + 1
    file = os.open(f"{mount}/sparse", os.O_CREAT | os.O_RDWR)
    os.pwrite(file, b"first", 0)
    os.pwrite(file, b"x", size - 1)
    for place in (mount, other, export):
        status = os.stat(f"{place}/sparse")
        assert status.st_size == size and status.st_blocks * 512 < 1 << 20, (place, status)
    assert os.pread(file, 1 << 16, 1 << 39) == bytes(1 << 16)
    assert os.pread(file, 100, size - 50) == bytes(49) + b"x" and os.pread(file, 1, size) == b""
    assert os.lseek(file, 0, os.SEEK_DATA) == 0 and os.lseek(file, 1 << 30, os.SEEK_DATA) == 1 << 30
    assert os.lseek(file, 0, os.SEEK_HOLE) == size
    fails(errno.ENXIO, os.lseek, file, size, os.SEEK_DATA)
    os.pwrite(file, b"beyond four gibibytes", (1 << 32) + 3)
    with open(f"{export}/sparse", "rb") as there:
        there.seek((1 << 32) + 3)
        assert there.read(21) == b"beyond four gibibytes"
    # What no file can hold is refused as it is locally.
    with open(f"{export}/sparse", "r+b") as there:
        for offset in ((1 << 63) - 2, (1 << 62)):
            numbers = []
            for descriptor in (there.fileno(), file):
                try:
                    os.pwrite(descriptor, b"xy", offset)
                    numbers.append(0)
                except OSError as error:
                    numbers.append(error.errno)
            assert numbers[1] in (numbers[0], errno.EFBIG, errno.EINVAL) and (numbers[1] == 0) == (numbers[0] == 0), numbers
    os.close(file)
    os.unlink(f"{mount}/sparse")


def times():
    """To the nanosecond both ways, before 1970 and after 2038 too."""
    with open(f"{export}/timed", "wb"):
        pass
    for second in (0, 1, 1_700_000_000, 4_000_000_000, -1, -2_000_000_000):
        for nanosecond in (0, 1, 999_999_999, 123_456_789):
            moment = second * 10**9 + nanosecond
            for written, seen in ((mount, export), (export, mount), (export, other)):
                os.utime(f"{written}/timed", ns=(moment, moment + 10**9))
                status = os.stat(f"{seen}/timed")
                assert (status.st_atime_ns, status.st_mtime_ns) == (moment, moment + 10**9), (written, second)
    # The times the server's file system set itself.
    before = os.stat(f"{export}/timed").st_ctime_ns
    with open(f"{mount}/timed", "wb") as file:
        file.write(b"x")
        file.flush()
        assert os.fstat(file.fileno()).st_mtime_ns == os.stat(f"{export}/timed").st_mtime_ns
    statuses = [os.stat(f"{place}/timed") for place in (mount, other, export)]
    assert len({(status.st_ctime_ns, status.st_mtime_ns, status.st_atime_ns) for status in statuses}) == 1
    assert statuses[0].st_ctime_ns > before


def changing_directory():
    """40,000 names, some of them made and removed on both sides while they are listed: each that is there all the time is
    seen once."""
    os.mkdir(f"{export}/many")
    staying = {f"stays-{number}" for number in range(30_000)}
    for name in staying:
        os.close(os.open(f"{export}/many/{name}", os.O_CREAT | os.O_WRONLY))
    for number in range(10_000):
        os.close(os.open(f"{export}/many/goes-{number}", os.O_CREAT | os.O_WRONLY))
    changers = []
    for place in (export, other):
        child = os.fork()
        if child == 0:
            number, parent = 0, os.getppid()
            while os.getppid() == parent:
                name = f"{place}/many/goes-{number % 5_000 + (5_000 if place == export else 0)}"
                try:
                    os.unlink(name)
                except FileNotFoundError:
                    os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
                number += 7
            os._exit(0)
        changers.append(child)
    try:
        for _ in range(3):
            seen = [entry.name for entry in os.scandir(f"{mount}/many")]
            stayed = [name for name in seen if name.startswith("stays")]
            assert len(stayed) == len(set(stayed)), "a name was seen twice"
            assert set(stayed) == staying, "a name was missed"
    finally:
        for child in changers:
            os.kill(child, 9)
            os.waitpid(child, 0)
    assert set(os.listdir(f"{mount}/many")) == set(os.listdir(f"{export}/many"))


def unlinked():
    """A file that is open here, and unlinked there, is all there but for its name."""
    for place in (mount, other, export):
        file = os.open(f"{mount}/unlinked", os.O_CREAT | os.O_RDWR)
        os.write(file, b"content")
        os.unlink(f"{place}/unlinked")
        fails(errno.ENOENT, os.stat, f"{mount}/unlinked")
        assert os.fstat(file).st_nlink == 0 and os.pread(file, 9, 0) == b"content"
        os.pwrite(file, b"C", 0)
        os.ftruncate(file, 100)
        os.fchmod(file, 0o600)
        os.utime(file, ns=(5, 7))
        os.fsync(file)
        os.setxattr(file, "user.note", b"still") if os_has_xattrs else None
        again = os.open(f"/proc/self/fd/{file}", os.O_RDWR)
        os.pwrite(again, b"!", 99)
        assert os.pread(file, 200, 0) == b"Content" + bytes(92) + b"!" and os.fstat(again).st_mtime_ns > 7
        with mmap.mmap(again, 0, flags=mmap.MAP_PRIVATE) as mapping:
            assert mapping[:7] == b"Content"
        os.close(file)
        os.close(again)


def deep():
    """60,000 bytes of path, by relative steps."""
    name, depth = "d" * 200, 300

    def descend(top, make):
        here = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
        for _ in range(depth):
            if make:
                os.mkdir(name, dir_fd=here)
            below = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
            os.close(here)
            here = below
        return here

    bottom = descend(mount, True)
    file = os.open("file", os.O_CREAT | os.O_RDWR, dir_fd=bottom)
    os.write(file, b"deep down")
    os.rename("file", "renamed", src_dir_fd=bottom, dst_dir_fd=bottom)
    os.link("renamed", f"{mount}/shallow", src_dir_fd=bottom)
    for top in (export, other):
        there = descend(top, False)
        seen = os.open("renamed", os.O_RDONLY, dir_fd=there)
        assert os.read(seen, 100) == b"deep down" and os.listdir(there) == ["renamed"]
        os.close(seen)
        os.close(there)
    fails(errno.ENAMETOOLONG, os.stat, f"{mount}/" + "/".join([name] * 30))
    os.fchdir(bottom)
    for _ in range(depth):
        os.chdir("..")
    assert os.path.samestat(os.stat("."), os.stat(mount)) and os.getcwd() == mount
    os.close(file)
    os.unlink("renamed", dir_fd=bottom)
    os.fchdir(bottom)
    for _ in range(depth):
        os.chdir("..")
        os.rmdir(name)
    os.close(bottom)
    assert open(f"{export}/shallow").read() == "deep down"


def mappings():
    """What is written to a shared mapping is at the other side when msync has said so, and the other way when looked at."""
    with open(f"{mount}/mapped", "w+b") as file:
        file.truncate(1 << 20)
        if caching == "none":
            fails(errno.ENODEV, mmap.mmap, file.fileno(), 0)
            return
        with mmap.mmap(file.fileno(), 0) as mapping, open(f"{export}/mapped", "r+b", buffering=0) as there:
            for offset in (0, 4095, 100_000, (1 << 20) - 5):
                mapping[offset : offset + 5] = b"there"
                mapping.flush()
                assert os.pread(there.fileno(), 5, offset) == b"there"
                with open(f"{other}/mapped", "rb") as second:
                    assert os.pread(second.fileno(), 5, offset) == b"there"
            os.pwrite(there.fileno(), b"here", 4096)
            # A moment's granularity of the modification time.
            os.utime(f"{export}/mapped")
            os.stat(f"{mount}/mapped")
            assert os.pread(file.fileno(), 4, 4096) == b"here" and mapping[4096:4100] == b"here"
            # Written after the last descriptor is closed and the name is gone.
            file.close()
            os.unlink(f"{mount}/mapped")
            mapping[9000:9004] = b"last"
            mapping.flush()
            assert os.pread(there.fileno(), 4, 9000) == b"last"


os_has_xattrs = True
try:
    with open(f"{export}/x", "wb"):
        os.setxattr(f"{export}/x", "user.x", b"x")
except OSError:
    os_has_xattrs = False
for part in (sparse, times, changing_directory, unlinked, deep, mappings):
    start = time.monotonic()
    try:
        part()
    except BaseException:
        print(f"{part.__name__}: {part.__doc__}", flush=True)
        raise
    print(f"held: {part.__name__}, {time.monotonic() - start:.1f} s", flush=True)
