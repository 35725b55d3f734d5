#!/usr/bin/env bash
# The command's own options, help and failures.   options.sh GONZO GUESTS
GONZO=$1 GUESTS=$2
. "$(dirname "$0")/lib.sh"
export LC_ALL=C

status "--version" 0 "$GONZO" --version
equal "--version" "gonzo" "$(cut -d' ' -f1 "$work/out")"
status "help" 0 "$GONZO" help
for command in run curve explain; do
  grep -q "^  $command " "$work/out" || fail "help does not name $command"
done
status "--help" 0 "$GONZO" --help
status "run --help" 0 "$GONZO" run --help
for option in --memory --stats --maps --strace --machine --accel --fault-around --fail-frame --evict-every --vma-index --overcommit --paging --swap --reclaim --explain-at --report --control --view; do
  grep -q -- "$option" "$work/out" || fail "run --help does not tell of $option"
done
status "no command" 125 "$GONZO"
status "no program" 125 "$GONZO" run
one_line "no program" 'which PROGRAM'
status "an unknown command" 125 "$GONZO" walk
one_line "an unknown command" 'walk'
status "an unknown option" 125 "$GONZO" run --nonsense true
one_line "an unknown option" 'nonsense'
for size in 0 1k abc 12X -5 99999999999G 2.5; do
  status "--memory $size" 125 "$GONZO" run --memory "$size" true
done
one_line "--memory" 'not a size'
status "a limit of file size" 125 bash -c 'ulimit -f 1024; exec "$0" run true' "$GONZO"
one_line "a limit of file size" 'cannot make a machine.*--memory'
status "--fault-around 3" 125 "$GONZO" run --fault-around 3 true
status "--fault-around 0" 125 "$GONZO" run --fault-around 0 true
status "--paging 3level" 125 "$GONZO" run --paging 3level true
one_line "--paging 3level" 'no such format'
for format in auto 4level; do
  status "--paging $format" 0 "$GONZO" run --paging "$format" true
done
status "--overcommit often" 125 "$GONZO" run --overcommit often true
one_line "--overcommit often" 'no such policy'
for policy in 0 1 2 heuristic always never; do
  status "--overcommit $policy" 0 "$GONZO" run --overcommit "$policy" true
done
status "--machine soft" 125 "$GONZO" run --machine soft true
one_line "--machine soft" 'executes no instructions'
status "--machine none" 125 "$GONZO" run --machine none true
for device in none -1 zram file: zram:1M:gzip zswap:1M redis:// 1G,prio=x 1G,latency=slow file:/nonexistent/swap:1M; do
  status "--swap $device" 125 "$GONZO" run "--swap=$device" true
  one_line "--swap $device" '^gonzo: --swap '
done
status "--swap, several" 0 "$GONZO" run --swap zram:8M,prio=2 --swap 8M true
silent "--swap, several"
status "--reclaim random" 125 "$GONZO" run --reclaim random true
one_line "--reclaim random" 'no such policy: use one of linux, mglru'
status "--evict-every without swap" 125 "$GONZO" run --evict-every 1 true
one_line "--evict-every without swap" 'add --swap'
status "--evict-every" 0 "$GONZO" run --evict-every 1 --swap 8M --stats=json true
grep -Eq '"pswpout":[1-9]' "$work/err" || fail "--evict-every: $(cat "$work/err")"
status "--vma-index list" 125 "$GONZO" run --vma-index list true
one_line "--vma-index list" 'rbtree, avl, btree'
for index in rbtree avl btree; do
  status "--vma-index $index" 0 "$GONZO" run --vma-index "$index" sh -c 'echo ok; true'
  equal "--vma-index $index" "ok" "$(cat "$work/out")"
done
status "--stats=xml" 125 "$GONZO" run --stats=xml true
for what in SIGTERM segv 0xyz -1 12345678901234567890123; do
  status "--explain-at $what" 125 "$GONZO" run "--explain-at=$what" true
  one_line "--explain-at $what" '^gonzo: --explain-at .*: neither an address'
done
status "--report xml" 125 "$GONZO" run --report xml true
one_line "--report xml" 'no such format: use text or json'
status "--strace into nowhere" 125 "$GONZO" run --strace=/nonexistent/file true
one_line "--strace into nowhere" '/nonexistent/file'

# Options end before the program.
status "the program's options" 0 "$GONZO" run ls -l /
status "after --" 0 "$GONZO" run -- ls -l /
status "an option that is the program's too" 0 "$GONZO" run echo --stats
equal "an option that is the program's too" "--stats" "$(cat "$work/out")"
status "an empty argument" 0 "$GONZO" run printf '[%s]' ''
equal "an empty argument" "[]" "$(cat "$work/out")"

status "--stats" 0 "$GONZO" run --stats true
for word in 'page faults' 'peak resident' 'page-table frames' 'areas' 'system calls' 'traps' 'shadow' 'time'; do
  grep -q "$word" "$work/err" || fail "--stats does not tell $word"
done
status "--stats=json" 0 "$GONZO" run --stats=json true
equal "--stats=json: lines" 1 "$(wc -l <"$work/err")"
grep -Eq '^\{"processes":1,"faults":\{"minor":[0-9]+,"major":[0-9]+\},.*"time_ns":\{.*\}\}$' "$work/err" || fail "--stats=json"
status "--maps" 0 "$GONZO" run --maps true
grep -q '\[stack\]$' "$work/err" || fail "--maps shows no stack"
status "--strace" 3 "$GONZO" run --strace sh -c 'exit 3'
grep -q '^exit_group(3) *= ?$' "$work/err" || fail "--strace: no exit_group"
grep -q '^+++ exited with 3 +++$' "$work/err" || fail "--strace: no end"
status "--strace=FILE" 1 "$GONZO" run --strace="$work/trace" cat /nonexistent
silent_lines=$(grep -vc '^cat: ' "$work/err")
equal "--strace=FILE: standard error" 0 "$silent_lines"
grep -Eq '^openat\(AT_FDCWD, "/nonexistent", O_RDONLY\) += -1 ENOENT \(No such file or directory\)$' "$work/trace" ||
  fail "--strace=FILE: openat"

# Little memory: the program hears of it, the runner does not fall.
status "--memory 16M" 0 "$GONZO" run --memory 16M ls -l /
"$GONZO" run --memory 24M sort -S 200M /dev/zero >/dev/null 2>"$work/err" &
pid=$!
( sleep 20; kill -KILL $pid ) 2>/dev/null &
watch=$!
wait $pid
got=$?
kill $watch 2>/dev/null
checks=$((checks + 1))
grep -q 'internal error' "$work/err" && fail "too little memory: $(head -1 "$work/err")"
[ "$got" = 125 ] && fail "too little memory: status 125: $(head -1 "$work/err")"

# Counts are exact with one page a fault: the same in every run.
"$GONZO" run --fault-around 1 --stats=json "$GUESTS/segments-static" 2>&1 >/dev/null | grep -o '"faults":{[^}]*}' >"$work/one"
"$GONZO" run --fault-around 1 --stats=json "$GUESTS/segments-static" 2>&1 >/dev/null | grep -o '"faults":{[^}]*}' >"$work/two"
equal "fault counts of two runs" "$(cat "$work/one")" "$(cat "$work/two")"
finish
