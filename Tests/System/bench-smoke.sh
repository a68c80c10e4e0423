#!/usr/bin/env bash
# tools/bench runs and prints every line it should. What the lines say of time is not looked at.
set -Eeuo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/vop-bench-smoke.XXXXXX")
trap 'rm -rf "$work"' EXIT

"$root/tools/bench" --smoke --json "$work/rows.json" >"$work/table" || { cat "$work/table" && exit 1; }
cat "$work/table"
python3 - "$work/rows.json" "$work/table" <<'PYTHON'
import json, math, sys
rows = json.load(open(sys.argv[1]))["rows"]
table = open(sys.argv[2]).read()
expected = {
    "ring cycle, ": 2, "allocations in that loop": 1, "retains in that loop": 1, "releases in that loop": 1,
    "wake-up round trip over shm": 3, "guest buffer → backend": 6, "backend → guest buffer": 6,
    "chains through copy": 2, "reads across the link per request": 2, "9P ": 22, "through VOP: ": 13, "idle, ": 10,
    "a device while ": 4,
}
for prefix, count in expected.items():
    found = sum(row["work"].startswith(prefix) for row in rows)
    assert found == count, f"{found} rows begin with «{prefix}», not {count}"
for row in rows:
    assert row["work"] in table, f"«{row['work']}» is not in the table"
    assert math.isfinite(row["ours"]) and row["ours"] >= 0, row
    assert row["floor"] is None or row["floor"] > 0, row
print(f"{len(rows)} rows, each printed and finite")
PYTHON
