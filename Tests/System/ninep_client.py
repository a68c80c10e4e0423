"""A 9P2000.L client that sends what it is told, however wrong: frames are put together here, by hand."""
import socket
import struct

NOFID, NOTAG = 0xFFFFFFFF, 0xFFFF
RLERROR = 7
TYPES = dict(
    lopen=12, lcreate=14, symlink=16, mknod=18, rename=20, readlink=22, readdir=40, link=70, mkdir=72, renameat=74,
    unlinkat=76, version=100, attach=104, walk=110, read=116, clunk=120)


class Refused(Exception):
    """The server's errno."""


def text(value):
    value = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<H", len(value)) + value


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(120)
        self.socket.connect(path)
        self.call("version", struct.pack("<I", 65536) + text("9P2000.L"), tag=NOTAG)

    def take(self, count):
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise EOFError("the server hung up")
            data += part
        return data

    def call(self, kind, body, tag=1):
        self.socket.sendall(struct.pack("<IBH", 7 + len(body), TYPES[kind], tag) + body)
        (size,) = struct.unpack("<I", self.take(4))
        reply = self.take(size - 4)
        got, answered = struct.unpack_from("<BH", reply)
        assert answered == tag, (kind, answered)
        if got == RLERROR:
            raise Refused(struct.unpack_from("<I", reply, 3)[0])
        assert got == TYPES[kind] + 1, (kind, got)
        return reply[3:]

    # Of a qid, what says which file it is: its path, the last eight of its bytes.

    def attach(self, fid, tree):
        return self.call("attach", struct.pack("<II", fid, NOFID) + text("") + text(tree) + struct.pack("<I", 0))[5:13]

    def walk(self, fid, newfid, *names):
        """One qid a name, or it is refused."""
        reply = self.call("walk", struct.pack("<IIH", fid, newfid, len(names)) + b"".join(map(text, names)))
        (count,) = struct.unpack_from("<H", reply)
        if count < len(names):
            raise Refused(f"stopped after {count}")
        return [reply[7 + 13 * index : 15 + 13 * index] for index in range(count)]

    def clunk(self, fid):
        self.call("clunk", struct.pack("<I", fid))

    def open(self, fid, flags=0):
        self.call("lopen", struct.pack("<II", fid, flags))

    def create(self, fid, name, flags=2):
        self.call("lcreate", struct.pack("<I", fid) + text(name) + struct.pack("<III", flags, 0o644, 0))

    def read(self, fid, count=4096, offset=0):
        reply = self.call("read", struct.pack("<IQI", fid, offset, count))
        return reply[4:]

    def entries(self, fid, count=8192):
        """The names in an open directory."""
        names, offset = set(), 0
        while True:
            reply = self.call("readdir", struct.pack("<IQI", fid, offset, count))
            data, place = reply[4:], 0
            if not data:
                return names
            while place < len(data):
                offset, _, length = struct.unpack_from("<QBH", data, place + 13)
                names.add(data[place + 24 : place + 24 + length])
                place += 24 + length

    def readlink(self, fid):
        return self.call("readlink", struct.pack("<I", fid))[2:]

    # What makes, moves and takes away names.

    def mkdir(self, fid, name):
        self.call("mkdir", struct.pack("<I", fid) + text(name) + struct.pack("<II", 0o755, 0))

    def symlink(self, fid, name, target):
        self.call("symlink", struct.pack("<I", fid) + text(name) + text(target) + struct.pack("<I", 0))

    def mknod(self, fid, name):
        self.call("mknod", struct.pack("<I", fid) + text(name) + struct.pack("<IIII", 0o100644, 0, 0, 0))

    def link(self, directory, fid, name):
        self.call("link", struct.pack("<II", directory, fid) + text(name))

    def rename(self, fid, directory, name):
        self.call("rename", struct.pack("<II", fid, directory) + text(name))

    def renameat(self, old, oldname, new, newname):
        self.call("renameat", struct.pack("<I", old) + text(oldname) + struct.pack("<I", new) + text(newname))

    def unlinkat(self, fid, name, flags=0):
        self.call("unlinkat", struct.pack("<I", fid) + text(name) + struct.pack("<I", flags))
