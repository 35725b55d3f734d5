#!/usr/bin/env bash
# Programs that people use, natively and on Gonzo: one row each, as a Markdown table.
#   programs.sh GONZO [ROW...]     ROW: part of a row's name; all without one
# MACHINE: gonzo run's --machine. TABLE: a file in which the table between the lines
# "<!-- programs -->" and "<!-- /programs -->" is put up to date (README.md).
# A row is a script of cases/, run by bash in an empty directory with INPUTS naming a directory of
# its own; cases/NAME.prepare.sh fills that before, natively. Output, errors and status are compared.
# PRESSURE=1: instead, each on a machine of 1/2, 1/4 and 1/8 of the memory that it used at most, with swap
# (SWAP, default 4G); the table between "<!-- pressure -->" and "<!-- /pressure -->".
# LIMIT: seconds that a run may take, default 300.
# A program that is not there is said to be not installed: nothing here is needed to build or test.
set -u
gonzo=$(realpath "$1")
shift
wanted=("$@")
cases=$(realpath "$(dirname "$0")/cases")
work=$(mktemp -d "${TMPDIR:-/tmp}/gonzo-programs-XXXXXX")
trap 'rm -rf "$work"' EXIT
export LC_ALL=C
limit=${LIMIT:-300}
failures=0
table=$work/table
# The most that QEMU has.
memory=4G
[ "${MACHINE:-host}" != qemu ] || memory=3G
options=(--memory "$memory" ${MACHINE:+--machine "$MACHINE"})

is_wanted() {
  local part
  [ "${#wanted[@]}" -gt 0 ] || return 0
  for part in "${wanted[@]}"; do [[ $1 == *"$part"* ]] && return 0; done
  return 1
}

say() { echo "$1" | tee -a "$table"; }

# timed DIRECTORY COMMAND...: its output, errors and status below DIRECTORY, its time in $elapsed.
timed() {
  local directory=$1 start=$EPOCHREALTIME
  shift
  mkdir -p "$directory/there"
  (cd "$directory/there" && exec timeout -k 5 "$limit" "$@" </dev/null >../out 2>../err)
  echo $? >"$directory/status"
  elapsed=$(awk -v from="$start" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.2f", to - from }')
}

# What differs first, in one line; nothing when nothing does.
difference() {
  local native guest file
  native=$(cat "$work/native/status") guest=$(cat "$work/guest/status")
  if [ "$guest" = 124 ] || [ "$guest" = 137 ]; then
    echo "no end within $limit s"
    return
  fi
  for file in out err; do
    diff <(sed "s|$work/native|DIRECTORY|g" "$work/native/$file") \
      <(sed "s|$work/guest|DIRECTORY|g" "$work/guest/$file") | grep '^[<>]' | head -n 1 |
      sed 's/^</without: /; s/^>/has: /; s/|/\\|/g' | cut -c1-160
  done | head -n 1
  [ "$native" = "$guest" ] || echo "status $guest, natively $native"
}

# Takes the run's figures out of its errors; prints the frames that were used at most, in KiB.
take_peak() {
  local figures
  figures=$(grep '^{"processes"' "$work/guest/err" | tail -n 1)
  sed -i '/^{"processes"/d' "$work/guest/err"
  awk -v pages="$(sed -E 's/.*"peak_used":([0-9]+).*/\1/' <<<"$figures")" 'BEGIN { print pages * 4 }'
}

# The rest of a row of the table for PRESSURE.
rows_under_pressure() {
  local name=$1 script=$2 peak part size reason cells
  shift 2
  timed "$work/native" bash "$cases/$script.sh" "$@"
  cells=" $elapsed |"
  timed "$work/guest" "$gonzo" run --stats=json "${options[@]}" -- bash "$cases/$script.sh" "$@"
  cells+=" $elapsed |"
  peak=$(take_peak)
  for part in 2 4 8; do
    rm -rf "$work/guest"
    size=$((peak / part > 2048 ? peak / part : 2048))
    timed "$work/guest" "$gonzo" run --memory "${size}K" --swap "${SWAP:-4G}" \
      ${MACHINE:+--machine "$MACHINE"} -- bash "$cases/$script.sh" "$@"
    reason=$(difference | paste -sd ';' | sed 's/;/; /')
    if [ -n "$reason" ]; then
      failures=$((failures + 1))
      cells+=" **fails**: $reason |"
      [ -z "${KEEP:-}" ] || cp -r "$work/native" "$work/guest" "$KEEP"
    else
      cells+=" same, $elapsed |"
    fi
  done
  say "| $name | $((peak / 1024)) |$cells"
}

# row NAME "PROGRAMS..." CASE ARGUMENTS...
row() {
  local name=$1 needs=$2 script=$3 program native guest reason
  shift 3
  is_wanted "$name" || return 0
  for program in $needs; do
    command -v "$program" >/dev/null || {
      say "| $name | not installed: $program |$blank"
      return
    }
  done
  rm -rf "$work/native" "$work/guest" "$work/inputs"
  mkdir "$work/inputs"
  export INPUTS=$work/inputs
  if [ -f "$cases/$script.prepare.sh" ]; then
    (cd "$INPUTS" && bash "$cases/$script.prepare.sh") >"$work/prepared" 2>&1 || {
      say "| $name | could not be prepared: $(tail -n 1 "$work/prepared") |$blank"
      return
    }
  fi
  if [ -n "${PRESSURE:-}" ]; then
    rows_under_pressure "$name" "$script" "$@"
    return
  fi
  timed "$work/native" bash "$cases/$script.sh" "$@"
  native=$elapsed
  timed "$work/guest" "$gonzo" run "${options[@]}" -- bash "$cases/$script.sh" "$@"
  guest=$elapsed
  reason=$(difference | paste -sd ';' | sed 's/;/; /')
  if [ -n "$reason" ]; then
    failures=$((failures + 1))
    reason="**fails**: $reason"
    [ -z "${KEEP:-}" ] || cp -r "$work/native" "$work/guest" "$KEEP"
  fi
  say "| $name | ${reason:-same} | $native | $guest | $(awk -v n="$native" -v g="$guest" \
    'BEGIN { printf "%.1f", g / (n > 0 ? n : 0.01) }') |"
}

if [ -n "${PRESSURE:-}" ]; then
  section=pressure blank=' | | | | |'
  say '| program | peak, MiB | native, s | Gonzo, s | half of the peak, s | a quarter | an eighth |'
  say '|---|---|---|---|---|---|---|'
else
  section=programs blank=' | | |'
  say '| program | output and status | native, s | Gonzo, s | ratio |'
  say '|---|---|---|---|---|'
fi
row "bash: pipelines, substitutions, jobs" "bash awk md5sum" pipelines
row "bash: 500 forks" "bash" forks
row "coreutils" "sort split sha256sum" coreutils
row "tar, gzip, xz" "tar gzip xz" archives
row "make -j2 of a C project, gcc" "make gcc ar" make
row "g++ -O2 of templates, and its program" "g++" templates
row "python3: threads, subprocess, multiprocessing, mmap" "python3" python
row "perl" "perl" perl
row "lua" "lua5.4" lua
row "sqlite3: 200,000 rows in a file" "sqlite3" sqlite items.db
row "sqlite3: 200,000 rows in memory" "sqlite3" sqlite :memory:
row "git: init, commits, merge, gc, clone" "git" git
row "redis-server, redis-benchmark" "redis-server redis-benchmark redis-cli" redis
row "nginx, curl" "nginx curl" nginx
row "node: worker threads, http" "node" node
row "java: hello" "java javac" java-hello
row "java: garbage collection" "java javac" java-gc
row "go: goroutines, garbage, loopback" "go" go
row "stress-ng: vm" "stress-ng" stress vm --vm-ops 20000 --vm-bytes 32M
row "stress-ng: mmap" "stress-ng" stress mmap --mmap-ops 5 --mmap-bytes 16M
row "stress-ng: brk" "stress-ng" stress brk --brk-ops 20000
row "stress-ng: fork" "stress-ng" stress fork --fork-ops 100
row "stress-ng: mremap" "stress-ng" stress mremap --mremap-ops 20 --mremap-bytes 8M
row "stress-ng: madvise" "stress-ng" stress madvise --madvise-ops 10
row "valgrind --version" "valgrind" valgrind

if [ -n "${TABLE:-}" ]; then
  "$(dirname "$cases")/../../tools/put-section" "$section" "$TABLE" "$table"
fi
[ "$failures" -eq 0 ]
