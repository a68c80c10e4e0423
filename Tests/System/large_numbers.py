"""large_numbers.py SOCKET TREE PROCESS: asks the 9p-server PROCESS for more than anybody needs of TREE, which it exports as
"tree", while another client asks for little."""
import errno
import os
import subprocess
import sys
import threading
import time

from ninep_client import Client, Refused

socket, tree, process = sys.argv[1:]
ROOT = 0
NAMES = 1_000_000
LEVELS = 10_000
FIDS = 20_000
CONNECTIONS = 10_000


def attached():
    client = Client(socket)
    client.attach(ROOT, "tree")
    return client


def descriptors():
    return len(os.listdir(f"/proc/{process}/fd"))


def memory():
    """KiB of its own."""
    with open(f"/proc/{process}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))


class Neighbour:
    """A client that asks for one file over and over; how often it was answered."""

    def __enter__(self):
        self.over, self.count = threading.Event(), 0
        self.thread = threading.Thread(target=self.ask)
        self.thread.start()
        return self

    def ask(self):
        client = attached()
        while not self.over.is_set():
            client.walk(ROOT, 1, "file")
            client.open(1)
            assert client.read(1) == b"fine"
            client.clunk(1)
            self.count += 1
            self.over.wait(0.01)

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        assert self.count > 0, "the neighbour was never answered"


def names():
    """A directory of a million names is listed whole, each name once."""
    place = f"{tree}/many"
    os.mkdir(place)
    directory = os.open(place, os.O_RDONLY)
    for number in range(NAMES):
        os.close(os.open(f"{number}", os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=directory))
    os.close(directory)
    client = attached()
    client.walk(ROOT, 1, "many")
    client.open(1)
    found = client.entries(1, 65000)
    expected = {b"%d" % number for number in range(NAMES)} | {b".", b".."}
    assert found == expected, f"{len(found)} names, {len(found ^ expected)} of them or of those missing are wrong"
    client.clunk(1)
    subprocess.run(["rm", "-rf", place], check=True)


def levels():
    """Ten thousand directories in one another: made, walked down, and up again from the last of them."""
    client = attached()
    client.walk(ROOT, 1)
    for _ in range(LEVELS):
        client.mkdir(1, "d")
        client.walk(1, 1, "d")
    client.walk(ROOT, 2)
    for _ in range(LEVELS // 16):
        last = client.walk(2, 2, *["d"] * 16)[-1]
    # The way up is only taken where it leads through the root: each step is looked for as far as that.
    for _ in range(2):
        client.walk(1, 1, *[".."] * 8)
    client.walk(1, 1, *["d"] * 15)
    assert client.walk(1, 3, "d")[0] == last, "up and down again is somewhere else"
    client.socket.close()
    subprocess.run(["rm", "-rf", f"{tree}/d"], check=True)


def fids():
    """More attaches than there may be fids: the client is told EMFILE, again and again."""
    client = attached()
    refusals = 0
    for fid in range(1, FIDS):
        try:
            client.attach(fid, "tree")
        except Refused as error:
            assert error.args == (errno.EMFILE,), error
            refusals += 1
    assert 0 < refusals < FIDS - 255, f"{refusals} of {FIDS} refused"
    client.socket.close()


def sparse():
    """The end of a huge hole."""
    size = 1 << 40
    open(f"{tree}/hole", "w").close()
    os.truncate(f"{tree}/hole", size)
    client = attached()
    client.walk(ROOT, 1, "hole")
    client.open(1)
    for offset, count in [(size - 5, 5), (size, 0), (size + 1, 0), (2**62, 0), (size // 2, 4096)]:
        assert client.read(1, 4096, offset) == bytes(count), offset
    os.unlink(f"{tree}/hole")


def connections():
    """Clients that come, say little, and go."""
    for number in range(CONNECTIONS):
        client = Client(socket)
        if number % 2:
            client.attach(ROOT, "tree")
        client.socket.close()


with open(f"{tree}/file", "w") as file:
    file.write("fine")
attached().socket.close()
before, kept = descriptors(), memory()
with Neighbour() as neighbour:
    for ask in [names, levels, fids, sparse, connections]:
        answered, began = neighbour.count, time.monotonic()
        ask()
        took = time.monotonic() - began
        answers = neighbour.count - answered
        assert answers > 0 or took < 5, f"{ask.__name__}: in {took} s the neighbour was not answered"
        print(f"borne in {took:.0f} s, the neighbour answered {answers} times: {ask.__doc__}", flush=True)
for _ in range(300):
    if descriptors() <= before + 1 and memory() < kept + 65536:
        break
    time.sleep(0.1)
else:
    sys.exit(f"{descriptors()} descriptors and {memory()} KiB; {before} and {kept} before")
print(f"{NAMES} names, {LEVELS} levels, {FIDS} fids, {CONNECTIONS} connections; a neighbour answered {neighbour.count} times")
