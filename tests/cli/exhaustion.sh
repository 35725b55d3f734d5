#!/usr/bin/env bash
# Each frame allocation of a program fails in turn: it is refused, or dies as when memory has run out, and
# whatever it does nothing is lost and nothing of ours goes wrong (125).   exhaustion.sh GONZO GUESTS
GONZO=$1 GUESTS=$2
. "$(dirname "$0")/lib.sh"
ulimit -c 0

# A guest may see ENOMEM (and print it, or give up with 99), or die by SIGBUS, SIGKILL, or SIGSEGV where its
# signal frame has no place.
allowed='0|99|135|137|139'
most=120

exhaust() {
  local guest=$1 n status unharmed=0
  "$GUESTS/$guest" >"$work/whole" 2>/dev/null </dev/null
  for ((n = 1; n <= most && unharmed < 12; n++)); do
    checks=$((checks + 1))
    timeout 60 "$GONZO" run --fault-around 1 --fail-frame "$n" -- "$GUESTS/$guest" \
      >"$work/out" 2>"$work/err" </dev/null
    status=$?
    [[ $status =~ ^($allowed)$ ]] || {
      fail "$guest, allocation $n: status $status"
      head -5 "$work/err"
    }
    # Past the last allocation, nothing fails. Some that do can be done without.
    if [ "$status" = 0 ] && cmp -s "$work/whole" "$work/out"; then unharmed=$((unharmed + 1)); else unharmed=0; fi
  done
  echo "$guest: $((n - 1)) runs"
}

for guest in memory files transfers advice locks memfd seals sysv_shm policies; do
  exhaust "$guest-static"
done
status "a number is needed" 125 "$GONZO" run --fail-frame x true
finish
