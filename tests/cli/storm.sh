#!/usr/bin/env bash
# Guests that do the worst they can: whatever it is, the runner goes on, the other guests do, each frame is
# given back, each address space is consistent, and no process is left behind.
#   storm.sh GONZO GUESTS CONFINE [FIRST_SEED LAST_SEED]
GONZO=$1 GUESTS=$2 CONFINE=$3
. "$(dirname "$0")/lib.sh"
chmod 711 "$work"
first=${4:-1} last=${5:-2}
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}exitcode=125
export UBSAN_OPTIONS=${UBSAN_OPTIONS:+$UBSAN_OPTIONS:}halt_on_error=1:exitcode=125:print_stacktrace=1

# storm GUEST SEED WORKERS [OPTION...]
storm() {
  local guest=$1 seed=$2 workers=$3 place got
  shift 3
  [ -x "$GUESTS/$guest" ] || return 0
  checks=$((checks + 1))
  place=$work/place
  mkdir -p "$place"
  cp "$GUESTS/$guest" "$place/guest"
  "$CONFINE" "$place" 250 "$GONZO" run --memory 256M "$@" -- "$place/guest" "$seed" "$workers" \
    >"$work/out" 2>"$work/err" </dev/null
  got=$?
  chmod -R u+rwx "$place" 2>/dev/null
  rm -rf "$place"
  if [ "$got" = 77 ]; then
    echo "not run: it takes root, or a kernel with Landlock, to confine it"
    finish
  fi
  # Some lose their machine by what they do; the runner says so.
  sed -i '/^gonzo: guest\[[0-9]*\]: killed: /d' "$work/err"
  if [ "$got" != 0 ] || [ -s "$work/err" ] || [ "$(cat "$work/out")" != "witness: 0" ]; then
    fail "$guest $seed $workers $*: status $got, $(cat "$work/out")"
    head -40 "$work/err"
  fi
}

for ((seed = first; seed <= last; seed++)); do
  storm storm_calls-static "$seed" 40
  storm storm_calls-m32-static "$seed" 30
  storm storm_kills "$seed" 40
  storm storm_kills-m32-static "$seed" 20 --fault-around 1
  storm storm_stub-static "$seed" 40
  storm storm_stub-m32-static "$seed" 6
done
finish
