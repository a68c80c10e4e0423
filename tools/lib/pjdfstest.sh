# Builds pjdfstest from a checkout of it and runs its files. Sourced after Tests/System/stack.sh's `fail` is there.

# A run's time goes into starting programs, dozens for an assertion, above all where a kernel is a process. So the shell is
# busybox's, which is most of them itself, and the others are linked statically: the one that asks, and a stand-in for
# openssl, which is asked for nothing but names that do not occur twice.
build_suite() { # SOURCE-DIR SUITE TYPE-OF-FILE-SYSTEM
    local source=$1 suite=$2 type=$3 name
    mkdir -p "$suite"
    cp -r "$source/pjdfstest.c" "$source/tests" "$suite"
    # What its configure finds with glibc.
    for name in SYS_SYSMACROS_H FACCESSAT FCHMODAT FCHOWNAT FSTATAT LCHMOD LINKAT MKDIRAT MKFIFOAT MKNODAT OPENAT \
        POSIX_FALLOCATE READLINKAT RENAMEAT SYMLINKAT UTIMENSAT STRUCT_STAT_ST_ATIM STRUCT_STAT_ST_CTIM STRUCT_STAT_ST_MTIM; do
        echo "#define HAVE_$name 1"
    done >"$suite/config.h"
    # What may be asked of a file system it knows by the name of its type: of both the same.
    echo "fs=$type" >>"$suite/tests/conf"
    cc -static -D_GNU_SOURCE -O1 -w -I "$suite" -o "$suite/pjdfstest" "$suite/pjdfstest.c" ||
        fail "pjdfstest.c does not compile"
    cc -static -O1 -x c -o "$suite/openssl" - <<'C' || fail "the stand-in for openssl does not compile"
#include <stdio.h>
int main(void) {
    unsigned long long a = 14695981039346656037ull, b = 1099511628211ull;
    for (int c; (c = getchar()) != EOF; b += a ^ a >> 29) a = (a ^ c) * 1099511628211ull;
    printf("(stdin)= %016llx%016llx\n", a, b);
}
C
}

suite_files() { # SUITE [DIRECTORY|DIRECTORY/FILE…]: each file as chmod/00
    local suite=$1 directory file
    shift
    [ $# -gt 0 ] || set -- $(cd "$suite/tests" && printf '%s\n' */ | tr -d /)
    for directory in "$@"; do
        [[ $directory != */* ]] || { echo "$directory" && continue; }
        for file in "$suite/tests/$directory"/*.t; do echo "$directory/$(basename "$file" .t)"; done
    done
}

run_file() { # SUITE FILE PLACE RESULTS: its output to RESULTS/chmod-00
    local suite=$1 file=$2 place=$3 results=$4
    mkdir -p "$place/$file"
    (cd "$place/$file" && PATH=$suite:$PATH timeout 3600 busybox sh "$suite/tests/$file.t" </dev/null) \
        >"$results/${file//\//-}" 2>"$results/${file//\//-}.errors" || echo "Bail out! status $?" >>"$results/${file//\//-}"
}
