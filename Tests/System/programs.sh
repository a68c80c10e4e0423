#!/usr/bin/env bash
# Programs people use run clean on the mount: git, tar, sqlite, fio with verify.
source "$(dirname "$0")/stack.sh"
start_stack

echo "git clone of this repository"
# A shallow or dirty checkout has all its objects as well; the clone is of what is committed.
git -c safe.directory='*' clone -q --no-local "$root" "$mount/clone"
git -C "$mount/clone" -c safe.directory='*' fsck --strict
[ -z "$(git -C "$mount/clone" -c safe.directory='*' status --porcelain)" ] || fail "the clone is not clean"
git -C "$mount/clone" -c safe.directory='*' -c gc.auto=0 repack -q -a -d
git -C "$mount/clone" -c safe.directory='*' fsck --strict

echo "tar of a source tree, out and in again"
tar -C "$root" --exclude=.build --exclude=.git -cf "$work/source.tar" .
mkdir "$mount/source" "$work/again"
tar -C "$mount/source" -xf "$work/source.tar"
tar -C "$mount/source" -cf - . | tar -C "$work/again" -xf -
diff <(cd "$root" && tree_checksums "$mount/source") <(tree_checksums "$work/again") || fail "tar changed the tree"
diff <(tree_checksums "$mount/source") <(tree_checksums "$export/source") || fail "the two sides differ"
tar -C "$mount/source" -df "$work/source.tar" || fail "tar --compare found a difference"

echo "an sqlite database under writes"
for journal in delete truncate persist; do
    sqlite3 "$mount/$journal.db" "PRAGMA journal_mode=$journal; CREATE TABLE t(n INTEGER PRIMARY KEY, x BLOB);" >/dev/null
    for round in 1 2 3; do
        sqlite3 -cmd '.timeout 20000' "$mount/$journal.db" "BEGIN;
            WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c WHERE n<2000)
            INSERT INTO t(x) SELECT randomblob(300) FROM c;
            COMMIT; DELETE FROM t WHERE n % 7 = $round; UPDATE t SET x=randomblob(500) WHERE n % 11 = $round;" &
        sqlite3 -cmd '.timeout 20000' "$mount/$journal.db" 'SELECT count(*) FROM t' >/dev/null
        wait $!
    done
    [ "$(sqlite3 "$mount/$journal.db" 'PRAGMA integrity_check')" = ok ] || fail "sqlite ($journal) found damage"
    [ "$(sqlite3 "$export/$journal.db" 'PRAGMA integrity_check')" = ok ] || fail "sqlite ($journal) on the host's side"
done

echo "fio with verify"
fio --name=verify --aux-path="$work" --directory="$mount" --size=24m --bs=4k,64k,1m --bsrange=1k-256k --rw=randrw --verify=crc32c \
    --verify_fatal=1 --do_verify=1 --numjobs=3 --group_reporting --output="$work/fio.out" || { cat "$work/fio.out" && fail fio; }
fio --name=direct --aux-path="$work" --directory="$mount" --size=16m --bs=128k --rw=randwrite --direct=1 --verify=sha256 \
    --verify_fatal=1 --do_verify=1 --output="$work/fio.out" || { cat "$work/fio.out" && fail "fio with O_DIRECT"; }
grep -E 'err=' "$work/fio.out"

diff <(tree_checksums "$export") <(tree_checksums "$mount") >/dev/null || fail "the two sides differ at the end"
echo "git, tar, sqlite and fio ran clean"
