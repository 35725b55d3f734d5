#!/usr/bin/env bash
# Our own guest programs, natively and on Gonzo.   [MACHINE=qemu] guests.sh GONZO GUESTS
GONZO=$1 GUESTS=$2
. "$(dirname "$0")/lib.sh"
export LC_ALL=C GUEST_VARIABLE=value GUEST_EMPTY=
ulimit -c 0
machine=(${MACHINE:+--machine "$MACHINE"})
run=("$GONZO" run "${machine[@]}")

gonzo_options=("${machine[@]}")
for kind in "" -static; do
  for guest in advice capabilities code_changes cpu_timers epoll file_owner file_size_limit files futexes limits memfd memory message_batches other_tasks pi_futexes pidfds policies privileged proc_areas proc_files proc_mem proc_others process_vm processes record_locks seals signalfd signals sysv_shm terminals threads timers transfers vdso; do
    same "$guest$kind" "$GUESTS/$guest$kind"
  done
  same "environment$kind" "$GUESTS/environment$kind" 7 "two words" ""
  gonzo_options=("${machine[@]}" --fault-around 1)
  same "memory$kind, page by page" "$GUESTS/memory$kind"
  same "locks$kind" "$GUESTS/locks$kind"
  gonzo_options=("${machine[@]}")

  for show in faults merge copy file stack; do same "anatomy$kind $show" "$GUESTS/anatomy$kind" "$show"; done

  # The same addresses in every run.
  "${run[@]}" "$GUESTS/segments$kind" >"$work/first" || fail "segments$kind"
  "${run[@]}" "$GUESTS/segments$kind" >"$work/second"
  checks=$((checks + 1))
  cmp -s "$work/first" "$work/second" || fail "segments$kind: addresses differ between runs"
  equal "segments$kind: order" "order  1" "$(grep order "$work/first")"

  for fault in null write-null text constant stack jump-null kernel non-canonical last-page bus \
    overflow divide illegal breakpoint privileged abort kill term none-mapping; do
    same "faults$kind $fault" "$GUESTS/faults$kind" "$fault"
  done
done

# Where mappings go, with each kind of index.
for seed in 1 2 3 4 5 6; do
  index=(rbtree avl btree)
  gonzo_options=("${machine[@]}" --vma-index "${index[seed % 3]}")
  same "placement $seed" "$GUESTS/placement-static" "$seed"
done
gonzo_options=("${machine[@]}")

# The vDSO's areas, where the host has such.
if grep -q '\[vdso\]' /proc/self/maps; then
  same "vdso areas" "$GUESTS/vdso" areas
fi
checks=$((checks + 1))
"${run[@]}" cat /proc/self/maps >"$work/maps"
grep -q ' r--p 00000000 00:00 0 *\[vvar\]$' "$work/maps" && grep -q ' r-xp 00000000 00:00 0 *\[vdso\]$' "$work/maps" ||
  fail "maps: no [vvar] or [vdso]"

# As many areas as there may be; where the host allows more, the answers would take long.
if [ "$(cat /proc/sys/vm/max_map_count)" = 65530 ]; then
  same "limits areas" "$GUESTS/limits" areas
fi

# What a machine of 64 MiB promises: more than there is, without reserve, a third, another, one shared,
# read only.
promises() {
  "${run[@]}" --memory 64M --overcommit "$1" "$GUESTS/limits" commit | sed 's/.*: //' | tr '\n' ' '
}
equal "overcommit heuristic" "ENOMEM ok ok ok ok ok " "$(promises heuristic)"
equal "overcommit always" "ok ok ok ok ok ok " "$(promises 1)"
equal "overcommit never" "ENOMEM ENOMEM ok ENOMEM ENOMEM ok " "$(promises never)"

status "a null pointer" 139 "${run[@]}" "$GUESTS/faults" null
one_line "a null pointer" 'faults: killed by SIGSEGV .*address 0x0'
status "past the end" 135 "${run[@]}" "$GUESTS/faults" bus
one_line "past the end" 'killed by SIGBUS .*address 0x7'
status "an exit code" 42 "${run[@]}" "$GUESTS/environment" 42
silent "an exit code"
finish
