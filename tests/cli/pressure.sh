#!/usr/bin/env bash
# Programs that need more memory than their machine has.   pressure.sh GONZO GUESTS
GONZO=$1 GUESTS=$2
. "$(dirname "$0")/lib.sh"
export LC_ALL=C
ulimit -c 0

# A checksum for each page, at an eighth of what it needs.
for policy in linux mglru clock fifo lru 2q arc s3fifo sieve; do
  gonzo_options=(--memory 4M --swap 64M --reclaim "$policy")
  same "pressure, $policy" "$GUESTS/pressure" 32 800
done
for devices in zram:64M,prio=1 zram:64M:zstd zswap:1M:64M "file:$work/swap:64M" 64M,latency=20us; do
  gonzo_options=(--memory 4M --swap "$devices")
  same "pressure, $devices" "$GUESTS/pressure" 32 800
done
# A page taken at each fault, whoever waits for it.
for policy in linux mglru lru fifo; do
  gonzo_options=(--memory 64M --swap 64M --evict-every 1 --reclaim "$policy")
  same "evict always, $policy" "$GUESTS/pressure" 2 100 1 3
done
gonzo_options=(--memory 8M --swap zram:8M,prio=2 --swap 256M)
same "pressure, two devices" "$GUESTS/pressure-static" 48 1000
if [ -x "$GUESTS/pressure-m32" ]; then same "pressure, i386" "$GUESTS/pressure-m32" 24 1000; fi
seq 400000 | sort -R --random-source=/dev/zero >"$work/lines"
gonzo_options=(--memory 16M --swap 512M)
same "sort" sort "$work/lines"
same "a shell and its children" bash -c 'for i in 1 2 3; do seq 30000 | sort -r | tail -1 & done; wait'
gonzo_options=()

# Figures that add up.
status "figures" 0 "$GONZO" run --memory 4M --swap 64M --stats=json "$GUESTS/pressure-static" 16 100
checks=$((checks + 1))
grep -Eq '"pswpin":[1-9][0-9]*,"pswpout":[1-9]' "$work/err" || fail "figures: $(cat "$work/err")"
# Of programs that have ended, too; and the two who take pages took all that were taken.
status "vmstat" 0 "$GONZO" run --memory 4M --swap 64M --fault-around 1 \
  sh -c '"$0" 16 100 >&2; cat /proc/vmstat' "$GUESTS/pressure-static"
checks=$((checks + 1))
awk '{ of[$1] = $2 } END { exit !(of["pgmajfault"] > 100 && of["pgfault"] > 4096 + of["pgmajfault"] &&
  of["pswpout"] > 3000 && of["pgscan_anon"] >= of["pgsteal_anon"] && of["workingset_refault_anon"] > 0 &&
  of["pgscan_kswapd"] + of["pgscan_direct"] > 3000 &&
  of["pgscan_anon"] + of["pgscan_file"] == of["pgscan_kswapd"] + of["pgscan_direct"] &&
  of["pgsteal_anon"] + of["pgsteal_file"] == of["pgsteal_kswapd"] + of["pgsteal_direct"]) }' "$work/out" ||
  fail "vmstat: $(grep -E '^(pg|pswp|workingset)' "$work/out" | paste -sd ' ')"
equal "SwapTotal" "65536 kB" "$("$GONZO" run --swap 64M awk '/SwapTotal/ { print $2, $3 }' /proc/meminfo)"

# For how long it waited: a thousand pages at least came back, a tenth of a millisecond each.
status "stalls" 0 "$GONZO" run --memory 4M --swap 64M,latency=100us --stats=json "$GUESTS/pressure-static" 16 100
stalls=$(grep -o '"memory_stall_ns":{[^}]*}' "$work/err" | tr -dc '0-9,')
checks=$((checks + 1))
[ "${stalls%,*}" -gt 100000000 ] && [ "${stalls%,*}" -ge "${stalls#*,}" ] && [ "${stalls#*,}" -gt 0 ] ||
  fail "stalls: some,full: $stalls"
if [ -r /proc/pressure/memory ]; then
  equal "no stalls" "some total=0 full total=0 " \
    "$("$GONZO" run awk '{ print $1, $NF }' /proc/pressure/memory | tr '\n' ' ')"
fi

# Without swap, or with too little of it, it dies, and that is told.
status "no swap" 137 "$GONZO" run --memory 4M --overcommit always "$GUESTS/pressure-static" 16 100
status "too little swap" 137 "$GONZO" run --memory 4M --swap 4M --overcommit always "$GUESTS/pressure-static" 16 100
checks=$((checks + 1))
tail -1 "$work/err" | grep -q 'killed by SIGKILL' || fail "too little swap: $(cat "$work/err")"
finish
