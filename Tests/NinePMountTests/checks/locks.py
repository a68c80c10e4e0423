"""fcntl and flock locks between processes. Argument: mount."""
import errno, fcntl, os, signal, sys, time

os.chdir(sys.argv[1])
path = "locked"
with open(path, "wb") as file:
    file.write(bytes(100))


def child(body):
    """Runs `body` in another process; what it returns is compared there."""
    number = os.fork()
    if number == 0:
        try:
            body()
            os._exit(0)
        except BaseException as error:
            print("child:", repr(error), flush=True)
            os._exit(1)
    return number


def join(number):
    assert os.waitpid(number, 0)[1] == 0


def refused(call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        assert error.errno in (errno.EAGAIN, errno.EACCES), error
    else:
        raise AssertionError("the lock was granted")


def granted_in_the_end(file):
    """The kernel tells a FUSE server of the last close after the close has returned."""
    deadline = time.monotonic() + 120
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            assert time.monotonic() < deadline, "the lock of a file that nobody has open stays"
            time.sleep(0.02)


held = open(path, "r+b")
fcntl.lockf(held, fcntl.LOCK_EX, 10, 20)


def conflicts():
    with open(path, "r+b") as file:
        refused(fcntl.lockf, file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 29)
        refused(fcntl.lockf, file, fcntl.LOCK_SH | fcntl.LOCK_NB, 0, 0)
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 30)
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 20, 0)


join(child(conflicts))

# One that waits gets the lock when it is given up.
start = time.monotonic()


def waits():
    with open(path, "r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX, 10, 20)
        assert time.monotonic() - start >= 0.3


waiting = child(waits)
time.sleep(0.4)
fcntl.lockf(held, fcntl.LOCK_UN, 10, 20)
join(waiting)

# A signal ends the wait.
fcntl.lockf(held, fcntl.LOCK_EX)


class Alarm(Exception):
    pass


def interrupted():
    def ring(*_):
        raise Alarm

    signal.signal(signal.SIGALRM, ring)
    with open(path, "r+b") as file:
        try:
            signal.alarm(1)
            fcntl.lockf(file, fcntl.LOCK_EX)
        except Alarm:
            return
        raise AssertionError("the lock was granted")


join(child(interrupted))

# Closing any descriptor of the file gives up the process's locks.
os.close(os.open(path, os.O_RDWR))


def free():
    with open(path, "r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


join(child(free))
held.close()

# flock: between openings, also of one process; gone with the last descriptor, a killed process's too.
first, second = open(path, "rb"), open(path, "rb")
fcntl.flock(first, fcntl.LOCK_SH)
fcntl.flock(second, fcntl.LOCK_SH | fcntl.LOCK_NB)
refused(fcntl.flock, second, fcntl.LOCK_EX | fcntl.LOCK_NB)
fcntl.flock(first, fcntl.LOCK_UN)
fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
second.close()
granted_in_the_end(first)
first.close()


def dies():
    file = os.open(path, os.O_RDWR)
    fcntl.flock(file, fcntl.LOCK_EX)
    os.kill(os.getpid(), signal.SIGKILL)


os.waitpid(child(dies), 0)
with open(path, "rb") as file:
    granted_in_the_end(file)
print("locks hold")
