#!/usr/bin/env bash
# gonzo run --view: the machine in another kernel's terms.
GONZO=$1 GUESTS=$2
. "$(dirname "$0")/lib.sh"

# An area is a VAD; --maps shows the same areas.
status "--view windows" 0 "$GONZO" run --vma-index avl --memory 64M --maps --view windows cat /proc/self/status
sed -n 's/^\([0-9a-f]*\)000-.*/\1/p' "$work/err" >"$work/maps"
awk '/^VAD tree/ { on = 1 } /Total VADs/ { on = 0 } on && $1 ~ /^[0-9]+$/ { print $3 }' "$work/err" >"$work/vads"
equal "a VAD for each area" "$(cat "$work/maps")" "$(cat "$work/vads")"
equal "their number" "$(wc -l <"$work/maps")" "$(sed -n 's/.*Total VADs: \([0-9]*\),.*/\1/p' "$work/err")"
equal "one root" 1 "$(awk '/^VAD tree/ { on = 1 } on && $1 == "0" && $2 ~ /^[+-]/ { n++ } END { print n }' "$work/err")"
equal "no balance beyond one" "" "$(awk '$1 ~ /^[0-9]+$/ && $2 ~ /^[+-]([2-9]|1[0-9])/' "$work/err")"
equal "the code of an image" 1 "$(grep -cE ' Exe +EXECUTE_READ +cat$' "$work/err")"
equal "what a copy on write is" 1 "$(grep -cE ' Exe +WRITECOPY +libc\.so\.6$' "$work/err")"
# Each frame is on one list.
equal "PFN database" "16384 16384" "$(awk '/^PFN database/ { on = 1 } /^System/ { on = 0 }
  on && /^  [A-Z]/ { if ($1 == "Total") total = $2; else sum += $2 } END { print sum, total }' "$work/err")"

# A peak is no less than what there is; Linux's /proc says the same of the process.
pages() { sed -n "s/^  *$1  *\([0-9]*\) pages.*/\1/p" "$work/err"; }
[ "$(pages WorkingSetSize)" -le "$(pages PeakWorkingSetSize)" ] || fail "working set: $(cat "$work/err")"
equal "VirtualSize" "$(sed -n 's/^VmSize:[^0-9]*\([0-9]*\) kB/\1/p' "$work/out")" "$(($(pages PeakVirtualSize) * 4))"

status "--view windows, btree" 0 "$GONZO" run --view windows true
equal "btree" 1 "$(grep -c '^VADs, as a list: the areas are in the index btree' "$work/err")"
status "--view dos" 125 "$GONZO" run --view dos true
one_line "--view dos" 'no such view: use windows'
finish
