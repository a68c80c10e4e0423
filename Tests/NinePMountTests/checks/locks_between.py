"""Locks between processes on two mounts and one on the exported directory itself. Arguments: mount, other mount, export."""
import errno, fcntl, itertools, os, select, signal, sys, time

PLACES = dict(zip(("mount", "other", "local"), sys.argv[1:]))
LIMIT = 120


class Process:
    """A process that opens the file in its place, and does one thing after another as it is told."""

    def __init__(self, place, path="locked"):
        self.place = place
        asked, self.ask = os.pipe()
        self.answer, answered = os.pipe()
        self.number = os.fork()
        if self.number == 0:
            self.file = open(f"{PLACES[place]}/{path}", "r+b")
            self.serve(os.fdopen(asked, "rb"), answered)
        os.close(asked)
        os.close(answered)

    def serve(self, asked, answered):
        def interrupt(*_):
            raise InterruptedError(errno.EINTR, "a signal came")

        signal.signal(signal.SIGUSR1, interrupt)
        for line in asked:
            try:
                os.write(answered, b"begun\n")
                answer = self.do(*eval(line))
            except OSError as error:
                answer = errno.errorcode[error.errno]
            os.write(answered, f"{answer!r}\n".encode())
        os._exit(0)

    def do(self, call, *arguments):
        if call == "fcntl":
            return fcntl.lockf(self.file, *arguments)
        if call == "flock":
            return fcntl.flock(self.file, *arguments)
        if call == "open":
            self.second = open(self.file.name, "r+b")
        elif call == "close":
            self.second.close()

    def line(self):
        line = b""
        while not line.endswith(b"\n"):
            part = os.read(self.answer, 1)
            assert part, f"the process at {self.place} is gone"
            line += part
        return line

    def start(self, *what):
        os.write(self.ask, f"{what!r}\n".encode())
        assert self.line() == b"begun\n"

    def result(self):
        return eval(self.line())

    def __call__(self, *what):
        self.start(*what)
        return self.result()

    def is_waiting(self):
        return not select.select([self.answer], [], [], 0.15)[0]

    def end(self, number=signal.SIGKILL):
        os.kill(self.number, number)
        os.waitpid(self.number, 0)
        os.close(self.ask)
        os.close(self.answer)


SHARED, ALONE, FREE, NOW = fcntl.LOCK_SH, fcntl.LOCK_EX, fcntl.LOCK_UN, fcntl.LOCK_NB


def refused(answer):
    return answer in ("EAGAIN", "EACCES")


def in_the_end(process, *what):
    """What a client gave up by its death or its last close is free when the server has heard of it."""
    deadline = time.monotonic() + LIMIT
    while refused(answer := process(*what)):
        assert time.monotonic() < deadline, f"{process.place}: still locked: {what}"
        time.sleep(0.02)
    assert answer is None, answer


def ranges(holder, other):
    """fcntl: ranges, sharing, upgrade and downgrade, splitting."""
    assert holder("fcntl", ALONE, 10, 20) is None
    assert refused(other("fcntl", SHARED | NOW, 1, 29))
    assert other("fcntl", ALONE | NOW, 10, 30) is None and other("fcntl", ALONE | NOW, 20, 0) is None
    assert other("fcntl", FREE, 0, 0) is None
    assert holder("fcntl", FREE, 4, 22) is None
    assert other("fcntl", ALONE | NOW, 4, 22) is None and refused(other("fcntl", SHARED | NOW, 1, 26))
    assert refused(holder("fcntl", SHARED | NOW, 1, 22)) and other("fcntl", FREE) is None
    assert holder("fcntl", FREE) is None
    # Upgrade waits for the other reader; downgrade lets it in.
    assert holder("fcntl", SHARED) is None and other("fcntl", SHARED | NOW) is None
    assert refused(holder("fcntl", ALONE | NOW))
    assert other("fcntl", FREE) is None and holder("fcntl", ALONE | NOW) is None
    assert refused(other("fcntl", SHARED | NOW))
    assert holder("fcntl", SHARED | NOW) is None and other("fcntl", SHARED | NOW) is None
    assert holder("fcntl", FREE) is None and other("fcntl", FREE) is None


def whole_files(holder, other):
    """flock: sharing, upgrade; and it is no matter of fcntl's, not for oneself either."""
    assert holder("flock", SHARED) is None and other("flock", SHARED | NOW) is None
    assert refused(holder("flock", ALONE | NOW))
    assert other("flock", FREE) is None and holder("flock", ALONE) is None
    assert refused(other("flock", SHARED | NOW))
    assert holder("fcntl", ALONE | NOW) is None and refused(other("fcntl", SHARED | NOW, 1))
    assert holder("fcntl", FREE) is None and refused(other("flock", SHARED | NOW))
    assert other("fcntl", ALONE | NOW) is None and other("fcntl", FREE) is None
    assert holder("flock", SHARED) is None and other("flock", SHARED | NOW) is None
    assert other("flock", FREE) is None and holder("flock", FREE) is None
    assert other("flock", ALONE | NOW) is None and other("flock", FREE) is None


def waiting(call):
    def body(holder, other):
        """Who waits gets it when it is free; a signal ends the wait, and nothing stays behind."""
        assert holder(call, ALONE) is None
        other.start(call, ALONE)
        assert other.is_waiting()
        assert holder(call, FREE) is None and other.result() is None
        assert refused(holder(call, SHARED | NOW)) and other(call, FREE) is None
        assert holder(call, ALONE | NOW) is None
        other.start(call, ALONE)
        assert other.is_waiting()
        os.kill(other.number, signal.SIGUSR1)
        assert other.result() == "EINTR" and holder(call, FREE) is None
        assert holder(call, ALONE) is None and holder(call, FREE) is None
        # Killed while it waits.
        assert holder(call, ALONE) is None
        third = Process(other.place)
        third.start(call, ALONE)
        assert third.is_waiting()
        third.end()
        assert holder(call, FREE) is None
        in_the_end(other, call, ALONE | NOW)
        assert other(call, FREE) is None

    return body


def closing(holder, other):
    """Any close gives up what fcntl locked, and the last one, or death, what flock did."""
    assert holder("fcntl", ALONE, 5) is None and holder("open") is None
    assert refused(other("fcntl", ALONE | NOW))
    assert holder("close") is None
    in_the_end(other, "fcntl", ALONE | NOW)
    assert other("fcntl", FREE) is None
    for call in ("fcntl", "flock"):
        third = Process(holder.place)
        in_the_end(third, call, ALONE | NOW)
        assert refused(other(call, SHARED | NOW))
        third.end()
        in_the_end(other, call, ALONE | NOW)
        assert other(call, FREE) is None


with open(PLACES["local"] + "/locked", "wb") as file:
    file.write(bytes(100))
for one, two in itertools.permutations(PLACES, 2):
    holder, other = Process(one), Process(two)
    for rule in (ranges, whole_files, waiting("fcntl"), waiting("flock"), closing):
        try:
            rule(holder, other)
        except AssertionError:
            print(f"held at {one}, asked at {two}: {rule.__doc__ or rule}", flush=True)
            raise
    holder.end()
    other.end()
print("locks hold between mounts and local programs")
