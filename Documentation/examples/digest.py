"""A backend for a device of no standard type: answers each request with the SHA-256 of its bytes.

    python3 digest.py TREE/links/LINK/devices/NAME/queues/0/copy
"""
import errno
import hashlib
import os
import struct
import sys
import time

MAGIC, VERSION, TO_DEVICE = 0x43504F56, 1, 2
PART, COMPLETE = 1, 256
COPY_MAX = 1044480
BATCH = struct.Struct("<IHHII")    # magic, version, direction, records, bytes
RECORD = struct.Struct("<QIIIIII")  # token, flags, payload, readable, writable, offset, reserved


def records(batch):
    """The records of a batch with their payloads."""
    _, _, _, count, _ = BATCH.unpack_from(batch)
    payload = BATCH.size + count * RECORD.size
    for index in range(count):
        token, flags, length, _, writable, offset, _ = RECORD.unpack_from(batch, BATCH.size + index * RECORD.size)
        yield token, flags, writable, offset, batch[payload:payload + length]
        payload += length


def batch_of(answers):
    """One batch that completes each (token, bytes)."""
    total = BATCH.size + sum(RECORD.size + len(data) for _, data in answers)
    headers = b"".join(RECORD.pack(token, COMPLETE, len(data), 0, 0, 0, 0) for token, data in answers)
    return BATCH.pack(MAGIC, VERSION, TO_DEVICE, len(answers), total) + headers + b"".join(d for _, d in answers)


def serve(file):
    """Serves one opening of the copy file until it fails; the error tells what to do."""
    partial = {}
    while True:
        try:
            batch = os.read(file, COPY_MAX)
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
            partial.clear()  # a reset, told once: nothing of the earlier life may be answered
            continue
        answers = []
        for token, flags, writable, offset, data in records(batch):
            digest = hashlib.sha256() if offset == 0 else partial.pop(token)
            digest.update(data)
            if flags & PART:
                partial[token] = digest
            else:
                answers.append((token, digest.digest()[:writable]))
        if answers:
            try:
                os.write(file, batch_of(answers))
            except OSError as error:
                if error.errno != errno.ESTALE:
                    raise


def main(path):
    patience = time.monotonic() + 30
    while True:
        try:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                patience = time.monotonic() + 30
                serve(file)
            finally:
                os.close(file)
        except OSError as error:
            if error.errno == errno.ENODEV:
                return 0  # the device was removed
            # The daemon went away with its tree: wait for it, half a minute at most.
            if error.errno not in (errno.ECONNABORTED, errno.ENOTCONN, errno.ENOENT) or time.monotonic() > patience:
                print(f"digest: {path}: {error.strerror}", file=sys.stderr)
                return 1
            time.sleep(0.1)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: digest.py COPY-FILE")
    sys.exit(main(sys.argv[1]))
