# What the tests of the command share. Sourced with: GONZO, GUESTS (a directory).
set -u
work=$(mktemp -d "${TMPDIR:-/tmp}/gonzo-cli-XXXXXX")
trap 'rm -rf "$work"' EXIT
failures=0
checks=0

fail() {
  echo "FAIL: $*"
  failures=$((failures + 1))
}

# Ends the test program.
finish() {
  echo "$checks checks, $failures failures"
  [ "$failures" -eq 0 ]
  exit
}

# The output of a program with the addresses of its complaints' author taken out.
own_lines() { grep -v '^gonzo: ' "$1"; }

# natively PROGRAM ARGS...: its output, errors and status to $work/native.out, native.err and $native.
natively() {
  # The shell's own remark on a signal goes nowhere.
  { ("${native_prefix[@]}" "$@" <"${input:-/dev/null}" >"$work/native.out" 2>"$work/native.err"); native=$?; } 2>/dev/null
}

# Whether the last run on Gonzo ended as the last native one did.
agrees() {
  diff <(own_lines "$work/native.err") <(own_lines "$work/guest.err") >"$work/difference" &&
    [ "$native" = "$guest" ] && cmp -s "$work/native.out" "$work/guest.out"
}

# same NAME PROGRAM ARGS...: the program does natively and on Gonzo the same: output, errors, status.
# Standard input is $input, or empty. A busy host may give a program that measures time another answer
# than a quiet one, so it is asked twice more; Gonzo has to be right at the first time.
same() {
  local name=$1 native guest
  shift
  checks=$((checks + 1))
  natively "$@"
  timeout 250 "$GONZO" run "${gonzo_options[@]}" -- "$@" <"${input:-/dev/null}" >"$work/guest.out" 2>"$work/guest.err"
  guest=$?
  for _ in 1 2; do
    ! agrees || return 0
    natively "$@"
  done
  ! agrees || return 0
  [ "$native" = "$guest" ] || {
    fail "$name: status $native natively, $guest on Gonzo"
    grep '^gonzo: ' "$work/guest.err" | tail -3
  }
  cmp -s "$work/native.out" "$work/guest.out" || {
    fail "$name: output differs"
    diff "$work/native.out" "$work/guest.out" | head -10
  }
  [ ! -s "$work/difference" ] || {
    fail "$name: errors differ"
    head -10 "$work/difference"
  }
}
gonzo_options=()
native_prefix=()  # a command that runs the program natively, as setarch(8) does
input=

# status NAME EXPECTED COMMAND...: its exit status; output and errors are left in $work/out and err.
status() {
  local name=$1 expected=$2 got
  shift 2
  checks=$((checks + 1))
  timeout 250 "$@" <"${input:-/dev/null}" >"$work/out" 2>"$work/err"
  got=$?
  [ "$got" = "$expected" ] || {
    fail "$name: status $got, not $expected"
    head -5 "$work/err"
  }
}

# one_line NAME PATTERN: standard error of the last status() was one line that matches.
one_line() {
  checks=$((checks + 1))
  [ "$(wc -l <"$work/err")" = 1 ] && grep -Eq "$2" "$work/err" || {
    fail "$1: standard error is not one line with '$2'"
    head -5 "$work/err"
  }
}

# figure NAME: of the last status(), whose command had --stats=json.
figure() { grep -o "\"$1\":[0-9]*" "$work/err" | head -1 | cut -d: -f2; }

# silent NAME: nothing on standard error.
silent() {
  checks=$((checks + 1))
  [ ! -s "$work/err" ] || {
    fail "$1: something on standard error"
    head -5 "$work/err"
  }
}

# equal NAME EXPECTED GOT
equal() {
  checks=$((checks + 1))
  [ "$2" = "$3" ] || fail "$1: '$3', not '$2'"
}
