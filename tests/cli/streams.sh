#!/usr/bin/env bash
# Standard streams, descriptors, signals: as if the program ran directly.   streams.sh GONZO GUESTS
GONZO=$1 GUESTS=$2
. "$(dirname "$0")/lib.sh"
export LC_ALL=C
ulimit -c 0

equal "standard input from a pipe" "piped" "$(echo piped | "$GONZO" run cat)"
equal "a pipeline" "3" "$(printf 'c\nb\na\n' | "$GONZO" run sort | "$GONZO" run wc -l)"
"$GONZO" run sh -c 'echo out; echo err >&2' >"$work/out" 2>"$work/err"
equal "standard output" "out" "$(cat "$work/out")"
equal "standard error" "err" "$(cat "$work/err")"
echo start >"$work/log"
"$GONZO" run echo appended >>"$work/log"
equal "appending" "start appended" "$(tr '\n' ' ' <"$work/log" | sed 's/ $//')"
printf 'one\ntwo\n' >"$work/lines"
{ "$GONZO" run head -n 1 >/dev/null; cat; } <"$work/lines" >"$work/rest"
{ head -n 1 >/dev/null; cat; } <"$work/lines" >"$work/native-rest"
equal "a shared offset" "$(cat "$work/native-rest")" "$(cat "$work/rest")"

# The writer dies of SIGPIPE, quietly, when its reader goes.
{ "$GONZO" run yes 2>"$work/err"; echo $? >"$work/status"; } | head -n 3 >"$work/out"
equal "yes | head" 141 "$(cat "$work/status")"
equal "yes | head: lines" 3 "$(wc -l <"$work/out")"
silent "yes | head"

echo "the third" >"$work/third"
checks=$((checks + 1))
"$GONZO" run "$GUESTS/environment" 3<"$work/third" | grep -q 'third: the third' || fail "inherited descriptor 3"
"$GONZO" run cat 0<&- 2>"$work/err" >/dev/null
equal "closed standard input" "cat: -: Bad file descriptor" "$(head -1 "$work/err")"
"$GONZO" run echo x >&- 2>"$work/err"
equal "closed standard output" 1 $?
equal "descriptors" "$(ls /proc/self/fd | grep -xc '[012]')" "$("$GONZO" run ls /proc/self/fd | grep -xc '[012]')"

# Signals from outside, to a program that waits for a line that never comes.
mkfifo "$work/ready" "$work/never"
exec 9<>"$work/never"
start_waiting() {  # sets $pid; returns when the guest waits
  "$GONZO" run sh -c 'echo ready; read line' <&9 >"$work/ready" 2>/dev/null &
  pid=$!
  read -r _ <"$work/ready"
}
for signal in TERM HUP USR1 ALRM KILL; do
  start_waiting
  { kill -s "$signal" "$pid"; wait "$pid"; got=$?; } 2>/dev/null
  equal "SIG$signal" $((128 + $(kill -l "$signal"))) "$got"
done
timeout --preserve-status -s INT 1 "$GONZO" run sh -c 'read line' <&9 2>"$work/err"
equal "SIGINT" 130 $?
silent "SIGINT"
(trap '' HUP; "$GONZO" run sh -c 'kill -HUP $$; echo survived') >"$work/out"
equal "an ignored signal stays ignored" survived "$(cat "$work/out")"
equal "a trap" "trapped" "$("$GONZO" run sh -c 'trap "echo trapped" TERM; kill -TERM $$; :')"
equal "umask" "$(umask)" "$("$GONZO" run sh -c umask)"
equal "working directory" "/" "$(cd / && "$GONZO" run pwd)"
equal "ulimit" "$(ulimit -n)" "$("$GONZO" run sh -c 'ulimit -n')"
equal "a soft limit of file size" 1024 "$(ulimit -Sf 1024 && "$GONZO" run bash -c "ulimit -f")"

# Nothing is left behind when the runner is killed.
start_waiting
children=$(cat /proc/$pid/task/*/children)
checks=$((checks + 1))
[ -n "$children" ] || fail "the runner has no process for the guest"
{ kill -KILL "$pid"; wait "$pid"; } 2>/dev/null
for _ in $(seq 100); do
  left=$(for child in $children; do [ -e "/proc/$child" ] && echo "$child"; done)
  [ -z "$left" ] && break
  sleep 0.05
done
equal "processes left behind" "" "$left"
finish
