"""confinement.py SOCKET TOP: attacks a server that exports TOP/tree as "tree" and TOP/tree2 as "tree2", from outside, by
`..`, slashes, links and names of trees. Nothing else below TOP may be seen or changed; the caller compares it."""
import ctypes
import errno
import os
import sys

from ninep_client import Client, Refused

socket, top = sys.argv[1:]
tree = top + "/tree"
ROOT = 0
SECRET = b"secret"
DIRECTORY = 0o200000
count = 0


def refused(what, call, *arguments):
    """The server says no: with an errno, not by hanging up."""
    global count
    try:
        call(*arguments)
    except Refused:
        count += 1
        return
    sys.exit(f"{what}: accepted {arguments}")


def within(client, fid, *names):
    """Walks to a new fid if it may, and says what may not be: the secret's bytes, or what lies beside the tree."""
    try:
        client.walk(fid, 9, *names)
    except Refused:
        return None
    try:
        client.open(9)
        seen = client.read(9)
    except Refused:
        seen = None
    client.clunk(9)
    if seen is not None and SECRET in seen:
        sys.exit(f"{names}: led to the secret")
    return seen


def attached():
    client = Client(socket)
    client.root = client.attach(ROOT, "tree")
    return client


def names_of_trees():
    client = attached()
    assert client.attach(21, "") == client.attach(22, "/") == client.root, "the first tree also answers to these"
    for name in ["..", "/..", "tree/..", "tree/../..", "../tree", "tree/", "/tree", "//tree", "./tree", "tree/.", "tre",
                 "tree3", "tree/sub", "tree\0", "tree/../tree2", top, top + "/tree", top + "/outside", "TREE"]:
        refused("attach", client.attach, 20, name)
    assert client.attach(20, "tree2") != client.root
    # Two trees on one connection stay apart: no name leads from one into the other, and no link or rename either.
    assert within(client, 20, "other") == b"other"
    assert within(client, 20, "..", "tree", "file") is None
    client.walk(ROOT, 1, "file")
    refused("link", client.link, 20, 1, "stolen")
    refused("rename", client.rename, 1, 20, "stolen")
    refused("renameat", client.renameat, ROOT, "file", 20, "stolen")


def above_the_root():
    client = attached()
    for depth in range(1, 17):
        assert set(client.walk(ROOT, 1, *[".."] * depth)) == {client.root}, depth
        client.clunk(1)
    assert client.walk(ROOT, 1, *["a", "b"] + [".."] * 14)[-1] == client.root
    for depth in range(1, 15):
        assert within(client, ROOT, *[".."] * depth, "secret") is None
        assert within(client, ROOT, *[".."] * depth, "outside", "secret") is None
    client.walk(ROOT, 2, "..")
    client.open(2, DIRECTORY)
    assert not client.entries(2) & {b"secret", b"outside", b"tree"}, "the root's parent was listed"


def names_with_slashes():
    client = attached()
    client.walk(ROOT, 1, "a")
    client.walk(ROOT, 2, "file")
    for name in ["../secret", "../../secret", "/", "/etc/passwd", top + "/secret", "a/../../secret", "./a", "b/", "b/..",
                 "..", ".", "", "../made", "..\0", "..\0/secret", "x" * 256]:
        # `..` leads up in a walk, and nowhere else.
        if name != "..":
            refused("walk", client.walk, 1, 9, name)
            refused("walk", client.walk, ROOT, 9, "a", "b", "..", name)
        refused("mkdir", client.mkdir, 1, name)
        refused("symlink", client.symlink, 1, name, "x")
        refused("mknod", client.mknod, 1, name)
        refused("link", client.link, 1, 2, name)
        refused("rename", client.rename, 2, 1, name)
        refused("renameat", client.renameat, ROOT, "file", 1, name)
        refused("renameat", client.renameat, 1, name, ROOT, "stolen")
        for flags in (0, 0x200):
            refused("unlinkat", client.unlinkat, 1, name, flags)
        client.walk(1, 3)
        refused("lcreate", client.create, 3, name)
        client.clunk(3)


def links():
    client = attached()
    for name in ["up", "absolute", "to-secret", "absolute-secret", "loop", "proc"]:
        client.walk(ROOT, 1, name)
        refused("open", client.open, 1)
        for beyond in (["secret"], [".."], ["..", "secret"], ["outside", "secret"]):
            assert within(client, ROOT, name, *beyond) is None, (name, beyond)
        refused("mkdir", client.mkdir, 1, "made")
        refused("unlinkat", client.unlinkat, 1, "secret")
        client.walk(ROOT, 2)
        refused("lcreate", client.create, 2, name)
        refused("lcreate", client.create, 2, name, 0o1002)
        client.clunk(1)
        client.clunk(2)
    client.walk(ROOT, 1, "absolute-secret")
    assert client.readlink(1) == (top + "/secret").encode(), "a link's target is its bytes"


def moved_out():
    """A directory leaves the export while a fid is in it, and one below it."""
    client = attached()
    client.walk(ROOT, 1, "leaving")
    client.walk(ROOT, 2, "leaving", "below")
    client.walk(ROOT, 3, "leaving")
    client.open(3, DIRECTORY)
    os.rename(tree + "/leaving", top + "/outside/leaving")
    for depth in range(1, 15):
        for fid in (1, 2):
            refused("walk", client.walk, fid, 9, *[".."] * depth)
            assert within(client, fid, *[".."] * depth, "secret") is None
    refused("walk", client.walk, 3, 9, "..", "secret")
    assert not client.entries(3) & {b"secret"}
    refused("renameat", client.renameat, 1, "..", ROOT, "stolen")
    # And comes back: it is a part of the tree again.
    os.rename(top + "/outside/leaving", tree + "/leaving")
    assert client.walk(2, 9, "..", "..")[-1] == client.root


def exchanging(one, other, body):
    """Runs `body` while another process exchanges two names, as fast as it can."""
    libc = ctypes.CDLL(None, use_errno=True)
    racer = os.fork()
    if racer == 0:
        parent = os.getppid()
        while os.getppid() == parent:
            for _ in range(100):
                if libc.renameat2(-100, one.encode(), -100, other.encode(), 2) != 0:
                    os._exit(ctypes.get_errno())
        os._exit(0)
    try:
        body()
        assert os.waitpid(racer, os.WNOHANG) == (0, 0), "nobody raced: " + errno.errorcode.get(ctypes.get_errno(), "?")
    finally:
        try:
            os.kill(racer, 9)
            os.waitpid(racer, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


def raced_links():
    client = attached()
    seen = []

    def directory():
        for number in range(3000):
            seen.append(within(client, ROOT, "swap", "secret"))
            try:
                client.walk(ROOT, 1, "swap")
            except Refused:
                continue
            attempts = [
                (client.mkdir, 1, f"made-{number}"), (client.symlink, 1, f"link-{number}", "x"),
                (client.renameat, ROOT, "file2", 1, "stolen"), (client.renameat, 1, "stolen", ROOT, "file2"),
                # In the right directory there is one, too, which is gone then.
                (client.unlinkat, 1, "secret" if number > 2000 else "none"), (client.create, 1, f"file-{number}"),
            ]
            for call, *arguments in attempts:
                try:
                    call(*arguments)
                except Refused:
                    pass
            client.clunk(1)

    def file():
        for number in range(3000):
            seen.append(within(client, ROOT, "swapped"))
            client.walk(ROOT, 1)
            try:
                client.create(1, "swapped", 2)
                assert SECRET not in client.read(1), "lcreate opened the secret"
            except Refused:
                pass
            client.clunk(1)

    for one, other, body in [("swap", "up", directory), ("swapped", "to-secret", file)]:
        seen.clear()
        exchanging(f"{tree}/{one}", f"{tree}/{other}", body)
        # Both were met, or there was no race.
        assert set(seen) >= {None, b"fine\n"}, set(seen)


def raced_parents():
    """`..` while its directory goes out of the export and comes back."""
    client = attached()
    client.walk(ROOT, 1, "leaving", "below")
    allowed = {client.root, client.walk(ROOT, 2, "leaving")[0]}
    found = set()

    def body():
        for _ in range(6000):
            try:
                found.update(client.walk(1, 3, "..", ".."))
                client.clunk(3)
            except Refused:
                pass
            within(client, 1, "..", "..", "secret")
            within(client, 1, "..", "..", "..", "secret")

    exchanging(tree + "/leaving", top + "/outside/other", body)
    assert found and found <= allowed, "the way up led out of the tree"


for attack in [names_of_trees, above_the_root, names_with_slashes, links, moved_out, raced_links, raced_parents]:
    attack()
    print(f"held: {attack.__name__}", flush=True)
print(f"{count} refusals; nothing led out of the tree")
