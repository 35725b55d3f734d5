#!/usr/bin/env bash
# The installed library, from outside the source tree: its headers alone, pkg-config, find_package,
# and the emulator of examples/emulator, whose programs print what they print natively.
#   install.sh BUILD_DIRECTORY SOURCE_DIRECTORY
build=$1 source=$2 GONZO=
. "$source/tests/cli/lib.sh"
export LC_ALL=C
prefix=$work/prefix
cxx=${CXX:-g++}

status "install" 0 cmake --install "$build" --prefix "$prefix"
# Each header before and after the others: none leans on one that happened to be there.
for order in "" -r; do
  (cd "$prefix/include" && find gonzo -name '*.h' | sort $order | sed 's/.*/#include <&>/') >"$work/all$order.cc"
  status "headers alone, sort $order" 0 "$cxx" -std=c++23 -Wall -Wextra -Werror -fsyntax-only -I "$prefix/include" "$work/all$order.cc"
done

export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
cp "$source/examples/embed.cc" "$work/"
# shellcheck disable=SC2046  # words
status "pkg-config" 0 "$cxx" -std=c++23 -o "$work/embed" "$work/embed.cc" $(pkg-config --cflags --libs gonzo)
status "embed" 0 "$work/embed"
equal "embed" "parent 42, child 7, resident 1 and 1 pages" "$(head -1 "$work/out")"

if ! pkg-config --exists unicorn; then
  echo "skipped: the emulator (Debian's libunicorn-dev is not installed)"
  finish
fi
cp -r "$source/examples/emulator" "$work/source"
status "find_package: configure" 0 cmake -S "$work/source" -B "$work/emulator" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_COMPILER="$cxx"
status "find_package: build" 0 cmake --build "$work/emulator" -j 2
emulator=$work/emulator/emulator

# What Unicorn keeps at its end is its own affair.
export ASAN_OPTIONS=detect_leaks=0
kinds=(-m64)
gcc -m32 -static -o "$work/probe" -x c - <<<'int main(void) { return 0; }' 2>/dev/null && kinds+=(-m32)
[ "${#kinds[@]}" = 2 ] || echo "skipped: i386 programs (the compiler cannot do -m32: Debian's gcc-multilib)"
for kind in "${kinds[@]}"; do
  guest=$work/guest$kind
  gcc "$kind" -O1 -static -o "$guest" "$work/source/guest.c"
  "$guest" 4000 >"$work/native"
  # Its 16 MB in 8, and the rest in swap.
  status "emulator $kind" 0 "$emulator" --memory 8 --swap 64 --stats "$guest" 4000
  equal "emulator $kind" "$(cat "$work/native")" "$(cat "$work/out")"
  equal "emulator $kind: swap was used" 1 "$(grep -cE '[0-9]{3,} pages swapped out, [0-9]{3,} in' "$work/err")"
  status "emulator $kind, without swap" 1 "$emulator" --memory 8 "$guest" 4000
  one_line "emulator $kind, without swap" 'mmap: Cannot allocate memory'
  status "emulator $kind, crash" 139 "$emulator" "$guest" crash
  one_line "emulator $kind, crash" 'Segmentation fault at 0x'
done
status "emulator: no program" 2 "$emulator"
status "emulator: no number" 2 "$emulator" --memory much "$guest"
status "emulator: no ELF" 1 "$emulator" "$work/source/guest.c"
one_line "emulator: no ELF" 'guest.c: not an ELF program'
status "emulator: dynamic" 1 "$emulator" /bin/true
status "emulator: nothing there" 1 "$emulator" "$work/nothing"
one_line "emulator: nothing there" 'nothing: cannot open it: No such file'
finish
