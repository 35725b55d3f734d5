#!/usr/bin/env bash
# Every command in docs/articles.md prints what the page says.   articles.sh GONZO GUESTS
# "    $ COMMAND" begins one, and the indented lines after it are its output, errors included. Before
# a block, "<!-- varies: ERE -->" says what in it depends on the machine: it is not compared.
GONZO=$(realpath "$1") GUESTS=$(realpath "$2")
. "$(dirname "$0")/lib.sh"
page=$(realpath "$(dirname "$0")/../../docs/articles.md")
export PATH=$(dirname "$GONZO"):$GUESTS:$PATH LC_ALL=C COLUMNS=80

awk -v out="$work" '
  /^<!-- varies: .* -->$/ { varies = substr($0, 14, length($0) - 17); next }
  /^    \$ / {
    ++n; inside = 1
    print substr($0, 7) >(out "/" n ".command"); printf "" >(out "/" n ".expected"); print varies >(out "/" n ".varies")
    next
  }
  inside && /^    / { print substr($0, 5) >(out "/" n ".expected"); next }
  inside { inside = 0; varies = "" }' "$page"

# masked VARIES FILE
masked() { if [ -n "$1" ]; then sed -E "s#$1#~#g" "$2"; else cat "$2"; fi; }

for n in $(seq "$(ls "$work"/*.command | wc -l)"); do
  command=$(cat "$work/$n.command") varies=$(cat "$work/$n.varies")
  case $command in
    *-m32*) [ -x "$GUESTS/anatomy-m32-static" ] || { echo "skipped: $command (Debian's gcc-multilib is not installed)"; continue; } ;;
    */proc/slabinfo*) [ "$(id -u)" = 0 ] || { echo "skipped: $command (only root may read it)"; continue; } ;;
  esac
  checks=$((checks + 1))
  (cd "$work" && timeout -s KILL 120 bash "$work/$n.command" >"$work/actual" 2>&1 </dev/null)
  diff <(masked "$varies" "$work/$n.expected") <(masked "$varies" "$work/actual") >"$work/difference" || {
    fail "$command"
    cat "$work/difference"
  }
done
[ "$checks" -ge 10 ] || fail "only $checks commands in $page"
finish
