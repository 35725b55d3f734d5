#!/usr/bin/env bash
# What cannot be executed: one clear line and the right status.   bad_programs.sh GONZO GUESTS
GONZO=$1 GUESTS=$2
. "$(dirname "$0")/lib.sh"
ulimit -c 0

refused() {  # NAME STATUS PATTERN FILE
  status "$1" "$2" "$GONZO" run "$4"
  one_line "$1" "^gonzo: .*$3"
}
patched() {  # FILE OFFSET BYTES: a copy of a good program with bytes changed
  cp "$GUESTS/environment-static" "$1"
  printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

refused "a missing file" 127 'No such file|not found' "$work/missing"
refused "a missing command" 127 'not found' no-such-command-anywhere
refused "a directory" 126 'is a directory' "$work"
echo "just text" >"$work/text"
refused "not executable" 126 'not executable|ermission denied' "$work/text"
chmod +x "$work/text"
refused "text without #!" 126 'neither an ELF' "$work/text"
: >"$work/empty"
chmod +x "$work/empty"
refused "an empty file" 126 'neither an ELF' "$work/empty"
printf '#!/nonexistent/interpreter\n' >"$work/lost"
chmod +x "$work/lost"
refused "a lost interpreter" 127 'interpreter' "$work/lost"
printf '#!%s\n' "$work/loop" >"$work/loop"
chmod +x "$work/loop"
refused "a script that interprets itself" 126 'scripts in a row' "$work/loop"
refused "a file below a file" 126 'ot a directory' "$work/text/below"
refused "a device" 126 'regular file|ermission denied' /dev/null

head -c 40 "$GUESTS/environment-static" >"$work/cut"
chmod +x "$work/cut"
refused "cut inside the ELF header" 126 'truncated' "$work/cut"
head -c 100 "$GUESTS/environment-static" >"$work/cut"
refused "cut inside the program headers" 126 'past the file' "$work/cut"
patched "$work/lies" 18 '\x28\x00'
refused "another machine" 126 'another machine' "$work/lies"
patched "$work/lies" 16 '\x01\x00'
refused "an object file" 126 'not a program' "$work/lies"
patched "$work/lies" 32 '\xff\xff\xff\xff\xff\xff\xff\x7f'
refused "program headers nowhere" 126 'past the file' "$work/lies"
patched "$work/lies" 54 '\x00\x00'
refused "program headers of no size" 126 'program headers' "$work/lies"
patched "$work/lies" 56 '\xff\xff'
refused "65535 program headers" 126 'program headers' "$work/lies"

# Anything may become of a program whose segments lie; but only of it.
for offset in $(seq 64 4 400); do
  for bytes in '\xff\xff\xff\xff' '\x00\x00\x00\x00' '\x00\x00\x00\x80'; do
    patched "$work/lies" "$offset" "$bytes"
    checks=$((checks + 1))
    timeout 20 "$GONZO" run "$work/lies" </dev/null >/dev/null 2>"$work/err"
    got=$?
    case $got in
      124 | 125 | 134) fail "a lie at $offset ($bytes): status $got: $(head -1 "$work/err")" ;;
    esac
    grep -q 'internal error\|Sanitizer' "$work/err" && fail "a lie at $offset ($bytes): $(head -1 "$work/err")"
  done
done
finish
