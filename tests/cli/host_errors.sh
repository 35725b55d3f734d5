#!/usr/bin/env bash
# The host refuses to write: files and swap, under programs.   host_errors.sh GONZO GUESTS
GONZO=$1 GUESTS=$2
. "$(dirname "$0")/lib.sh"
export LC_ALL=C
# Traced, it cannot look for leaks.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
ulimit -c 0
if ! strace -qq -o /dev/null true 2>/dev/null; then
  echo "not run: strace is not installed, or may not trace"
  finish
fi

# refused CALL WHEN OPTIONS...: what strace(1) is to make of this call of gonzo's; the rest is gonzo run's.
refused() {
  local call=$1 when=$2
  shift 2
  timeout 250 strace -f -qq -o "$work/calls" -e signal=none -e trace="$call" \
    -e inject="$call:$when" "$GONZO" run "$@" >"$work/out" 2>"$work/err" </dev/null
}

# did NAME EXPECTED GOT: a status, of a run in which at least one call was refused.
did() {
  equal "$1: status" "$2" "$3"
  checks=$((checks + 1))
  grep -q INJECTED "$work/calls" || fail "$1: nothing was refused"
}

refused pwritev error=EIO:when=1 -- "$GUESTS/write_error" "$work/file"
did "a file" 0 $?
equal "a file" "msync: Input/output error, msync: fine, fsync: fine, the byte: 1, fsync: fine" \
  "$(paste -sd , "$work/out" | sed 's/,/, /g')"
equal "a file: what is in it" 2 "$(od -An -tu1 -j4096 -N1 "$work/file" | tr -d ' ')"

# A page that cannot be written stays; when none can, memory ends.
refused pwritev error=EIO:when=3+7 --memory 4M --swap 64M -- "$GUESTS/pressure-static" 16 100
did "some writes to swap" 0 $?
equal "some writes to swap" "$("$GUESTS/pressure-static" 16 100)" "$(cat "$work/out")"
refused pwritev error=ENOSPC:when=1+ --memory 4M --swap 64M --overcommit always -- "$GUESTS/pressure-static" 16 100
did "all writes to swap" 137 $?
finish
