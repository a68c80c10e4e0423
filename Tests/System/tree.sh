#!/usr/bin/env bash
# What the trees say without being asked again and again: attributes that are polled, metrics that a real parser reads;
# and owners and modes that come back with the daemons.
source "$(dirname "${BASH_SOURCE[0]}")/stack.sh"
here=$root/Tests/System

declare -A expected=()
poll_for() { # NAME FILE VALUE
    start "poll-$1" /usr/bin/python3 "$here/poll_attribute.py" "$2" "$3"
    await "the poll for $1" grep -q polling "$work/log/poll-$1"
    expected[$1]=$3
}
seen() { # NAME…
    local name
    for name in "$@"; do
        await "$name to be told of" grep -qx "seen ${expected[$name]}" "$work/log/poll-$name"
    done
}

# By a process without children: the end of one would interrupt a write that waits.
put() { bash -c 'echo "$1" >"$2"' - "$@"; } # VALUE FILE

start_daemons
mkdir "$work/host/links/ep0" "$work/guest/links/ep0"
for side in host guest; do echo "$work/ep0.sock" >"$work/$side/links/ep0/socket"; done
poll_for host-up "$work/host/links/ep0/up" 1
poll_for host-waits "$work/host/links/ep0/state" waiting
put 1 "$work/host/links/ep0/up"
seen host-up host-waits
poll_for host-link "$work/host/links/ep0/state" up
poll_for guest-link "$work/guest/links/ep0/state" up
put 1 "$work/guest/links/ep0/up"
seen host-link guest-link
start_export --metrics "$work/server.prom"
found=$(find "$work/guest/links/ep0/devices" -mindepth 1 -maxdepth 1 -type d | head -n 1)
poll_for mounted "$found/mount" "$mount"
put "$mount" "$found/mount"
seen mounted
echo "polled: links and a data mount, on both sides"

head -c 300000 /dev/urandom >"$export/file"
cmp "$export/file" "$mount/file"
link='link=ep0'
/usr/bin/python3 "$here/read_metrics.py" "$work/host/metrics" 'vop_build_info{side=host}' "vop_link_up{$link}>0" \
    "vop_link_crossings_total{$link,direction=read}" "vop_link_crossing_bytes_total{$link,direction=written}>0" \
    "vop_link_doorbells_total{$link,direction=received}>0" "vop_link_wake_ups_total{$link}>0" \
    "vop_link_events_total{$link,event=link-up}>0" "vop_refused_requests_total{}" \
    "vop_device_running{$link,device=share,type=9p}>0" "vop_queue_chains_taken_total{$link,device=share,queue=0}>0" \
    "vop_queue_chains_completed_total{$link,device=share,queue=0}>0" \
    "vop_queue_bytes_total{$link,device=share,queue=0,direction=written}>300000" \
    "vop_queue_redeliveries_total{$link,device=share}" \
    "vop_queue_notifications_total{$link,device=share,outcome=sent}>0" >"$work/log/metrics"
/usr/bin/python3 "$here/read_metrics.py" "$work/guest/metrics" 'vop_build_info{side=guest}' "vop_link_up{$link}>0" \
    "vop_link_doorbells_total{$link,direction=sent}>0" "vop_device_running{$link,type=9p}>0" \
    "vop_queue_chains_submitted_total{$link,device=9p0,queue=0}>0" \
    "vop_queue_chains_completed_total{$link,device=9p0,queue=0}>0" \
    "vop_queue_bytes_total{$link,device=9p0,queue=0,direction=read}>0" \
    "vop_queue_bytes_total{$link,device=9p0,queue=0,direction=written}>300000" \
    "vop_queue_notifications_total{$link,device=9p0,queue=0,outcome=sent}>0" >>"$work/log/metrics"
kill -USR1 "${process[9p-server]}"
await "the server's numbers" grep -q '^vop_9p_requests_total.*type="read"' "$work/server.prom"
place=place=$device/queues/0/copy
/usr/bin/python3 "$here/read_metrics.py" "$work/server.prom" 'vop_9p_build_info{}' "vop_9p_sessions{$place}>0" \
    "vop_9p_requests_total{$place,type=read}>0" "vop_9p_requests_total{$place,type=version}>0" \
    "vop_9p_errors_total{$place,type=walk}" "vop_9p_bytes_total{$place,direction=read}>299999" \
    "vop_9p_bytes_total{$place,direction=written}" "vop_9p_malformed_total{$place}" "vop_9p_fids{$place}>0" \
    "vop_9p_requests_waiting{$place}" "vop_9p_locked_ranges{$place}" "vop_9p_journal_bytes{$place}>131071" \
    "vop_9p_export_fids{export=/}>0" "vop_9p_resumed_total{what=fid}" "vop_9p_lost_total{what=lock}" \
    "vop_9p_answered_again_total{}" "vop_9p_undecided_total{}" >>"$work/log/metrics"
refused() { sed -n 's/^vop_refused_requests_total //p' "$work/host/metrics"; }
before=$(refused)
! echo nonsense 2>/dev/null >"$device/published" || fail "nonsense was taken"
[ "$(refused)" = $((before + 1)) ] || fail "a refused request was not counted"
sed 's/.*: /metrics: /' "$work/log/metrics"

# Owners and modes.
copy=$device/queues/0/copy up=$work/host/links/ep0/up
chmod 0640 "$up" && chmod 0660 "$copy" && chmod 0600 "$work/host/events" && chmod 0640 "$found/state"
wanted=$(id -u):$(id -g)
if [ "$(id -u)" = 0 ]; then
    wanted=1234:1235
    chown 1234:1235 "$copy" "$up" "$found/state"
    chmod o+x "$work"
    chown :1235 "$work/host/links" && chmod g+w "$work/host/links"
    setpriv --reuid 1236 --regid 1235 --clear-groups mkdir "$work/host/links/theirs"
fi
expect_owners() { # WHEN
    [ "$(stat -c '%a %u:%g' "$copy")" = "660 $wanted" ] || fail "$1: the copy file is $(stat -c '%a %u:%g' "$copy")"
    [ "$(stat -c '%a %u:%g' "$up")" = "640 $wanted" ] || fail "$1: up is $(stat -c '%a %u:%g' "$up")"
    [ "$(stat -c %a "$work/host/events")" = 600 ] || fail "$1: events is $(stat -c %a "$work/host/events")"
    [ "$(id -u)" != 0 ] || [ "$(stat -c %u:%g "$work/host/links/theirs/up")" = 1236:1235 ] || fail "$1: not theirs any more"
}
expect_owners "at first"
ended() { ! kill -0 "$1" 2>/dev/null; }
for signal in KILL TERM; do
    kill "-$signal" "${process[vophostd]}"
    await "the daemon's end" ended "${process[vophostd]}"
    start vophostd "$bin/vophostd" --tree "$work/host" --state "$work/state"
    await "the device" test -e "$copy"
    expect_owners "after SIG$signal"
done
put 0 "$up"
put 1 "$up"
expect_owners "after the link was down"
await "the guest's device again" test -e "$found/state"
[ "$(stat -c '%a %u:%g' "$found/state")" = "640 $wanted" ] || fail "the guest's device forgot whose it was"
poll_for unmounted "$found/mount" ""
put "" "$found/mount"
seen unmounted
poll_for removed "$device/tag" ENODEV
host_ctl device del ep0/share
seen removed
host_ctl add-device ep0/share type=9p tag=share
[ "$(stat -c '%a %u:%g' "$copy")" = "600 $(id -u):$(id -g)" ] || fail "another device of the same name has its owner"
[ "$(grep -c 'ep0\|queues' "$work/state/host/ep0/owners")" = 0 ] || fail "what was saved of a device outlives it"
echo "owners and modes: kept by two restarts and a link that was down, and gone with their device"
await "the end of the server, whose device is gone," ended "${process[9p-server]}"
[ ! -e "$work/server.prom" ] || fail "a server that is gone left its numbers behind"
