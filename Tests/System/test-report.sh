#!/usr/bin/env bash
# What `tools/test` says at the end of a failed part names what failed: in any locale, and whether tests failed, crashed
# or never ended.
set -Eeuo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
source "$root/tools/lib/test-report.sh"
export LC_ALL=C
log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'echo "test-report.sh: line $LINENO: $BASH_COMMAND" >&2; cat "$log" >&2' ERR
said() { lines_that_matter swift-tests "$log"; }

cat >"$log" <<'LOG'
◇ Test run started.
◇ Suite First started.
◇ Test "one holds" started.
◇ Test "two holds" started.
◇ Test case passing 1 argument bad → garbage to "two holds" started.
✘ Test "two holds" recorded an issue with 1 argument bad → garbage at Two.swift:57:17: Expectation failed: (code → 1) == 0
↳ Traceback:
    File "two.py", line 109

✘ Test "two holds" with 18 test cases failed after 26.220 seconds with 1 issue.
✔ Test "one holds" passed after 0.010 seconds.
✘ Suite First failed after 28.404 seconds with 1 issue.
↳ /// About the suite.
✘ Test run with 2 tests in 1 suite failed after 79.176 seconds with 1 issue.
LOG
[ "$(said)" = '✘ Test "two holds" recorded an issue with 1 argument bad → garbage at Two.swift:57:17: Expectation failed: (code → 1) == 0
↳ Traceback:
    File "two.py", line 109' ]
[ "$(closing_line "$log")" = '✘ Test run with 2 tests in 1 suite failed after 79.176 seconds with 1 issue.' ]

cat >"$log" <<'LOG'
◇ Test run started.
◇ Test "one holds" started.
◇ Test twoHolds(number:) started.
◇ Test "three holds" started.
✔ Test "one holds" with 2 test cases passed after 0.010 seconds.
➜ Test "three holds" skipped.
LOG
[ "$(said | sed -n 1,2p)" = 'begun and not ended:
  twoHolds(number:)' ]
[ -z "$(closing_line "$log")" ]

cat >>"$log" <<'LOG'
Module/Two.swift:12: Fatal error: Index out of range
LOG
said | grep -q '^Module/Two.swift:12: Fatal error: Index out of range'

for number in $(seq 100); do echo "line $number"; done >"$log"
[ "$(lines_that_matter format "$log" | sed -n '1p;$p' | xargs)" = 'line 71 line 100' ]
echo "what failed is named, in any locale"
