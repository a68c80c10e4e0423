"""What exhaustion.sh asks of the trees that takes many descriptors, or several hands at once."""
import errno, json, os, resource, sys, threading, time

REFUSALS = 4000


def raise_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def opens(path, flags):
    """A thousand opens of one file, all at once; what is read by the first and by the last is the same."""
    raise_limit()
    files = [os.open(path, flags) for _ in range(1000)]
    if flags & os.O_ACCMODE == os.O_RDONLY:
        first, last = (os.pread(file, 4096, 0) for file in (files[0], files[-1]))
        assert first == last, (first, last)
    for file in files:
        os.close(file)
    print(f"{os.path.basename(path)} opened 1,000 times")


def lines(file):
    rest = b""
    while True:
        try:
            rest += os.read(file, 1 << 16)
        except BlockingIOError:
            break
    return [json.loads(line) for line in rest.splitlines()]


def unread(events, refused):
    """One follows and never reads, one reads along: the first is told what it lost, the second misses nothing."""
    silent, diligent = (os.open(events, os.O_RDWR | os.O_NONBLOCK) for _ in range(2))
    seen = [line["sequence"] for line in lines(diligent)]
    for number in range(REFUSALS):
        try:
            file = os.open(refused, os.O_WRONLY)
            os.write(file, b"no value of it\n")
            sys.exit(f"{refused} took it")
        except OSError as error:
            assert error.errno in (errno.EINVAL, errno.EBUSY, errno.ERANGE), error
        finally:
            os.close(file)
        if number % 256 == 0:
            seen += [line["sequence"] for line in lines(diligent)]
    seen += [line["sequence"] for line in lines(diligent)]
    assert seen == list(range(seen[0], seen[0] + len(seen))) and len(seen) >= REFUSALS, "a reader missed some"
    late = lines(silent)
    lost = [line for line in late if line["event"] == "lost"]
    assert len(lost) == 1 and int(lost[0]["details"]["count"]) + len(late) - 1 == len(seen), lost
    print(f"{REFUSALS} events unread: {lost[0]['message']}; who read along got every one")


def writers(path):
    """Two write their own value over and over: whoever reads finds the one or the other, whole."""
    values = [character * 60 for character in "ab"]
    with open(path, "w") as file:
        file.write(values[0])
    over = threading.Event()

    def write(value):
        while not over.is_set():
            file = os.open(path, os.O_WRONLY)
            assert os.write(file, f"{value}\n".encode()) == 61
            os.close(file)

    threads = [threading.Thread(target=write, args=[value]) for value in values]
    for thread in threads:
        thread.start()
    found = set()
    end = time.monotonic() + 20
    while len(found) < 2 or time.monotonic() < end - 19:
        assert time.monotonic() < end, f"only {found}"
        with open(path) as file:
            found.add(file.read())
    over.set()
    for thread in threads:
        thread.join()
    assert found == {f"{value}\n" for value in values}, found
    print("two writers at once: one value or the other, whole")


def halves(path):
    """A value comes by one write at offset 0: the second half, or a piece elsewhere, is refused and changes nothing."""
    file = os.open(path, os.O_WRONLY)
    os.write(file, b"whole")
    for write in (lambda: os.write(file, b"more\n"), lambda: os.pwrite(file, b"x", 2), lambda: os.pwrite(file, b"x", 4096)):
        try:
            write()
            sys.exit("a piece was taken")
        except OSError as error:
            assert error.errno == errno.EINVAL, error
    os.close(file)
    assert open(path).read() == "whole\n"
    print("pieces and halves of a value are refused")


arguments = sys.argv[2:]
{
    "read": lambda path: opens(path, os.O_RDONLY),
    "follow": lambda path: opens(path, os.O_RDWR | os.O_NONBLOCK),
    "unread": unread,
    "writers": writers,
    "halves": halves,
}[sys.argv[1]](*arguments)
