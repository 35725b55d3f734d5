#!/usr/bin/env bash
# Processes as their user sees them from outside.   processes.sh GONZO GUESTS
GONZO=$1 GUESTS=$2
. "$(dirname "$0")/lib.sh"
export LC_ALL=C
ulimit -c 0

same "pipelines" bash -c 'seq 300 | sort -rn | head -3 | tr 3 x; echo a b | { read x y; echo $y $x; }'
same "statuses" bash -c '(exit 3); echo $?; false | true; echo ${PIPESTATUS[*]}; sh -c "kill -TERM \$\$"; echo $?'
same "background" bash -c 's=0; p=; for i in 1 2 3; do (exit $i) & p="$p $!"; done; for i in $p; do wait $i; s=$((s + $?)); done; echo $s'
same "here documents and substitution" bash -c 'cat <<<"$(echo x; echo y)"; diff <(echo 1) <(echo 2); echo $?'
same "directories" bash -c 'cd /; (cd /usr; pwd); pwd; umask 077; (umask 022; umask); umask'
same "traps" bash -c 'trap "echo got it" USR1; kill -USR1 $$; trap "echo bye" EXIT'
same "a script" sh -c 'i=0; while [ $i -lt 20 ]; do /bin/true || exit 1; i=$((i+1)); done; echo $i'
same "timeout" timeout 0.2 sleep 10
same "nohup" bash -c 'trap "" HUP; sh -c "kill -HUP \$\$; echo still here"'
same "an alarm" perl -e '$SIG{ALRM}=sub{print "alarm\n"; exit 4}; alarm 1; sleep 5'
same "xargs" bash -c 'seq 8 | xargs -P 3 -n 2 echo | sort'

# ps and its kin see the guests, all of them and only they.
guests() {
  # Before exec the child is a bash.
  local ready='until read -r name </proc/$!/comm && [ "$name" = sleep ]; do :; done'
  "$GONZO" run -- bash -c "sleep 30 & $ready; $1; kill %1" | tr -s ' \n' ' ' | sed 's/^ //'
}
equal "ps in a pipeline" "sleep ps " "$(guests 'ps -e -o comm= | grep -x -e ps -e sleep')"
equal "ps shows nobody else" 0 "$(guests 'ps -e -o pid= | tr -d " " | grep -vc "^[1-9]$"' | tr -d ' ')"
equal "ps in full" "0 bash 1 sleep 1 ps " "$(guests 'ps -e -o ppid=,comm=')"
if command -v pgrep >/dev/null; then equal "pgrep" "1 bash 2 sleep " "$(guests 'pgrep -l .')"; fi
if command -v pstree >/dev/null; then
  equal "pstree" "bash-+-pstree \`-sleep " "$(guests 'pstree -A' | sed 's/ *`/ `/')"
fi
if command -v top >/dev/null; then
  equal "top" "3 total" "$("$GONZO" run -- bash -c 'sleep 30 & top -b -n1; kill %1' | grep -o '[0-9]* total' | head -1)"
fi

same "many at once" "$GUESTS/bomb" 40
# Until memory runs out: a fork is refused, or the killer takes one after the other, the first as well.
checks=$((checks + 1))
timeout 60 "$GONZO" run --memory 4M -- "$GUESTS/bomb" 4000 >"$work/out" 2>"$work/err"
case $? in
  0) grep -q 'refused: ENOMEM; all ended: 1' "$work/out" || fail "a full machine: $(cat "$work/out")" ;;
  137) ;;
  *) fail "a full machine: status $?" ;;
esac
if grep -q 'given back' "$work/err"; then fail "a full machine: $(cat "$work/err")"; fi

# The first process ends, another goes on; the status is the first's.
status "left behind" 5 "$GONZO" run -- sh -c '(sleep 0.3; echo late) & exit 5'
equal "left behind" late "$(cat "$work/out")"

# What is in one session goes with it: nobody survives the runner.
survivors() {
  local tries
  for tries in 1 2 3 4 5 6 7 8 9 10; do
    [ -z "$(ps -o pid= -s "$1")" ] && break
    sleep 0.2
  done
  ps -o pid= -s "$1" | wc -l
}
for signal in KILL TERM HUP; do
  setsid "$GONZO" run -- bash -c 'sleep 100 & sleep 100 | cat' >/dev/null 2>&1 &
  session=$!
  sleep 1
  kill -$signal $session
  wait $session
  equal "SIG$signal leaves nobody behind" 0 "$(survivors $session)"
done
finish
