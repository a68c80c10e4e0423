#!/usr/bin/env python3
"""once.py MOUNT GO-ON: operations that must be done once, until the file GO-ON exists and 200 rounds are over; then
says how many rounds there were and which operations failed, and checks that each was done, and done once."""
import os, sys, hashlib, errno
mount, go_on = sys.argv[1], sys.argv[2]
os.chdir(mount); os.mkdir("once"); os.chdir("once")
log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
held = os.open("held", os.O_RDWR | os.O_CREAT, 0o644)
failures = {}
def do(what, *a):
    try: return what(*a)
    except OSError as e:
        key = (what.__name__, errno.errorcode[e.errno])
        failures[key] = failures.get(key, 0) + 1
        print(key, a, flush=True)
n = 0
while not os.path.exists(go_on) or n < 200:
    d = f"d{n}"
    do(os.mkdir, d)
    fd = do(os.open, d + "/new", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
    if fd is not None:
        do(os.write, fd, b"%08d" % n); os.close(fd)
    do(os.link, d + "/new", d + "/link")
    do(os.symlink, "target", d + "/symlink")
    do(os.rename, d + "/link", d + "/renamed")
    do(os.unlink, d + "/new")
    do(os.write, log, b"%08d\n" % n)
    do(os.pwrite, held, hashlib.sha256(b"%d" % n).digest(), 32 * n)
    do(os.rename, d, f"e{n}")
    n += 1
print("rounds", n, "failures", failures, flush=True)
lines = open("log").read().split("\n")[:-1]
assert lines == ["%08d" % i for i in range(n)], "the log has %d lines of %d" % (len(lines), n)
for i in range(n):
    assert sorted(os.listdir(f"e{i}")) == ["renamed", "symlink"], i
    assert open(f"e{i}/renamed").read() == "%08d" % i and os.stat(f"e{i}/renamed").st_nlink == 1, i
    assert os.pread(held, 32, 32 * i) == hashlib.sha256(b"%d" % i).digest(), i
assert not failures, failures
