"""flip_bytes.py PID PATTERN SECONDS: flips one byte of PATTERN, again and again, wherever it shows up in a window of
process PID (the memory files it has mapped), until the time is over. Says how many it flipped."""
import glob
import mmap
import os
import sys
import time

pid, pattern, seconds = sys.argv[1], sys.argv[2].encode(), float(sys.argv[3])
windows = []
for path in glob.glob(f"/proc/{pid}/map_files/*"):
    try:
        if "memfd:" in os.readlink(path):
            file = os.open(path, os.O_RDWR)
            windows.append(mmap.mmap(file, os.fstat(file).st_size))
            os.close(file)
    except OSError as error:
        sys.exit(f"{path}: {error}")
if not windows:
    sys.exit(f"process {pid} has no memory file mapped")
print(f"{len(windows)} windows of {sum(len(w) for w in windows)} bytes", flush=True)
flipped = 0
end = time.monotonic() + seconds
while time.monotonic() < end:
    for window in windows:
        at = window.find(pattern)
        while at >= 0:
            window[at] ^= 0x20
            flipped += 1
            at = window.find(pattern, at + 60000)
print(f"flipped {flipped} bytes", flush=True)
