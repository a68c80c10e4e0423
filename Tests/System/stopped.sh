#!/usr/bin/env bash
# SIGSTOP of a daemon, of the server or of what serves the mount, for more than a minute under a mount in use: who asks it
# something is told by a deadline, writes wait, nothing is lost or reset, and everything goes on afterwards.
#
#   stopped.sh [PROGRAM [SECONDS]]     each of the four at once, on a stack of its own; 65 s
programs=(vophostd vopguestd 9p-server 9p-mount)
if [ $# = 0 ]; then
    declare -A running=()
    status=0
    for name in "${programs[@]}"; do
        "${BASH_SOURCE[0]}" "$name" &
        running[$name]=$!
    done
    for name in "${programs[@]}"; do wait "${running[$name]}" || status=1; done
    [ $status != 0 ] || echo "stopped for a minute and more: ${programs[*]}; nothing lost, nothing reset"
    exit $status
fi
source "$(dirname "${BASH_SOURCE[0]}")/stack.sh"
name=$1 seconds=${2-65}
start_stack
head -c 3M /dev/urandom >"$work/original"

# How often that happened on a side's link, also where it was too often for a line.
count() { # SIDE EVENT
    local number
    number=$(sed -n "s/^vop_link_events_total{.*event=\"$2\".*} //p" "$work/$1/metrics")
    echo "${number:-0}"
}
resets=$(count host reset) # the first guest's driver resets it as well

write_without_end() {
    local n=0
    while [ ! -e "$work/enough" ]; do
        n=$((n + 1))
        cp "$work/original" "$mount/$n" && sync "$mount/$n" && cmp "$work/original" "$mount/$n" || return 1
        echo $n >"$work/written"
        [ $n -le 3 ] || rm "$mount/$((n - 3))" || return 1
    done
}
write_without_end >"$work/log/writer" 2>&1 7<&- 8>&- &
writer=$!
echo $writer >>"$work/pids"
await "the writer" test -s "$work/written"

# Whatever becomes of this script, the stop ends.
(kill -STOP "${process[$name]}" && sleep "$seconds"; kill -CONT "${process[$name]}") 7<&- 8>&- &
stop=$! status=0 side=host
[ "$name" != vopguestd ] || side=guest
await "the stop" grep -q '^State:.T' "/proc/${process[$name]}/status"
"${side}_ctl" --timeout 1s device show >/dev/null 2>"$work/said" || status=$?
case $name in
vop*) [ $status = 3 ] || fail "vopctl at a stopped $name: exit status $status: $(cat "$work/said")" ;;
*) [ $status = 0 ] || fail "a stopped $name held up vopctl: $(cat "$work/said")" ;;
esac
wait $stop
before=$(cat "$work/written")
goes_on() { [ "$(cat "$work/written")" -gt $((before + 2)) ] || ! kill -0 $writer; }
await "the writer after the stop" goes_on
touch "$work/enough"
wait $writer || fail "a write failed while $name was stopped: $(tail -n 3 "$work/log/writer")"
cmp "$work/original" "$export/$(cat "$work/written")" || fail "lost while $name was stopped"
[ "$(count host reset)" = "$resets" ] || fail "the device was reset: $(count host reset) times, and $resets before the stop"
for side in host guest; do
    met=$(count $side link-up)
    [ "$met" = 1 ] || fail "$side: the two met $met times"
done
echo "$name: stopped for $seconds s"
