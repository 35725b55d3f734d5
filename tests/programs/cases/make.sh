# make -j2 of a C project that it writes first: 12 files, a static library, a program.
set -e
for i in $(seq 1 12); do
  {
    echo '#include <stdio.h>'
    echo '#include <string.h>'
    echo '#include "part.h"'
    for j in $(seq 1 40); do
      echo "static long step_${i}_$j(long x) { char t[32]; snprintf(t, sizeof t, \"%ld\", x); return x * $j + (long)strlen(t); }"
    done
    echo "long part_$i(long x) {"
    for j in $(seq 1 40); do echo "  x = step_${i}_$j(x) % 1000003;"; done
    echo "  return x; }"
  } >"part_$i.c"
done
for i in $(seq 1 12); do echo "long part_$i(long x);"; done >part.h
{
  echo '#include <stdio.h>'
  echo '#include "part.h"'
  echo 'int main(void) { long x = 1;'
  for i in $(seq 1 12); do echo "  x = part_$i(x);"; done
  echo '  printf("%ld\n", x); return x % 100; }'
} >main.c
cat >Makefile <<'END'
PARTS := $(sort $(patsubst %.c,%.o,$(wildcard part_*.c)))
program: main.o libparts.a
	$(CC) -o $@ main.o -L. -lparts
libparts.a: $(PARTS)
	$(AR) rcsD $@ $^
%.o: %.c part.h
	$(CC) -O2 -Wall -c -o $@ $<
END
# The order of the commands is make's affair with -j2.
make -j2 2>&1 | sort
sha256sum libparts.a
make
./program || echo "status $?"
