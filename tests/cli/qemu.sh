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

# KVM takes it where it lets guests walk their own tables; elsewhere that is said.
if grep -qs '[1Y]' /sys/module/kvm_intel/parameters/ept /sys/module/kvm_amd/parameters/npt && [ -w /dev/kvm ]; then
  gonzo_options=(--machine qemu --accel kvm)
  same "a shell on KVM" sh -c 'for i in 1 2 3; do echo $i; done | wc -l; exit 3'
else
  status "--accel kvm" 125 "$GONZO" run --machine qemu --accel kvm true
  one_line "--accel kvm" '^gonzo: (--accel kvm: .*/dev/kvm|cannot make a process: .*EPT nor NPT: use --accel tcg)'
fi
status "an odd number of pages" 0 "$GONZO" run --machine qemu --memory 16388K true
silent "an odd number of pages"
gonzo_options=(--machine qemu)
[ ! -x /bin/busybox ] || same "busybox" /bin/busybox ls /
same "a shell" sh -c 'for i in 1 2 3; do echo $i; done | wc -l; exit 3'
for guest in advice code_changes privileged proc_areas environment-static files memory processes signals-static threads timers; do
  same "$guest" "$GUESTS/$guest" 7 "two words" ""
done
for fault in null write-null text constant stack jump-null kernel non-canonical last-page bus \
  overflow divide illegal breakpoint privileged abort none-mapping; do
  same "faults $fault" "$GUESTS/faults" "$fault"
done
# Nothing but a signal gets it out of its loop.
for how in killed alarm interval virtual profile; do same "endless $how" "$GUESTS/endless" "$how"; done
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
    for how in killed interval; do same "endless-m32 $how, $paging" "$GUESTS/endless-m32" "$how"; done
  done
  native_prefix=()
else
  echo "skipped: no i386 programs here"
fi

# It goes with the runner, and the runner with it.
emulators() { pgrep -P "$1" qemu; }
await_on() {
  for _ in $(seq 1500); do
    ! grep -qs '^on' "$work/on" || return 0
    sleep 0.02
  done
}
endless() {
  rm -f "$work/on"
  env --default-signal=INT "$GONZO" run --machine qemu -- "$GUESTS/endless" "$@" >"$work/on" 2>"$work/err" &
  runner=$!
  await_on
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
# ended NAME STATUS: the runner ends so, and QEMU with it.
ended() {
  gone "$runner" || {
    fail "$1: the runner goes on"
    kill -9 "$runner"
  }
  wait "$runner" 2>/dev/null
  equal "$1: status" "$2" "$?"
  checks=$((checks + 1))
  gone "$emulator" || fail "$1: QEMU goes on"
}
endless
kill -9 "$emulator"
ended "QEMU killed" 125
one_line "QEMU killed" 'the machine has failed.*QEMU is gone'
endless
kill -9 "$runner"
ended "the runner killed" 137
for signal in TERM INT ALRM; do
  endless
  kill -s "$signal" "$runner"
  ended "an endless guest, SIG$signal" $((128 + $(kill -l "$signal")))
done
endless interrupt
kill -INT "$runner"
ended "an endless guest's handler" 7
equal "an endless guest's handler" "on out by SIGINT, 0 " "$(tr '\n' ' ' <"$work/on")"

# ^C on a terminal, which script(1) makes.
mkfifo "$work/keys"
rm -f "$work/on"
script -qefc "exec env --default-signal=INT $GONZO run --machine qemu -- $GUESTS/endless" /dev/null <"$work/keys" >"$work/on" &
runner=$!
exec 8>"$work/keys"
await_on
emulator=$(emulators "$(pgrep -P "$runner")")
printf '\003' >&8
ended "^C" 130
exec 8>&-

# The processor sets A itself: what asks for it costs no fault. The host machine has to let go of each
# page that it looks at, and its next use is a fault.
# measured OPTIONS... PROGRAM: figures of it on the machine in $machine.
measured() { status "$1 on $machine" 0 "$GONZO" run --machine "$machine" --fault-around 1 --stats=json "${@:2}"; }
rounds=30 third=$((1536 / 3))
machine=qemu
measured "a working set" "$GUESTS/working_set-static" "$rounds"
equal "a working set: as used" "$rounds" "$(grep -c "referenced $((third * 4)) kB$" "$work/out")"
equal "a working set: pagemap" 2 "$(grep -c '^present 1536, swapped 0$' "$work/out")"
equal "a working set: no shadow" 0 "$(figure fills)"
of_qemu=$(figure stale_faults)
[ "$(figure root_loads)" -gt 0 ] || fail "no CR3 loads are counted"
machine=host
measured "a working set" "$GUESTS/working_set-static" "$rounds"
of_host=$(figure fills)
checks=$((checks + 1))
[ "$of_host" -ge $((rounds * third)) ] && [ "$of_qemu" -lt "$third" ] ||
  fail "a working set: $of_host fills on the host machine, $of_qemu stale faults on QEMU"
for machine in qemu host; do
  measured "pressure" --memory 6M --swap 64M "$GUESTS/pressure-static" 16 400
  cp "$work/out" "$work/pressure.$machine"
  eval "of_$machine=$(($(figure fills) + $(figure stale_faults)))"
done
checks=$((checks + 2))
cmp -s "$work/pressure.qemu" "$work/pressure.host" || fail "pressure: output differs between machines"
[ "$((of_qemu * 20))" -lt "$of_host" ] ||
  fail "pressure: $of_host faults of the host machine's own, $of_qemu of QEMU's"
finish
