"""mount_modes.py SOCKET TREE MOUNTPOINT: what each mode of the kernel's own 9P client needs of a server (run by root, as the
only user of that kernel). SOCKET is the server's, TREE the directory it exports as "tree"."""
import contextlib
import ctypes
import errno
import mmap
import os
import socket
import subprocess
import sys

server, tree, place = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
BASE = "version=9p2000.L,aname=tree,uname=root,msize=65536"


@contextlib.contextmanager
def mounted(options, transport="trans=unix", source=server):
    data = f"{transport},{BASE},{options}"
    if libc.mount(source.encode(), place.encode(), b"9p", 0, data.encode()) != 0:
        raise OSError(ctypes.get_errno(), f"mount -o {data}")
    try:
        # Older kernels pass over what they have not heard of, and do not show it.
        (shown,) = [line for line in open("/proc/mounts") if line.split()[1] == place]
        for option in {"ignoreqv", "directio"} & set(options.split(",")):
            if option not in shown:
                raise OSError(errno.EINVAL, f"mount -o {option} is not known")
        yield
    finally:
        subprocess.run(["umount", place], check=True)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data, flags=os.O_CREAT | os.O_WRONLY | os.O_TRUNC):
    file = os.open(path, flags, 0o644)
    os.write(file, data)
    os.close(file)


def fails(number, call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        assert error.errno == number, error
    else:
        raise AssertionError(f"{call.__name__} should have failed with {errno.errorcode[number]}")


def files():
    """What every mode must do; what is written is at the other side when it is unmounted."""
    data = os.urandom(500_000)
    write(f"{place}/data", data)
    assert read(f"{place}/data") == data and os.stat(f"{place}/data").st_size == len(data)
    write(f"{place}/data", b"end", os.O_WRONLY | os.O_APPEND)
    # A page that is written in part must be read first, though the file was opened for writing only.
    file = os.open(f"{place}/data", os.O_WRONLY)
    os.pwrite(file, b"amidst", 5000)
    os.close(file)
    file = os.open(f"{place}/gone", os.O_CREAT | os.O_RDWR)
    os.write(file, b"without a name")
    os.unlink(f"{place}/gone")
    assert os.fstat(file).st_size == 14 and os.pread(file, 20, 0) == b"without a name"
    os.close(file)
    os.mkdir(f"{place}/directory")
    os.rename(f"{place}/data", f"{place}/directory/moved")
    assert os.listdir(f"{place}/directory") == ["moved"]
    return data[:5000] + b"amidst" + data[5006:] + b"end"


def coherent():
    """cache=none: what is done at the other side is seen at once, and the other way."""
    for number in range(20):
        write(f"{tree}/seen", b"x" * (number + 1))
        assert os.stat(f"{place}/seen").st_size == number + 1 and read(f"{place}/seen") == b"x" * (number + 1)
        write(f"{place}/seen", b"y", os.O_WRONLY | os.O_APPEND)
        assert read(f"{tree}/seen").endswith(b"xy")


def mapping():
    """Pages of a shared mapping arrive after its descriptor is closed, the file is read-only, and its name is gone."""
    write(f"{place}/mapped", bytes(1 << 16))
    file = os.open(f"{place}/mapped", os.O_RDWR)
    there = os.open(f"{tree}/mapped", os.O_RDONLY)
    mapped = mmap.mmap(file, 0)
    os.close(file)
    os.chmod(f"{tree}/mapped", 0o444)
    mapped[5000:5004] = b"page"
    mapped.flush()
    assert os.pread(there, 4, 5000) == b"page"
    os.unlink(f"{place}/mapped")
    mapped[50000:50004] = b"last"
    mapped.flush()
    mapped.close()
    assert os.pread(there, 4, 50000) == b"last"
    os.close(there)


def as_user(user, body):
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        try:
            body()
            os._exit(0)
        except BaseException as error:
            print(f"user {user}: {error!r}", flush=True)
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


def users():
    """access=user: each acts as itself, with its own attach."""
    write(f"{tree}/roots", b"root's")
    os.chmod(f"{tree}/roots", 0o600)
    as_user(4242, lambda: (write(f"{place}/made", b"x"), os.chmod(f"{place}/made", 0o600)))
    assert os.stat(f"{tree}/made").st_uid == 4242
    as_user(4242, lambda: fails(errno.EACCES, read, f"{place}/roots"))
    as_user(4343, lambda: fails(errno.EACCES, read, f"{place}/made"))
    assert read(f"{place}/roots") == b"root's"


def one_user():
    """access=UID: nobody else."""
    as_user(4242, lambda: write(f"{place}/made", b"x"))
    as_user(4343, lambda: fails(errno.EPERM, os.listdir, place))
    assert read(f"{tree}/made") == b"x"


def any_user():
    """access=any: all act as the one who attached."""
    as_user(4242, lambda: write(f"{place}/made", b"x"))
    assert os.stat(f"{tree}/made").st_uid == 0


def lists():
    """access=client,posixacl: the client checks lists that the server keeps."""
    write(f"{place}/listed", b"x")
    os.chmod(f"{place}/listed", 0o600)
    entry = lambda tag, permissions, number=0xFFFFFFFF: tag.to_bytes(2, "little") + permissions.to_bytes(2, "little") + \
        number.to_bytes(4, "little")
    acl = (2).to_bytes(4, "little") + entry(1, 6) + entry(2, 4, 4242) + entry(4, 0) + entry(16, 4) + entry(32, 0)
    try:
        os.setxattr(f"{tree}/listed", "system.posix_acl_access", acl)
    except OSError as error:
        return print(f"kernel: posixacl not tried: {error.strerror} on the exported directory")
    os.removexattr(f"{tree}/listed", "system.posix_acl_access")
    os.chmod(f"{tree}/listed", 0o600)
    os.setxattr(f"{place}/listed", "system.posix_acl_access", acl)
    assert os.getxattr(f"{tree}/listed", "system.posix_acl_access") == acl
    assert os.getxattr(f"{place}/listed", "system.posix_acl_access") == acl
    as_user(4242, lambda: read(f"{place}/listed"))
    as_user(4343, lambda: fails(errno.EACCES, read, f"{place}/listed"))


def direct():
    """O_DIRECT has no alignment."""
    file = os.open(f"{place}/direct", os.O_CREAT | os.O_RDWR | os.O_DIRECT)
    os.pwrite(file, b"odd" * 1001, 7)
    assert os.pread(file, 3003, 7) == b"odd" * 1001 and read(f"{tree}/direct")[7:] == b"odd" * 1001
    os.close(file)


def without_attributes():
    write(f"{place}/plain", b"x")
    fails(errno.EOPNOTSUPP, os.getxattr, f"{place}/plain", "user.x")


modes = [
    ("cache=none,access=client", [files, coherent, direct]),
    ("cache=readahead", [files]),
    ("cache=mmap", [files, mapping]),
    ("cache=loose", [files, mapping]),
    ("cache=fscache", [files, mapping]),
    ("cache=loose,ignoreqv", [files]),
    ("cache=none,access=user", [files, users]),
    ("cache=none,access=4242", [one_user]),
    ("cache=none,access=any", [files, any_user]),
    ("cache=none,access=client,posixacl", [files, lists]),
    ("cache=none,noxattr", [files, without_attributes]),
    ("cache=none,directio", [files, direct]),
]


def empty():
    subprocess.run(["find", tree, "-mindepth", "1", "-delete"], check=True)


def held(options, parts, **how):
    empty()
    with mounted(options, **how):
        left = [part() for part in parts]
    if files in parts:
        assert read(f"{tree}/directory/moved") == left[parts.index(files)], "what was written is not at the other side"


os.chmod(tree, 0o777)
done, unknown = [], []
for options, parts in modes:
    try:
        held(options, parts)
        done.append(options)
    except OSError as error:
        # An option that this kernel has not heard of.
        if error.errno != errno.EINVAL or "mount" not in str(error):
            raise RuntimeError(options) from error
        unknown.append(options)
    except AssertionError as error:
        raise RuntimeError(options) from error
for small in (4096, 4097, 8191):
    held(f"cache=none,msize={small}", [files])
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(server)
    number = connection.fileno()
    held("cache=mmap", [files], transport=f"trans=fd,rfdno={number},wfdno={number}", source="fd")
assert len(done) >= 8, unknown
print(f"kernel: mount modes held: {'; '.join(done)}; trans=fd; msize 4096, 4097, 8191")
if unknown:
    print(f"kernel: mount modes this kernel has not: {'; '.join(unknown)}")
