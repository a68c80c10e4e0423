#!/usr/bin/env bash
# What is configured comes back with the daemon, however it ended; a full disk and a broken file lose nothing.
source "$(dirname "${BASH_SOURCE[0]}")/stack.sh"

state=$work/state
mkdir "$state"
if [ "$(id -u)" = 0 ]; then
    mount -t tmpfs -o size=256k tmpfs "$state"
    trap 'ending=$?; set +e; umount -l "$state"; (exit $ending); tidy' EXIT
fi
ended() { ! kill -0 "$1" 2>/dev/null; }
start_host() {
    start vophostd "$bin/vophostd" --tree "$work/host" --state "$state"
    await "the host's tree" test -e "$work/host/version"
}
end_host() { # SIGNAL
    kill "-$1" "${process[vophostd]}"
    await "the daemon's end" ended "${process[vophostd]}"
}
device=$work/host/links/ep0/devices/share

start_host
host_ctl link add ep0 kind=shm "socket=$work/ep0.sock" window_bytes=2M
host_ctl add-device ep0/share type=9p tag=share
mkdir "$work/host/links/ep0/devices/odd"
echo 42 >"$work/host/links/ep0/devices/odd/type"
mkdir "$work/host/links/ep0/devices/odd/queues/0"
echo 3 >"$work/host/links/ep0/devices/odd/config_size"
printf '\1\2\3' >"$work/host/links/ep0/devices/odd/config.bin"

expect_all() {
    await "the devices" test -e "$device/tag"
    grep -qx share "$device/tag" && grep -qx 1 "$device/published" || fail "share is not what it was"
    grep -qx 2097152 "$work/host/links/ep0/window_bytes" || fail "the link is not what it was"
    [ "$(od -An -tx1 "$work/host/links/ep0/devices/odd/config.bin" | tr -d ' \n')" = 010203 ] || fail "odd lost its bytes"
    grep -qx 0 "$work/host/links/ep0/devices/odd/published" || fail "odd was published"
}

for signal in TERM KILL INT KILL; do
    end_host $signal
    start_host
    expect_all
done
echo "after SIGTERM, SIGKILL and SIGINT: the same link and devices"

echo 0 >"$work/host/links/ep0/up"
echo 1 >"$work/host/links/ep0/up"
expect_all
echo "after the link was down: the same devices"

if [ "$(id -u)" = 0 ]; then
    cat "$state/host/ep0/devices" >"$work/before"
    dd if=/dev/zero of="$state/fill" bs=4k 2>/dev/null || true
    mkdir "$work/host/links/ep0/devices/late"
    cat "$work/host/events" | grep '"not-saved"' | grep -q 'No space left' || fail "a full disk was not said"
    cmp "$work/before" "$state/host/ep0/devices"
    [ -z "$(find "$state" -name '*.new')" ] || fail "half a file was left"
    end_host KILL
    start_host
    expect_all
    [ ! -e "$work/host/links/ep0/devices/late" ] || fail "what was not saved is there"
    dd if=/dev/zero of="$state/fill" bs=4k 2>/dev/null || true
    mkdir "$work/host/links/ep0/devices/late"
    rm "$state/fill"
    echo 42 >"$work/host/links/ep0/devices/late/type"
    end_host KILL
    start_host
    expect_all
    grep -qx virtio-42 "$work/host/links/ep0/devices/late/type" || fail "with room again not everything was saved"
    rmdir "$work/host/links/ep0/devices/late"
    dd if=/dev/zero of="$state/fill" bs=4k 2>/dev/null || true
    host_ctl link add ep9 kind=shm "socket=$work/ep9.sock" window_bytes=2M
    rm "$state/fill"
    mkdir "$work/host/links/ep9/devices/share"
    end_host KILL
    start_host
    grep '"not-restored"' "$work/host/events" | grep -q "ep9: the link's own settings were never saved; add it again" ||
        fail "a link that was never saved is not told of"
    host_ctl link add ep9 kind=shm "socket=$work/ep9.sock" window_bytes=2M
    await "its devices" test -d "$work/host/links/ep9/devices/share"
    host_ctl link del ep9
    echo "a full disk is said, what was saved stays, and the next change with room saves everything"
else
    echo "a full disk under the saved state, which only root can arrange" >>"$VOP_LIMITS"
fi

end_host TERM
printf 'vop-settings 1\nnonsense\n' >"$state/host/ep0/devices"
printf 'vop-settings 1\n[links/ep0/up]\nuser somebody\n' >"$state/host.owners"
start_host
grep '"not-restored"' "$work/host/events" | grep -q "host.owners: what it says of 'links/ep0/up' is no owner" ||
    fail "broken owners were not explained"
chmod 0600 "$work/host/events"
grep '"not-saved"' "$work/host/events" | grep -q 'host.owners is left as it is' || fail "that nothing is saved was not said"
grep -qx 'user somebody' "$state/host.owners" || fail "broken owners were overwritten"
await "the link's end" grep -qx failed "$work/host/links/ep0/state"
grep -q "line 2 of $state/host/ep0/devices is no saved setting: mend it, or remove the file" "$work/host/links/ep0/reason" ||
    fail "a broken file was not explained: $(cat "$work/host/links/ep0/reason")"
grep -qx nonsense "$state/host/ep0/devices" || fail "a broken file was overwritten"
echo "a broken file keeps its link down, is explained, and stays"

rm "$state/host/ep0/devices" "$state/host.owners"
echo 1 >"$work/host/links/ep0/up"
host_ctl link del ep0
[ ! -e "$state/host/ep0" ] || fail "a removed link is still saved"
end_host TERM
start_host
[ -z "$(ls "$work/host/links")" ] || fail "a removed link came back"
echo "a removed link is forgotten"
