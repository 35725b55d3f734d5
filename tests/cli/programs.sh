#!/usr/bin/env bash
# Real programs, natively and on Gonzo.   programs.sh GONZO
GONZO=$1
. "$(dirname "$0")/lib.sh"
export LC_ALL=C
have() { command -v "$1" >/dev/null || { echo "skipped: no $1"; return 1; }; }

head -c 100000000 /dev/zero | tr '\0' 'g' >"$work/large"
seq 1 200000 | awk '{ print ($1 * 7919) % 1000003, "line", $1 }' >"$work/lines"

if [ -x /bin/busybox ]; then
  same "busybox ls" /bin/busybox ls -l /usr
  same "busybox sha256sum" /bin/busybox sha256sum "$work/large"
  same "busybox sort" /bin/busybox sort -n "$work/lines"
  same "busybox awk" /bin/busybox awk '{ s += $1 } END { print s, NR }' "$work/lines"
  same "busybox vi -h" /bin/busybox vi -h
  same "busybox find" /bin/busybox find /etc -name '*.conf'
fi
same "ls" ls -la /usr/bin
same "ls of one that is not" ls /nonexistent
same "cat" cat "$work/lines"
same "sha256sum" sha256sum "$work/large"
same "sort" sort "$work/lines"
same "sort -n -u" sort -n -u -S 64M "$work/lines"
same "grep -r" grep -r root /etc/passwd /etc/group /etc/profile
same "grep, no match" grep nothing-like-this /etc/passwd
same "wc" wc "$work/lines"
same "head" head -c 1000 "$work/large"
same "env" env -u _ -u SHLVL
same "pwd" pwd
same "false" false
same "dd" dd if=/dev/zero bs=1M count=30 status=none
have gzip && same "gzip" gzip -nc "$work/lines"
have xz && same "xz" xz -1 -c "$work/lines"
have tar && same "tar" tar -C /etc -cf - passwd group --mtime=@0
have awk && same "awk" awk '{ s += $1 } END { print s, NR }' "$work/lines"
have sed && same "sed" sed -n '1000,1010p' "$work/lines"
have find && same "find" find /etc -maxdepth 1 -type f

# A text through a script's interpreter.
printf '#!/bin/cat\nthe script itself\n' >"$work/script"
printf '#!/bin/echo one argument \n' >"$work/with-argument"
chmod +x "$work/script" "$work/with-argument"
same "a script" "$work/script"
same "a script with an argument" "$work/with-argument" two three

# Files made and removed.
"$GONZO" run cp "$work/lines" "$work/copy" || fail "cp"
cmp -s "$work/lines" "$work/copy" || fail "cp: the copy differs"
"$GONZO" run mkdir "$work/directory" && "$GONZO" run mv "$work/copy" "$work/directory/moved" || fail "mkdir, mv"
[ -f "$work/directory/moved" ] || fail "mv"
"$GONZO" run rm -r "$work/directory" && [ ! -e "$work/directory" ] || fail "rm"

# Our areas, in Linux's format.
"$GONZO" run cat /proc/self/maps >"$work/maps" || fail "maps"
grep -Eq '^[0-9a-f]{12}-[0-9a-f]{12} rw-p 00000000 00:00 0 {26}\[heap\]$' "$work/maps" || fail "maps: no [heap]"
grep -Eq '^7ffff[0-9a-f]{7}-7ffffffff000 rw-p 00000000 00:00 0 {26}\[stack\]$' "$work/maps" || fail "maps: no [stack]"
odd=$(grep -Evc '^[0-9a-f]+-[0-9a-f]+ [r-][w-][x-][ps] [0-9a-f]{8} [0-9a-f]{2}:[0-9a-f]{2} [0-9]+ +(/.*|\[.*\])?$' "$work/maps")
equal "maps: lines of another format" 0 "$odd"

# Programs that read the rest of /proc see one process, with our machine's memory.
if have ps; then
  equal "ps" "1 ps" "$("$GONZO" run ps -eo pid=,comm= | xargs)"
  equal "free" 65536 "$("$GONZO" run --memory 64M free | awk '/^Mem:/ { print $2 }')"
  "$GONZO" run pmap -x 1 >"$work/pmap" || fail "pmap"
  equal "pmap: resident" "$(awk 'length($1) == 16 { s += $3 } END { print s }' "$work/pmap")" \
    "$(awk '/^total/ { print $4 }' "$work/pmap")"
fi
equal "descriptors" "0 1 2 3" "$("$GONZO" run ls /proc/self/fd 3>&- 10>&- 251>&- 2>/dev/null </dev/null | xargs)"
finish
