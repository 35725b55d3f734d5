#!/usr/bin/env bash
# Our own guest programs as i386 programs, natively and on Gonzo.   i386.sh GONZO GUESTS
GONZO=$1 GUESTS=$2
. "$(dirname "$0")/lib.sh"
export LC_ALL=C GUEST_VARIABLE=value GUEST_EMPTY=
ulimit -c 0

# The reference is the host's kernel with the 3 GiB of a 32-bit one.
if [ -x "$GUESTS/segments-m32" ] && setarch -R -3 "$GUESTS/environment-m32" 7 >/dev/null 2>&1; [ $? = 7 ]; then
  native_prefix=(setarch -R -3)
  for kind in -m32 -m32-static; do
    # Whatever the format, a program cannot tell; but for code on its stack.
    for paging in auto pae; do
      gonzo_options=(--paging "$paging")
      for guest in capabilities code_changes cpu_timers epoll file_size_limit files memory other_tasks pi_futexes pidfds privileged proc_areas proc_files proc_mem process_vm processes record_locks seals signalfd signals terminals threads timers; do
        same "$guest$kind, $paging" "$GUESTS/$guest$kind"
      done
      # It executes a shell, which is the host's kind of program.
      if [ "$paging" = auto ]; then same "proc_others$kind" "$GUESTS/proc_others$kind"; fi
      same "environment$kind, $paging" "$GUESTS/environment$kind" 7 "two words" ""
      for fault in null write-null text constant jump-null last-page bus overflow divide illegal breakpoint privileged \
        abort kill term none-mapping kernel; do
        same "faults$kind $fault, $paging" "$GUESTS/faults$kind" "$fault"
      done
    done
    gonzo_options=()

    status "stack_code$kind, classic" 0 "$GONZO" run --paging classic "$GUESTS/stack_code$kind"
    equal "stack_code$kind, classic" "the stack answers 42" "$(cat "$work/out")"
    status "stack_code$kind, pae" 139 "$GONZO" run --paging pae "$GUESTS/stack_code$kind"

    # Ten at once: the same addresses ten times, in the order of the textbook.
    for i in 0 1 2 3 4 5 6 7 8 9; do
      "$GONZO" run "$GUESTS/segments$kind" >"$work/segments.$i" &
    done
    wait
    equal "segments$kind: runs that agree" 1 "$(sha256sum "$work"/segments.? | cut -d' ' -f1 | sort -u | wc -l)"
    equal "segments$kind: order" "order  1" "$(grep order "$work/segments.0")"
    equal "segments$kind: stack just under 3 GiB" "stack  0xbff" "$(grep -o 'stack  0xbff' "$work/segments.0")"
  done
  equal "segments-m32-static: text" "text   0x804" "$(grep -o 'text   0x804' "$work/segments.0")"
  native_prefix=()
else
  echo "skipped: i386 programs (the compiler cannot do -m32: Debian's gcc-multilib; or the host cannot run them)"
fi
status "stack_code, 4 levels" 139 "$GONZO" run "$GUESTS/stack_code"
status "i386's page tables under an x86-64 program" 126 "$GONZO" run --paging classic "$GUESTS/environment"
one_line "i386's page tables under an x86-64 program" 'x86-64 programs do not run on page tables of this format'
finish
