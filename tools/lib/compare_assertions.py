"""compare_assertions.py BELOW MOUNT: two folders of TAP output, one file a test; what differs between them, assertion by
assertion. Files of a single assertion are mostly "not applicable here" and are counted apart. One that the suite itself
says cannot hold on this system (TODO) counts as held, as it does in Perl's prove, and is compared all the same."""
import os
import re
import sys

below, mount = sys.argv[1:]


def assertions(path):
    """The plan, and of each assertion whether it held, whether it counts as held, and what it said."""
    plan, found = 0, {}
    with open(path, errors="replace") as file:
        for line in file:
            if match := re.match(r"1\.\.(\d+)", line):
                plan = int(match[1])
            elif match := re.match(r"(not )?ok (\d+)(.*)", line):
                found[int(match[2])] = (match[1] is None, match[1] is None or "# TODO" in match[3], match[3].strip())
            elif line.startswith("Bail out!"):
                found[0] = (False, False, line.strip())
    return plan, found


names = sorted(name for name in os.listdir(below) if not name.endswith(".errors"))
stubs, counts, worse, better = 0, {"below": [0, 0], "mount": [0, 0]}, [], []
for name in names:
    (plan, first), (_, second) = assertions(f"{below}/{name}"), assertions(f"{mount}/{name}")
    stubs += plan == 1
    for number in sorted(set(range(1, plan + 1)) | set(first) | set(second)):
        results = [side.get(number, (False, False, "missing")) for side in (first, second)]
        if plan > 1:
            for side, (_, counts_as_held, _) in zip(("below", "mount"), results):
                counts[side][0 if counts_as_held else 1] += 1
        (held_below, _, _), (held_here, _, said) = results
        if held_below != held_here:
            (worse if held_below else better).append(f"{name} {number} {said}")
for heading, lines in (("held below and not over the mount", worse), ("held over the mount and not below", better)):
    print(f"{len(lines)} {heading}" + (":" if lines else ""))
    print("".join(f"  {line}\n" for line in lines), end="")
for side, (held, failed) in counts.items():
    print(f"{side}: {held} of {held + failed} assertions held, in {len(names) - stubs} files")
print(f"not in these numbers: {stubs} files of a single assertion, mostly of what there is not on this system")
print(f"{len(worse)} assertions are worse over the mount than below")
sys.exit(1 if worse or not names else 0)
