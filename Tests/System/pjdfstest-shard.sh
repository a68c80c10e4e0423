#!/usr/bin/env bash
# Other files of pjdfstest each day, as many as a minute takes, through the kernel's own client. VOP_PJDFSTEST names a checkout of
# github.com/pjd/pjdfstest; where it is not set, that is said among what was not tested.
if [ -z "${VOP_PJDFSTEST-}" ]; then
    limit='pjdfstest over v9fs: VOP_PJDFSTEST names no checkout of github.com/pjd/pjdfstest'
    [ -z "${VOP_LIMITS-}" ] || echo "$limit" >>"$VOP_LIMITS"
    echo "not run: $limit"
    exit 0
fi
exec "$(dirname "$0")/../../tools/pjdfstest-v9fs" "$VOP_PJDFSTEST" 60
