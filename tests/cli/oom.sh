#!/usr/bin/env bash
# Out of memory: who goes, who stays, and what is said.   oom.sh GONZO GUESTS
GONZO=$1 GUESTS=$2
. "$(dirname "$0")/lib.sh"
export LC_ALL=C
ulimit -c 0

# oom NAME OUTPUT ARGS...: what the program says on a machine that is too small for it.
oom() {
  local name=$1 output=$2
  shift 2
  status "$name" 0 "$GONZO" run --overcommit always "$@"
  equal "$name" "$output" "$(cat "$work/out")"
}

lives="the parent lives"
for swap in "" "--swap 8M" "--swap zram:8M"; do
  # shellcheck disable=SC2086
  {
    oom "a child $swap" "the child: signal 9
$lives" --memory 24M $swap "$GUESTS/oom_eater" child
    oom "threads $swap" "four threads: signal 9
$lives" --memory 24M $swap "$GUESTS/oom_eater" threads
    oom "shared memory $swap" "the child: signal 9
$lives" --memory 24M $swap "$GUESTS/oom_eater" shared
  }
done

oom "the willing one" "the willing one, first: signal 9
the other: signal 9
$lives" --memory 24M "$GUESTS/oom_eater" adjusted
checks=$((checks + 1))
grep -q 'invoked oom-killer: .*order=0, oom_score_adj=' "$work/err" &&
  grep -Eq 'Out of memory: Killed process [0-9]+ \(oom_eater\) total-vm:[0-9]+kB, anon-rss:[0-9]+kB, file-rss:[0-9]+kB, shmem-rss:[0-9]+kB, UID:[0-9]+ pgtables:[0-9]+kB oom_score_adj:1000$' "$work/err" ||
  fail "what the killer says: $(cat "$work/err")"

# A limit of its own is an error, not death.
oom "RLIMIT_AS" "Cannot allocate memory after most of it
$lives" --memory 128M "$GUESTS/oom_eater" limit
silent "RLIMIT_AS"

same "oom_score_adj" "$GUESTS/oom_score"
status "alone" 137 "$GONZO" run --memory 16M --overcommit always "$GUESTS/pressure" 32 100
finish
