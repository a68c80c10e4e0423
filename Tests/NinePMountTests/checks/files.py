"""What programs do with files, each compared with what a local file system answers. Arguments: mount, cache mode."""
import errno, mmap, os, socket, stat, sys

from refusal import fails

os.chdir(sys.argv[1])
caching = sys.argv[2]
# A server that keeps paths instead of descriptors (diod) cannot change a file without a name.
keeps_paths = sys.argv[3] == "diod"


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def read(path):
    with open(path, "rb") as file:
        return file.read()


# Names
os.mkdir("d")
write("d/f", b"one")
os.link("d/f", "d/g")
assert os.stat("d/f").st_ino == os.stat("d/g").st_ino and os.stat("d/f").st_nlink == 2
os.symlink("../no/such", "d/s")
assert os.readlink("d/s") == "../no/such" and os.lstat("d/s").st_size == 10
os.mkfifo("d/p", 0o640)
assert stat.S_ISFIFO(os.stat("d/p").st_mode)
endpoint = socket.socket(socket.AF_UNIX)
endpoint.bind("d/k")
assert stat.S_ISSOCK(os.stat("d/k").st_mode)
os.mknod("d/r", 0o600 | stat.S_IFREG)
assert sorted(os.listdir("d")) == ["f", "g", "k", "p", "r", "s"]
fails(errno.EEXIST, os.mkdir, "d")
fails(errno.ENOTEMPTY, os.rmdir, "d")
fails(errno.ENOENT, os.stat, "none")
fails(errno.ENOTDIR, os.stat, "d/f/x")
fails(errno.EISDIR, os.open, "d", os.O_RDWR)
fails(errno.EEXIST, os.open, "d/f", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
fails(errno.ENAMETOOLONG, os.stat, "x" * 256)
write(b"d/\xff\xfe\n", b"")
assert b"\xff\xfe\n" in os.listdir(b"d")
os.umask(0o027)
os.close(os.open("d/masked", os.O_CREAT | os.O_WRONLY, 0o666))
assert stat.S_IMODE(os.stat("d/masked").st_mode) == 0o640

# Rename, also over an open file
write("old", b"old")
write("new", b"new")
opened = os.open("new", os.O_RDONLY)
os.rename("old", "new")
assert os.read(opened, 9) == b"new" and read("new") == b"old"
os.close(opened)
os.rename("new", "d/moved")
assert read("d/moved") == b"old"
os.rename("d", "e")
assert read("e/moved") == b"old"
os.rename("e", "d")

# Open files without a name
file = os.open("gone", os.O_CREAT | os.O_RDWR)
os.write(file, b"abc")
os.unlink("gone")
os.write(file, b"def")
assert os.pread(file, 9, 0) == b"abcdef"
assert os.fstat(file).st_nlink == 0 and os.fstat(file).st_size == 6
if not keeps_paths:
    os.ftruncate(file, 2)
    os.fchmod(file, 0o600)
    assert os.fstat(file).st_size == 2
os.close(file)

# Attributes
os.utime("d/f", ns=(1234567890123456789, 987654321987654321))
seen = os.stat("d/f")
assert (seen.st_atime_ns, seen.st_mtime_ns) == (1234567890123456789, 987654321987654321)
os.chmod("d/f", 0o604)
assert stat.S_IMODE(os.stat("d/f").st_mode) == 0o604
os.chown("d/f", 12, 34)
assert (os.stat("d/f").st_uid, os.stat("d/f").st_gid) == (12, 34)
os.chown("d/f", 0, 0)
os.setxattr("d/f", "user.colour", b"blue")
assert os.getxattr("d/f", "user.colour") == b"blue" and "user.colour" in os.listxattr("d/f")
fails(errno.EEXIST, os.setxattr, "d/f", "user.colour", b"red", os.XATTR_CREATE)
fails(errno.ENODATA, os.setxattr, "d/f", "user.shade", b"red", os.XATTR_REPLACE)
os.removexattr("d/f", "user.colour")
fails(errno.ENODATA, os.getxattr, "d/f", "user.colour")
fails(errno.ENODATA, os.removexattr, "d/f", "user.colour")
assert os.statvfs(".").f_blocks > 0 and os.statvfs(".").f_namemax == 255

# Data
file = os.open("ap", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
os.write(file, b"one")
with open("ap", "ab") as other:
    other.write(b"two")
os.write(file, b"three")
os.close(file)
assert read("ap") == b"onetwothree"
file = os.open("sparse", os.O_CREAT | os.O_RDWR)
os.pwrite(file, b"x", (1 << 40) + 1)
assert os.fstat(file).st_size == (1 << 40) + 2 and os.fstat(file).st_blocks < 1000
assert os.pread(file, 4096, 1 << 30) == bytes(4096)
os.ftruncate(file, 5)
assert os.pread(file, 100, 0) == bytes(5)
os.posix_fallocate(file, 0, 10000)
assert os.fstat(file).st_size == 10000
os.fsync(file)
os.fdatasync(file)
os.close(file)
big = os.urandom(5 << 20)
write("big", big)
assert read("big") == big
os.truncate("big", 3 << 20)
assert read("big") == big[: 3 << 20]
file = os.open("big", os.O_RDWR | os.O_TRUNC)
assert os.fstat(file).st_size == 0
os.close(file)
write("big", big)

# Mappings
with open("big", "r+b") as file:
    with mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE) as mapping:
        assert mapping[1 << 20 : (1 << 20) + 100] == big[1 << 20 : (1 << 20) + 100]
    if caching == "none":
        fails(errno.ENODEV, mmap.mmap, file.fileno(), 0)
    else:
        with mmap.mmap(file.fileno(), 0) as mapping:
            mapping[4096:4100] = b"page"
            mapping.flush()
        assert os.pread(file.fileno(), 4, 4096) == b"page"

# Directories
os.mkdir("many")
names = {f"file-{number:05}-{'x' * (number % 50)}" for number in range(3000)}
for name in names:
    os.close(os.open("many/" + name, os.O_CREAT | os.O_WRONLY))
assert set(os.listdir("many")) == names and len(os.listdir("many")) == len(names)
gone = set()
with os.scandir("many") as entries:
    for number, entry in enumerate(entries):
        if number % 2:
            os.unlink(entry.path)
            gone.add(entry.name)
assert set(os.listdir("many")) == names - gone
print("all as on a local file system")
