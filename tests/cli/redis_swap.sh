#!/usr/bin/env bash
# A Redis server that swap lies in, killed under the programs.   redis_swap.sh GONZO GUESTS
GONZO=$1 GUESTS=$2
. "$(dirname "$0")/lib.sh"
export LC_ALL=C
ulimit -c 0
if ! command -v redis-server >/dev/null || ! command -v redis-cli >/dev/null; then
  echo "not run: there is no redis-server here"
  finish
fi
servers=()
trap 'kill -9 "${servers[@]}" 2>/dev/null; rm -rf "$work"' EXIT

# server PORT OPTION...: its process in $server, once it answers; fails if the port is somebody else's.
server() {
  local port=$1 tries
  shift
  redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$work" \
    --repl-diskless-sync-delay 0 "$@" >/dev/null 2>&1 &
  server=$!
  disown
  servers+=("$server")
  for ((tries = 0; tries < 400; ++tries)); do
    kill -0 "$server" 2>/dev/null || return 1
    [ "$(redis-cli -p "$port" ping 2>/dev/null)" = PONG ] && return 0
    sleep 0.05
  done
  return 1
}
# start OPTION...: one on a port that is free: $server, $port.
start() {
  local tries
  for ((tries = 0; tries < 20; ++tries)); do
    port=$((20000 + RANDOM % 20000))
    server "$port" "$@" && return 0
  done
  echo "no server starts"
  exit 1
}

# run_beside OPTION COMMAND...: the guest, whose lines come to $work/out; COMMAND runs when it is ready.
run_beside() {
  local option=$1 guest tries
  shift
  checks=$((checks + 1))
  rm -f "$work/in"
  mkfifo "$work/in"
  timeout 250 "$GONZO" run --memory 5M --swap "$option" --stats -- "$GUESTS/lost_swap" 16 \
    <"$work/in" >"$work/out" 2>"$work/err" &
  guest=$!
  exec 3>"$work/in"
  for ((tries = 0; tries < 2400; ++tries)); do
    grep -q ready "$work/out" && break
    kill -0 "$guest" 2>/dev/null || break
    sleep 0.05
  done
  "$@"
  echo go >&3
  exec 3>&-
  wait "$guest"
  got=$?
  [ "$got" = 0 ] || fail "$option: status $got: $(cat "$work/err")"
}

start
gonzo_options=(--memory 4M --swap "redis://127.0.0.1:$port,size=64M")
same "pressure" "$GUESTS/pressure" 32 800

# Its pages are lost with it; who had none there goes on, with the new one.
kill_and_start() {
  kill -9 "$server"
  while kill -0 "$server" 2>/dev/null; do sleep 0.01; done
  server "$port" || fail "the server does not start again"
}
run_beside "redis://127.0.0.1:$port,size=64M" kill_and_start
equal "a server that was restarted" "ready child: SIGBUS parent: intact" "$(paste -sd ' ' "$work/out")"
equal "nothing stays there" 0 "$(redis-cli -p "$port" dbsize)"
kill -9 "$server"

# A replica has all of them.
start
primary=$port first=$server
start --replicaof 127.0.0.1 "$primary"
for ((tries = 0; tries < 400; ++tries)); do
  redis-cli -p "$port" info replication | grep -q master_link_status:up && break
  sleep 0.05
done
run_beside "redis://127.0.0.1:$primary,size=64M,replica=127.0.0.1:$port" kill -9 "$first"
equal "a replica that takes over" "ready child: 0 parent: intact" "$(paste -sd ' ' "$work/out")"
finish
