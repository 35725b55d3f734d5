#!/usr/bin/env bash
# Programs larger than their machine, for minutes: each policy with each swap device in turn, random
# seeds, machines of an eighth of what the program needs, or evictions before each Nth fault. Output and
# status must be those of the native run. In a debug build every address space is verified when its
# process ends, and page cache, policy and swap when the last has; every frame must be back.
# Stops at the first failure, with the command that repeats it. LIMIT: the seconds that a run may take, 300
# if not said otherwise; on a machine that is busy with more they may be too few.
#   soak.sh GONZO GUESTS [MINUTES [SEED]]
GONZO=$1 GUESTS=$2 minutes=${3:-10} seed=${4:-$((RANDOM << 15 | RANDOM))}
set -u
export LC_ALL=C
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}exitcode=125
export UBSAN_OPTIONS=${UBSAN_OPTIONS:+$UBSAN_OPTIONS:}halt_on_error=1:exitcode=125:print_stacktrace=1
export TSAN_OPTIONS=${TSAN_OPTIONS:+$TSAN_OPTIONS:}exitcode=125
ulimit -c 0
work=$(mktemp -d "${TMPDIR:-/var/tmp}/gonzo-soak-XXXXXX")
redis=
trap '[ -z "$redis" ] || kill "$redis"; wait; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

policies=(linux mglru clock fifo lru 2q arc s3fifo sieve)
devices=(64M zram:64M zram:64M:zstd zswap:1M:64M "file:$work/swap-WORKER:64M" 64M,latency=50us "zram:2M,prio=1 64M")
if command -v redis-server >/dev/null; then
  port=$((20000 + RANDOM % 20000))
  redis-server --bind 127.0.0.1 --port $port --save '' --dir "$work" >/dev/null 2>&1 &
  redis=$!
  devices+=("redis://127.0.0.1:$port/WORKER")
fi
indexes=(rbtree avl btree)

# What worker $1 does in its turn $2: its options, and the guest with arguments.
choose() {
  local worker=$1 turn=$2 name
  local -a device
  RANDOM=$(((seed + turn * 16 + worker) % 32768))
  # Each pair of policy and device comes up: their numbers, 9 and 7 or 8, have no common divisor.
  read -ra device <<<"${devices[turn % ${#devices[@]}]}"
  options=(--reclaim "${policies[turn % ${#policies[@]}]}" --vma-index "${indexes[RANDOM % 3]}")
  for name in "${device[@]}"; do options+=(--swap "${name/WORKER/$worker}"); done
  local megabytes=$((16 + RANDOM % 4 * 8)) threads=$((1 + RANDOM % 3)) kind=("" -static -m32 -m32-static)
  name=pressure${kind[RANDOM % 4]}
  [ -x "$GUESTS/$name" ] || name=pressure
  case $((RANDOM % 4)) in
    0) options+=(--memory 64M --evict-every $((1 + RANDOM % 16))) ;;
    1) options+=(--memory "${megabytes}M" --evict-every $((32 + RANDOM % 32))) ;;
    *) options+=(--memory "$((megabytes / 8 + 1))M") ;;
  esac
  [ $((RANDOM % 3)) = 0 ] && options+=(--fault-around 1)
  guest=("$GUESTS/$name" "$megabytes" "$((1000 + RANDOM % 4000))" "$((RANDOM << 15 | RANDOM))" "$threads")
}

# Says what failed and how to repeat it, once.
report() {
  mkdir "$work/failed" 2>/dev/null || return
  {
    echo "FAIL: $1"
    head -40 "$2"
    echo "repeat it with:"
    printf '  %q' "$GONZO" run "${options[@]}" -- "${guest[@]}"
    echo
  } >&2
}

soak() {
  local worker=$1 turn=$1 got
  while [ "$SECONDS" -lt "$end" ] && [ ! -d "$work/failed" ]; do
    choose "$worker" "$turn"
    "${guest[@]}" >"$work/native-$worker" 2>&1 </dev/null || report "natively: status $?" "$work/native-$worker"
    timeout -k 10 "${LIMIT:-300}" "$GONZO" run "${options[@]}" -- "${guest[@]}" >"$work/out-$worker" 2>"$work/err-$worker" </dev/null
    got=$?
    # Stopped from outside: no failure.
    [ -e "$work" ] || return
    if [ "$got" != 0 ] || [ -s "$work/err-$worker" ] || ! cmp -s "$work/native-$worker" "$work/out-$worker"; then
      cat "$work/out-$worker" >>"$work/err-$worker"
      report "status $got, or another output" "$work/err-$worker"
    fi
    echo run >>"$work/runs-$worker"
    turn=$((turn + workers))
  done
}

workers=$(nproc)
end=$((SECONDS + minutes * 60))
echo "soak: $minutes minutes, seed $seed: $0 $GONZO $GUESTS $minutes $seed"
for ((worker = 0; worker < workers; worker++)); do soak "$worker" & pids[worker]=$!; done
wait "${pids[@]}"
echo "soak: $(cat "$work"/runs-* 2>/dev/null | wc -l) runs"
[ ! -d "$work/failed" ]
