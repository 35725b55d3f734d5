#!/usr/bin/env bash
# Programs on QEMU's processor, natively and on Gonzo.   qemu.sh GONZO GUESTS
GONZO=$1 GUESTS=$2
. "$(dirname "$0")/lib.sh"
export LC_ALL=C GUEST_VARIABLE=value GUEST_EMPTY=
ulimit -c 0

status "without QEMU" 125 env PATH=/nonexistent "$GONZO" run --machine qemu /bin/true
one_line "without QEMU" 'there is no qemu-system-x86_64: install qemu-system-x86'
status "too much memory" 125 "$GONZO" run --machine qemu --memory 4G true
one_line "too much memory" 'from 2M up to 3G'
if ! command -v qemu-system-x86_64 >/dev/null; then
  echo "skipped: there is no qemu-system-x86_64 (Debian's package: qemu-system-x86)"
  finish
fi

gonzo_options=(--machine qemu)
[ ! -x /bin/busybox ] || same "busybox" /bin/busybox ls /
same "a shell" sh -c 'for i in 1 2 3; do echo $i; done | wc -l; exit 3'
for guest in advice code_changes privileged environment-static files memory processes signals-static threads timers; do
  same "$guest" "$GUESTS/$guest" 7 "two words" ""
done
for fault in null write-null text constant stack jump-null kernel non-canonical last-page bus \
  overflow divide illegal breakpoint privileged abort none-mapping; do
  same "faults $fault" "$GUESTS/faults" "$fault"
done
gonzo_options=(--machine qemu --fault-around 1)
same "memory, page by page" "$GUESTS/memory-static"

if [ -x "$GUESTS/segments-m32" ] && setarch -R -3 "$GUESTS/environment-m32" 7 >/dev/null 2>&1; [ $? = 7 ]; then
  native_prefix=(setarch -R -3)
  for paging in classic pae; do
    gonzo_options=(--machine qemu --paging "$paging")
    for guest in code_changes-m32 privileged-m32-static memory-m32 processes-m32-static signals-m32 threads-m32; do
      same "$guest, $paging" "$GUESTS/$guest"
    done
    same "faults-m32 divide, $paging" "$GUESTS/faults-m32" divide
  done
  native_prefix=()
else
  echo "skipped: no i386 programs here"
fi

# It goes with the runner, and the runner with it.
emulators() { pgrep -P "$1" qemu; }
endless() {
  rm -f "$work/on"
  "$GONZO" run --machine qemu -- sh -c 'echo on; while :; do :; done' >"$work/on" 2>"$work/err" &
  runner=$!
  for _ in $(seq 500); do
    [ ! -s "$work/on" ] || break
    sleep 0.02
  done
  emulator=$(emulators "$runner")
}
gone() {
  for _ in $(seq 1500); do
    [ -d "/proc/$1" ] || return 0
    case $(cut -d' ' -f3 "/proc/$1/stat" 2>/dev/null) in Z | '') return 0 ;; esac
    sleep 0.02
  done
  return 1
}
checks=$((checks + 2))
endless
kill -9 "$emulator"
wait "$runner"
equal "QEMU killed: status" 125 "$?"
one_line "QEMU killed" 'the machine has failed.*QEMU is gone'
endless
kill -9 "$runner"
wait "$runner" 2>/dev/null
gone "$emulator" || fail "the runner killed: QEMU goes on"
endless
kill -TERM "$runner"
wait "$runner"
equal "an endless guest ended: status" 143 "$?"
gone "$emulator" || fail "an endless guest ended: QEMU goes on"

# The processor sets A itself: what asks for it costs no fault.
checks=$((checks + 1))
"$GONZO" run --machine qemu --stats=json "$GUESTS/memory" 2>"$work/stats" >/dev/null
grep -q '"root_loads":[1-9]' "$work/stats" || fail "no CR3 loads are counted"
finish
