# What tools/test says of a part: little of one that passed, what matters of one that failed. Sourced by tools/test.
#
# A part's output goes to a file of its own. Continuous integration keeps the end of a log only, so everything said here is
# short, and what failed is said once more at the very end.

# No brackets around the runner's signs: where the locale is C, as in continuous integration, each is three characters.

# The runner's own last word on a run of the Swift tests, as it stands.
closing_line() { { grep -aE '^(✔|✘) Test run with ' "$1" || true; } | tail -n 1; }

# Of the Swift tests: every recorded issue with what belongs to it. Without a last word, what never ended and what crashed.
swift_issues() { # LOG
    awk '/^[^ ]/ { keep = 0 }
        /^(◇|✔|✘|➜)/ { kept = /^✘ / && !/^✘ (Suite|Test run) / && !/ failed after [0-9.]+ seconds/; keep = kept }
        /^↳/ { keep = kept }
        keep' "$1" | head -n 80
    [ -z "$(closing_line "$1")" ] || return 0
    echo 'begun and not ended:'
    comm -23 \
        <(sed -nE '/^◇ Test (run|case) /d; s/^◇ Test (.*) started\.$/  \1/p' "$1" | sort -u) \
        <(sed -nE 's/^(✔|✘|➜) Test (.*) (passed|failed|skipped).*/  \2/p' "$1" | sed -E 's/ with [0-9]+ test cases?$//' | sort -u) |
        head -n 20
    { grep -aE -A 8 'Fatal error|error: |💣|crash|Crash' "$1" || true; } | { grep -avE '^(◇|✔|✘|➜|↳)' || true; } | head -n 30
    tail -n 10 "$1"
}

lines_that_matter() { # PART LOG
    {
        case $1 in
        swift-tests) swift_issues "$2" ;;
        *-sanitizer) swift_issues "$2" && tail -n 70 "$2" ;;
        *) tail -n 30 "$2" ;;
        esac
    } | cut -c 1-600
}

# So that a long part is seen to live: its last line, now and then, while the process runs.
show_progress() { # PART LOG PROCESS SECONDS
    local started=$SECONDS next=$((SECONDS + $4))
    while kill -0 "$3" 2>/dev/null; do
        sleep 0.2
        [ "$SECONDS" -ge "$next" ] || continue
        next=$((next + $4))
        printf '   %s, %s s: %s\n' "$1" $((SECONDS - started)) "$(tail -n 1 "$2" | cut -c 1-100)"
    done
}
