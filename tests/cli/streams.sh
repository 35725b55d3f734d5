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
equal "a closed reader" "done" "$( { sleep 0; echo done; } | "$GONZO" run cat)"

echo "the third" >"$work/third"
checks=$((checks + 1))
"$GONZO" run "$GUESTS/environment" 3<"$work/third" | grep -q 'third: the third' || fail "inherited descriptor 3"
"$GONZO" run cat 0<&- 2>"$work/err" >/dev/null
equal "closed standard input" "cat: -: Bad file descriptor" "$(head -1 "$work/err")"
"$GONZO" run echo x >&- 2>"$work/err"
equal "closed standard output" 1 $?
equal "descriptors" "$(ls /proc/self/fd | grep -xc '[012]')" "$("$GONZO" run ls /proc/self/fd | grep -xc '[012]')"

# Signals from outside.
for signal in TERM INT HUP USR1; do
  "$GONZO" run sleep 30 2>/dev/null &
  pid=$!
  for _ in $(seq 200); do
    [ "$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -c sleep)" = 1 ] && break
  done
  sleep 0.5
  kill -s "$signal" "$pid"
  wait "$pid" 2>/dev/null
  got=$?
  # A shell starts background jobs with SIGINT ignored.
  [ "$signal" = INT ] && { kill "$pid" 2>/dev/null; continue; }
  equal "SIG$signal" $((128 + $(kill -l "$signal"))) "$got"
done
(trap '' HUP; "$GONZO" run sh -c 'kill -HUP $$; echo survived') >"$work/out"
equal "an ignored signal stays ignored" survived "$(cat "$work/out")"
equal "a trap" "trapped" "$("$GONZO" run sh -c 'trap "echo trapped" TERM; kill -TERM $$; :')"
equal "umask" "$(umask)" "$("$GONZO" run sh -c umask)"
equal "working directory" "/" "$(cd / && "$GONZO" run pwd)"
equal "ulimit" "$(ulimit -n)" "$("$GONZO" run sh -c 'ulimit -n')"

# Nothing is left behind when the runner is killed.
"$GONZO" run sleep 300 &
pid=$!
sleep 1
kill -KILL "$pid"
wait "$pid" 2>/dev/null
for _ in $(seq 50); do
  left=$(pgrep -P "$pid" | wc -l)
  [ "$left" = 0 ] && break
  sleep 0.1
done
equal "processes left behind" 0 "$left"
finish
