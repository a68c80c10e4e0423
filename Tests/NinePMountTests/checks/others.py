"""What users other than the one who mounted may do, and what becomes of their files, as on a local file system.
Arguments: mount, export, a local directory."""
import mmap, os, sys, time

mount, export, local = sys.argv[1:4]
MAKER, OTHER, GROUP = 4242, 4343, 4444


def become(user, group=None, groups=()):
    os.setgroups(list(groups))
    os.setresgid(group or user, group or user, group or user)
    os.setresuid(user, user, user)


def as_user(user, body, groups=()):
    """Runs `body` in a process of that user's; its result, or the errno it failed with."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        become(user, groups=groups)
        try:
            answer = body()
        except OSError as error:
            answer = f"errno {error.errno}"
        os.write(writing, repr(answer).encode())
        os._exit(0)
    os.close(writing)
    answer = os.read(reading, 4096)
    os.close(reading)
    assert os.waitpid(child, 0)[1] == 0 and answer, "the other user's process failed"
    return eval(answer)


def write_at(flags, data=b"x"):
    def body():
        file = os.open("f", flags)
        os.pwrite(file, data, 0)
        return oct(os.fstat(file).st_mode)

    return body


def cut(by_name):
    def body():
        file = os.open("f", os.O_RDWR)
        os.truncate("f", 1) if by_name else os.ftruncate(file, 1)
        return oct(os.fstat(file).st_mode)

    return body


changes = {
    "write": write_at(os.O_WRONLY),
    "append": write_at(os.O_WRONLY | os.O_APPEND),
    "opened for truncation": lambda: (os.close(os.open("f", os.O_WRONLY | os.O_TRUNC)), oct(os.stat("f").st_mode)),
    "truncate": cut(True),
    "ftruncate": cut(False),
    "chgrp": lambda: (os.chown("f", -1, os.getgid()), oct(os.stat("f").st_mode)),
    "nothing": lambda: oct(os.stat("f").st_mode),
}


def set_id_bits():
    """What is left of set-user-ID and set-group-ID after a change by each kind of user."""
    seen = {}
    for name, change in changes.items():
        for mode in (0o4777, 0o2777, 0o6777, 0o2767, 0o6766):
            for user, groups in ((0, ()), (MAKER, ()), (OTHER, ()), (OTHER, (GROUP,))):
                with open("f", "wb") as file:
                    file.write(b"content")
                os.chown("f", MAKER, GROUP)
                os.chmod("f", mode)
                seen[name, oct(mode), user, groups] = (as_user(user, change, groups), oct(os.stat("f").st_mode))
                os.unlink("f")
    return seen


def made(mode):
    """A file made with `mode`, before and after its maker writes to it."""

    def body():
        os.umask(0)
        file = os.open("made", os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
        before = os.fstat(file)
        os.write(file, b"x")
        after = os.fstat(file)
        os.unlink("made")
        return [(oct(status.st_mode), status.st_uid, status.st_gid) for status in (before, after)]

    return body


def makings():
    seen = {}
    for mode in (0o755, 0o4755, 0o2755, 0o6711, 0o2644):
        for user in (0, MAKER):
            seen[oct(mode), user] = as_user(user, made(mode))
    os.mkdir("handed-down")
    os.chown("handed-down", 0, GROUP)
    os.chmod("handed-down", 0o2777)
    os.chdir("handed-down")
    for mode in (0o755, 0o4755, 0o2755):
        seen["handed down", oct(mode)] = as_user(MAKER, made(mode))
    os.chdir("..")
    return seen


def both(body):
    seen = []
    for place in (local, mount):
        os.makedirs(place, exist_ok=True)
        os.chmod(place, 0o777)
        os.chdir(place)
        seen.append(body())
    here = {key: (seen[0][key], value) for key, value in seen[1].items() if value != seen[0][key]}
    assert not here, f"(local, mount): {here}"
    return seen[1]


bits = both(set_id_bits)
assert bits["write", "0o6777", OTHER, ()][1] == "0o100777" and bits["write", "0o6777", 0, ()][1] == "0o106777"
both(makings)


def race():
    """What root makes at the export's side just when somebody else makes it here: it is never given away, nor opened
    without permission."""
    turn = memoryview(mmap.mmap(-1, 8)).cast("Q")
    child = os.fork()
    if child == 0:
        os.chdir(export)
        for number in range(400):
            while turn[0] < number:
                time.sleep(0)
            end = time.perf_counter_ns() + number % 40 * 100_000
            while time.perf_counter_ns() < end:
                pass
            try:
                file = os.open(f"race-{number}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            except FileExistsError:
                continue
            os.write(file, b"root")
            os.close(file)
        os._exit(0)

    def other():
        opened = []
        for number in range(400):
            turn[0] = number
            try:
                os.close(os.open(f"race-{number}", os.O_CREAT | os.O_RDWR, 0o600))
                opened.append(number)
            except PermissionError:
                pass
        return opened

    opened = set(as_user(MAKER, other))
    assert os.waitpid(child, 0)[1] == 0
    for number in range(400):
        with open(f"{export}/race-{number}", "rb") as file:
            owner, is_roots = os.fstat(file.fileno()).st_uid, file.read() == b"root"
        assert is_roots == (number not in opened), f"race-{number} was opened by another than its maker"
        assert owner == (0 if is_roots else MAKER), f"race-{number} is {owner}'s"
    assert 0 < len(opened) < 400, "nobody raced"


os.chdir(mount)
race()
print("others are as locally")
