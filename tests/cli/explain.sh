#!/usr/bin/env bash
# gonzo explain, run --explain-at, run --report.   explain.sh GONZO GUESTS
GONZO=$1 GUESTS=$2
. "$(dirname "$0")/lib.sh"
export LC_ALL=C
unset COLUMNS
ulimit -c 0
mkfifo "$work/in"

# start OPTIONS... -- PROGRAM ARGS...: a run in the background that waits for its input's end: $runner.
start() {
  "$GONZO" run "$@" <"$work/in" >"$work/guest.out" 2>"$work/guest.err" &
  runner=$!
  exec 3>"$work/in"
  for _ in $(seq 600); do
    ! grep -q '^ready' "$work/guest.out" || return 0
    kill -0 "$runner" 2>/dev/null || break
    sleep 0.1
  done
  fail "start $*: no guest: $(head -3 "$work/guest.err")"
}

# The run's end: $got.
stop() {
  exec 3>&-
  wait "$runner" 2>/dev/null
  got=$?
}

address_of() { sed -n "s/^$1 //p" "$work/guest.out"; }

# says NAME PATTERN...: the last output has them.
says() {
  local name=$1
  shift
  for pattern; do
    checks=$((checks + 1))
    grep -Eq -- "$pattern" "$work/out" || {
      fail "$name: nothing says '$pattern'"
      head -30 "$work/out"
    }
  done
}

# explained NAME PATTERN...: of the running guest's address by that name.
explained() {
  local name=$1
  shift
  status "explain $name" 0 "$GONZO" explain "$runner" "$(address_of "$name")"
  silent "explain $name"
  says "explain $name" "^$(address_of "$name") in process 1, explain_me" "$@"
}

kinds=("")
[ -x "$GUESTS/explain_me-m32" ] && kinds+=(-m32)
for kind in "${kinds[@]}"; do
  program=$GUESTS/explain_me$kind
  start --control --fault-around 1 --swap 8M -- "$program"
  explained never 'Never touched' ' rw-p 00000000 00:00 0' '^tables: '
  explained touched 'Present, in frame 0x' 'PTE .* P R/W U/S A D' '^frame 0x.*: physical address' \
    'anonymous, 1 reference, mapped by 1 entry' 'zone DMA' 'block of order 0' '^  reclaim, linux: ' \
    "mapped at $(address_of touched) by process 1"
  explained zero 'page of zeros that all share' 'special'
  explained none 'allows no access' ' ---p '
  explained hole '^  No area' '^area: none' 'above: '
  explained file 'page 0 of what the area maps' 'page cache' "$(basename "$program"), offset 0x0"
  explained beyond 'Past the end' 'offset 0x1000, page 1 of 100 bytes'
  explained cow 'a write makes a copy' "by process 1$" "by process [2-9][0-9]*$"
  explained shared '2 entries' 'dev/zero' 'by process 1,' 'by process [2-9][0-9]*,'
  explained swapped 'Swapped out' '^swap: device 0, slot [0-9]+' 'PTE .* swap .*type 0, slot'
  explained guard 'MADV_GUARD_INSTALL' 'PTE .* guard'
  explained touched '^  (fs|gs) 0x[0-9a-f]+: '
  if [ -n "$kind" ]; then
    says "i386" '^  gs 0x63: GDT entry 12, descriptor 0x[0-9a-f]{16}, data, read/write,'
    says "i386" 'tables: 32-bit classic' 'cs 0x23, ss 0x2b, ds 0x2b, es 0x2b: base 0'
    kernel=0xc0001000 beyond=0x100000000
  else
    says "x86-64" 'tables: 4-level' 'cs 0x33, ss 0x2b'
    kernel=0xffff888000001000 beyond=0x800000000000
  fi
  status "the kernel's half" 0 "$GONZO" explain "$runner" $kernel $beyond
  says "the kernel's half" "^$kernel in" "kernel's half: frame 0x1, for the supervisor only" "^$beyond in" 'No address'

  # The child has what it did not write to with its parent.
  child=$(sed -n 's/.*by process \([2-9][0-9]*\).*/\1/p' <("$GONZO" explain "$runner" "$(address_of cow)"))
  status "the child" 0 "$GONZO" explain --guest "$child" "$runner" "$(address_of cow)"
  says "the child" "in process $child, explain_me"

  status "--json" 0 "$GONZO" explain --json "$runner" "$(address_of touched)" "$(address_of swapped)" 4096
  equal "--json: lines" 3 "$(wc -l <"$work/out")"
  says "--json" '^\{"process":1,"program":"explain_me.*"state":"present"' '"state":"swapped out"' '"address":"0x1000".*"area":null'
  if command -v python3 >/dev/null; then
    checks=$((checks + 1))
    python3 -c 'import json, sys
for line in sys.stdin: json.loads(line)["tables"]' <"$work/out" || fail "--json: not JSON"
  fi

  # It reads well on a narrow terminal.
  for width in 60 80; do
    COLUMNS=$width "$GONZO" explain "$runner" $(sed -n 's/^[a-z]* 0x/0x/p' "$work/guest.out") | grep -v "$(dirname "$program")\|$program" >"$work/out"
    equal "columns of $width" "" "$(awk -v w=$width 'length > w' "$work/out")"
  done

  status "no such guest" 125 "$GONZO" explain --guest 77 "$runner" 0x1000
  one_line "no such guest" 'explain: no guest process 77$'
  for wrong in zzz 0x 0xzz -1 1.5 123456789012345678901; do
    status "not an address: $wrong" 125 "$GONZO" explain "$runner" -- "$wrong"
    one_line "not an address: $wrong" 'not an address'
  done
  stop
  equal "the guest's end" 0 "$got"
  equal "the guest's errors" "" "$(cat "$work/guest.err")"
  status "after its end" 125 "$GONZO" explain "$runner" 0x1000
  one_line "after its end" 'explain: no process .*--explain-at'

  # Who dies of a signal.
  for what in none:SIGSEGV hole:SIGSEGV beyond:SIGBUS file:SIGSEGV guard:SIGSEGV; do
    victim=${what%:*} signal=${what#*:}
    start --explain-at SIGSEGV,SIGBUS -- "$program" "$victim"
    stop
    cp "$work/guest.err" "$work/out"
    [ "$got" -gt 128 ] || fail "$what: status $got"
    says "--explain-at $what" "^$(address_of "$victim") in process 1" "^  $signal after a write, error code 0x[67]" \
      "killed by $signal"
  done
  says "--explain-at, thread" '^  (fs|gs) 0x[0-9a-f]+: '
done

start -- "$GUESTS/explain_me"
status "not listening" 125 "$GONZO" explain "$runner" 0x1000
one_line "not listening" 'does not listen: start it with gonzo run --control'
stop
status "no run" 125 "$GONZO" explain $$ 0x1000
one_line "no run" 'is no gonzo run'
status "no PID" 125 "$GONZO" explain
one_line "no PID" 'which PID'
status "no ADDRESS" 125 "$GONZO" explain 1
one_line "no ADDRESS" 'which ADDRESS'
for wrong in abc 0 -3 1x; do
  status "PID $wrong" 125 "$GONZO" explain -- "$wrong" 0x1000
  one_line "PID $wrong" 'not a process number'
  status "--guest $wrong" 125 "$GONZO" explain "--guest=$wrong" 1 0x1000
  one_line "--guest $wrong" 'not a process number'
done
status "explain --help" 0 "$GONZO" explain --help

# At the end; of a process that is not the first; of a signal without an address.
status "--explain-at ADDRESS" 0 "$GONZO" run --explain-at 0x0 --explain-at 65536 true
cp "$work/err" "$work/out"
says "--explain-at ADDRESS" '^0x0 in process 1, true$' '^0x10000 in process 1, true$' 'null pointers'
status "another process's death" 0 "$GONZO" run --explain-at SIGSEGV sh -c '"$0" write-null; true' "$GUESTS/faults"
cp "$work/err" "$work/out"
says "another process's death" '^0x8 in process [2-9]' 'SIGSEGV after a write, error code 0x6'
status "a sent signal" 139 "$GONZO" run --explain-at SIGSEGV sh -c 'kill -SEGV $$'
grep -q 'nothing to explain: its SIGSEGV came with no address' "$work/err" || fail "a sent signal: $(cat "$work/err")"
status "a fault of a thread" 139 "$GONZO" run --explain-at SIGILL,SIGSEGV "$GUESTS/faults" null

status "--report text" 0 "$GONZO" run --report text "$GUESTS/segments"
cp "$work/err" "$work/out"
says "--report text" '^Process 1, segments: its memory, top to bottom' '^  stack +[0-9a-f]+ +132 ' '^  mmap ' '^    libc.so.6 ' '^  heap ' \
  '^  bss ' '^  data ' '^  text ' '^  page table ' '^Physical memory' '^ +1000 r' '^  10 +4.00 MiB' '^Sharing: '
# In the order of the textbook.
equal "--report: order" "stack mmap heap bss data text" "$(grep -Eo '^  (stack|mmap|heap|bss|data|text)\b' "$work/out" | tr -d ' ' | tr '\n' ' ' | sed 's/ $//')"
for width in 60 80; do
  COLUMNS=$width "$GONZO" run --report text "$GUESTS/segments" 2>"$work/out" >/dev/null
  equal "--report, columns of $width" "" "$(awk -v w=$width 'length > w' "$work/out")"
done
status "--report json" 0 "$GONZO" run --report json "$GUESTS/segments"
equal "--report json: lines" 1 "$(wc -l <"$work/err")"
if command -v python3 >/dev/null; then
  checks=$((checks + 1))
  python3 -c 'import json, sys
report = json.load(sys.stdin)
frames = sum(run["frames"] for run in report["physical"])
assert frames == sum(zone["frames"] for zone in report["zones"]), frames' <"$work/err" || fail "--report json"
fi
finish
