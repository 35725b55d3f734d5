#!/usr/bin/env bash
# What docs/differences.md says of memory, row by row.   differences.sh GONZO GUESTS
GONZO=$1 GUESTS=$2
. "$(dirname "$0")/lib.sh"

# shows NAME EXPECTED: the guest's output, from the options in $gonzo_options.
shows() {
  "$GONZO" run --memory 64M "${gonzo_options[@]}" "$GUESTS/differences-static" >"$work/out" 2>"$work/err"
  silent "$1"
  checks=$((checks + 1))
  diff <(echo "$2") "$work/out" >"$work/difference" || {
    fail "$1"
    cat "$work/difference"
  }
}

rows='randomised: 0
AT_RANDOM: 676f6e7a6f9e3779b97f4a7c15f39cc0
__vdso_getrandom: 0
huge pages, please: 0
now: EINVAL
huge: 0 kB
MAP_HUGETLB: ENOMEM
MAP_HUGETLB without reserve: ENOMEM
next to its neighbour: 1
pageout: 0
cold: 0
free: 0
still there: 16, 7 7 7
mergeable: 0
merged: 0 kB
hwpoison: EINVAL
soft offline: EINVAL
remove: 0
in core: 63 of 64
name: 0
named: 1
bind: 0
policy: 0
here: 2, in its twin: 0
bind to node 1: EINVAL
memfd_secret: ENOSYS
process_mrelease: ENOSYS
cachestat: ENOSYS
pkey_alloc: ENOSYS
pkey_mprotect: ENOSYS
written: 16 pages
read: 16 pages, counted 0 kB
segments: 0
huge segment: ENOMEM
the machine'"'"'s own range: ENOMEM
as a hint: 0
clear soft-dirty bits: 1
soft-dirty: 0, sd: 0
clear accessed bits: 1
referenced: 0 kB, then 4 kB
a later area in a text that was begun: 0
lists of a second processor: 0
map_files: ENOENT
kpagecount: EACCES
lazily free: 0 kB, huge pages allowed: 0, vsyscall: 0
MemTotal: 65536 kB
paged out: 0, compacted: 0'
shows "as it is" "$rows"
gonzo_options=(--fault-around 1)
shows "page by page" "$(sed 's/^written: 16/written: 1/; s/^read: 16/read: 1/' <<<"$rows")"

finish
