#!/usr/bin/env bash
# gonzo curve, end to end. What it says about time depends on the machine, and is tests/unit/cli's.
#   curve.sh GONZO GUESTS
GONZO=$1 GUESTS=$2
. "$(dirname "$0")/lib.sh"
export LC_ALL=C TMPDIR=$work
ulimit -c 0

status "curve --help" 0 "$GONZO" curve --help
for option in --sizes --from --to --steps --repeat --timeout --reclaim --memory --swap --svg --json --output; do
  grep -q -- "$option" "$work/out" || fail "curve --help does not tell of $option"
done
status "no program" 125 "$GONZO" curve
one_line "no program" 'curve: which PROGRAM'

# wrong PATTERN OPTIONS...: said in one line, before anything runs.
wrong() {
  local pattern=$1
  shift
  status "$*" 125 "$GONZO" curve "$@" -- sh -c "echo ran >$work/ran"
  one_line "$*" "^gonzo: .*$pattern"
  [ ! -e "$work/ran" ] || fail "$*: the program ran"
}
wrong '--nonsense' --nonsense
for size in 10 1k -1M 0% x% 3T half; do
  wrong "--sizes $size: not a size" "--sizes=64M,$size"
  wrong "--from $size: not a size" "--from=$size"
  wrong "--to $size: not a size" "--to=$size"
done
wrong '--sizes names all sizes' --sizes 50% --steps 3
for number in 0 -1 5000; do
  wrong "--steps $number: not a number from 1 to 1000" "--steps=$number"
  wrong "--repeat $number: not a number from 1 to 1000" "--repeat=$number"
done
wrong 'steps' --steps=many
for time in 0 -3s soon 5parsecs; do wrong "--timeout $time: not a time" "--timeout=$time"; done
wrong '--reclaim random: no such policy' --reclaim linux,random
wrong '--swap .*' --swap nonsense
wrong '--memory 1k: not a size' --memory 1k
wrong '--fault-around 3: not a power' --fault-around 3
wrong '--svg /nonexistent/file: No such' --svg /nonexistent/file
status "a pipe" 125 bash -c 'echo x | "$0" curve true' "$GONZO"
one_line "a pipe" 'standard input cannot be read once for each run'
status "no such program" 127 "$GONZO" curve gonzo-no-such-program
one_line "no such program" 'gonzo-no-such-program: not found'
status "not executable" 126 "$GONZO" curve /etc/passwd
one_line "not executable" '/etc/passwd'
status "--output into nowhere" 125 "$GONZO" curve --repeat 1 --output /nonexistent/file true
one_line "--output into nowhere" '^gonzo: .*--output /nonexistent/file: No such'
status "not ample" 125 "$GONZO" curve --repeat 1 --memory 4M "$GUESTS/cycle-static" 8 1
one_line "not ample" '4.0M (it ends with status 137|are not ample)'
status "not ample, with swap" 125 "$GONZO" curve --repeat 1 --memory 4M --swap 64M "$GUESTS/cycle-static" 8 1
one_line "not ample, with swap" '4.0M are not ample'
status "too long at once" 125 "$GONZO" curve --repeat 1 --timeout 1s sleep 60
one_line "too long at once" 'longer than --timeout allows'

# All of it.
status "a curve" 0 "$GONZO" curve --sizes 120%,50% --repeat 2 --reclaim linux,fifo --timeout 5m \
  --svg "$work/curve.svg" --output "$work/kept" "$GUESTS/cycle-static" 6 3
silent "a curve"
"$GUESTS/cycle-static" 6 3 >"$work/native"
cmp -s "$work/native" "$work/kept" || fail "a curve: --output has another output"
equal "a curve: lines of more than 80 columns" 0 "$(grep -c '.\{81\}' "$work/out")"
for line in '^curve: .*cycle-static 6 3' '^Full speed: .* (median of 2, spread .* %), peak [67]\..M' '^Swap: 64M\.' \
  '^linux$' '^fifo$' 'within  5 % of full speed: ' 'within 20 % of full speed: ' '^Run time by memory: \* linux o fifo'; do
  checks=$((checks + 1))
  grep -q -- "$line" "$work/out" || fail "a curve: no line with '$line'"
done
for word in '<svg ' 'run time' 'major faults' 'memory, MiB' '</svg>'; do
  grep -q "$word" "$work/curve.svg" || fail "a curve: no $word in its drawing"
done
if command -v python3 >/dev/null; then
  status "the drawing is XML" 0 python3 -c 'import sys, xml.dom.minidom as x; x.parse(sys.argv[1])' "$work/curve.svg"
fi

seq 1000 >"$work/lines"
input=$work/lines
status "JSON" 0 "$GONZO" curve --json --repeat 1 --from 120% --to 50% --steps 2 --swap zram:64M \
  bash -c 'sort -rn | head -1; exec "$0" 6 3' "$GUESTS/cycle-static"
input=
silent "JSON"
equal "JSON: lines" 1 "$(wc -l <"$work/out")"
if command -v python3 >/dev/null; then
  checks=$((checks + 1))
  python3 - "$work/out" <<'PYTHON' || fail "JSON: $(cat "$work/out")"
import json, sys
report = json.load(open(sys.argv[1]))
assert report["command"][0] == "bash" and report["swap"] == "zram:64M"
assert report["ample_memory"] == 2 << 30 and report["status"] == 0 and not report["output_varies"]
assert 6 << 20 < report["peak"] < 30 << 20
runs = report["full_speed"]["runs"]
assert len(runs) == 1 and runs[0]["real_ns"] == report["full_speed"]["real_ns"] > 0
assert runs[0]["pswpin"] == runs[0]["stall_some_ns"] == 0
(curve,) = report["curves"]
assert curve["policy"] == "linux" and [knee["within"] for knee in curve["knees"]] == [0.05, 0.2]
sizes = [point["memory"] for point in curve["points"]]
assert sizes == sorted(sizes, reverse=True) and all(size % 4096 == 0 for size in sizes)
large = curve["points"][0]
small = min(curve["points"], key=lambda point: point["memory"])
assert large["outcome"] == small["outcome"] == "same", "all of the input for each run"
assert large["runs"][0]["pswpin"] == 0 and large["stall_ns"] == 0
assert small["runs"][0]["pswpin"] > 1000 and small["major_faults"] > 50
run = small["runs"][0]
assert run["real_ns"] >= run["stall_some_ns"] >= run["stall_full_ns"] > 0
for knee in curve["knees"]:
    assert knee["memory"] is None or knee["memory"] in sizes
    assert knee["too_small"] is None or knee["too_small"] in sizes
PYTHON
fi

# Points that do something else than with ample memory.
point() {
  status "$1" 0 "$GONZO" curve --repeat 2 --sizes 16M --overcommit heuristic "${@:3}"
  checks=$((checks + 1))
  grep -q "$2" "$work/out" || fail "$1: $(cat "$work/out")"
}
small='read _ kilobytes _ </proc/meminfo; [ $kilobytes -lt 100000 ] &&'
point "another status" ' 16.0M .* status 3, not 0: no more of it' sh -c "$small { echo no more of it >&2; exit 3; }; exit 0"
point "a status of its own" '^Full speed: .*, status 3\.$' sh -c 'exit 3'
point "another output" ' 16.0M .* its output differs' sh -c "$small echo less; true"
point "a death" ' 16.0M .* status 137, not 0' sh -c "$small kill -9 \$\$; true"
point "too long" ' 16.0M .* more than 10.0 s' --timeout 10s sh -c "$small exec sleep 60; true"
point "an output that varies" '^The output is another in each run' date +%s%N

# Stopped: what there is, and nothing behind. It stops in the third run.
cat >"$work/thrice" <<'SCRIPT'
echo run >>"$1"
[ "$(wc -l <"$1")" -ge 3 ] || exit 0
echo >"$2"
exec sleep 1000
SCRIPT
stop() {
  rm -f "$work/runs" "$work/third"
  mkfifo "$work/third"
  env --default-signal=INT "$GONZO" curve --json --repeat 2 --sizes 16M sh "$work/thrice" "$work/runs" "$work/third" \
    >"$work/out" 2>"$work/err" </dev/null &
  local pid=$!
  read -r _ <"$work/third"
  kill "-$1" "$pid"
  wait "$pid"
  equal "SIG$1" "$2" $?
  grep -q "\"stopped_by\":$(($2 - 128))" "$work/out" || fail "SIG$1: $(cat "$work/out" "$work/err")"
  equal "SIG$1: processes left behind" "" "$(pgrep -f "$work/runs")"
}
stop INT 130
stop TERM 143
equal "files left behind" "" "$(ls "$work" | grep gonzo)"

# On a terminal it tells how far it is, in as many columns as there are.
if command -v script >/dev/null; then
  script -qec "stty cols 50; $GONZO curve --repeat 1 --sizes 16M true" /dev/null >"$work/terminal" </dev/null
  tr '\r' '\n' <"$work/terminal" | sed 's/\x1b\[K//g' | grep '^\[[#.]*\] ' >"$work/bars"
  checks=$((checks + 1))
  grep -q '^\[[#.]*\] 1 of ' "$work/bars" || fail "on a terminal: $(cat "$work/bars")"
  equal "on a terminal: bars that are too wide" 0 "$(grep -c '.\{50\}' "$work/bars")"
fi
finish
