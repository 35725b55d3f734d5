// What futex(2) answers where nobody waits: orders of checks, and FUTEX_WAKE_OP's arithmetic.
#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static uint32_t a = 1, b = 2;

#define CALL(...)                                                \
  do {                                                           \
    errno = 0;                                                   \
    long result = syscall(SYS_futex, __VA_ARGS__);               \
    printf("%s: %ld %s, %u %u\n", #__VA_ARGS__, result,          \
           errno ? strerrorname_np(errno) : "", a, b);           \
  } while (0)

int main(void) {
  CALL(&a, FUTEX_WAKE_OP, 1, 1, &b, FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_EQ, 2));
  CALL(&a, FUTEX_WAKE_OP, 1, 1, &b, FUTEX_OP(FUTEX_OP_SET, -1, FUTEX_OP_CMP_EQ, 2));
  CALL(&a, FUTEX_WAKE_OP, 1, 1, &b, FUTEX_OP((FUTEX_OP_SET | FUTEX_OP_OPARG_SHIFT), 4, FUTEX_OP_CMP_EQ, 2));
  CALL(&a, FUTEX_WAKE_OP, 1, 1, &b, FUTEX_OP((FUTEX_OP_SET | FUTEX_OP_OPARG_SHIFT), 33, FUTEX_OP_CMP_EQ, 2));
  CALL(&a, FUTEX_WAKE_OP, 1, 1, &b, FUTEX_OP(6, 4, FUTEX_OP_CMP_EQ, 2));
  CALL(&a, FUTEX_WAKE_OP, 1, 1, &b, FUTEX_OP(FUTEX_OP_OR, 1, 9, 2));
  CALL(&a, FUTEX_WAKE_OP, 1, 1, (void*)8, FUTEX_OP(FUTEX_OP_OR, 1, FUTEX_OP_CMP_EQ, 2));
  CALL(&a, FUTEX_WAKE_OP, 1, 1, (void*)9, FUTEX_OP(FUTEX_OP_OR, 1, FUTEX_OP_CMP_EQ, 2));
  CALL((void*)8, FUTEX_WAKE_OP|128, 1, 1, &b, FUTEX_OP(FUTEX_OP_OR, 1, FUTEX_OP_CMP_EQ, 2));
  CALL((void*)8, FUTEX_WAKE, 1);
  CALL((void*)8, FUTEX_WAKE_PRIVATE, 1);
  CALL((void*)9, FUTEX_WAKE_PRIVATE, 1);
  CALL((void*)-8, FUTEX_WAKE_PRIVATE, 1);
  CALL(&a, FUTEX_CMP_REQUEUE, 1, -1, &b, 1);
  CALL(&a, FUTEX_CMP_REQUEUE, -1, 1, &b, 1);
  CALL(&a, FUTEX_CMP_REQUEUE, 1, 1, &b, 9);
  CALL(&a, FUTEX_CMP_REQUEUE_PRIVATE, 1, 1, (void*)8, a);
  CALL(&a, FUTEX_CMP_REQUEUE, 1, 1, (void*)8, a);
  CALL(&a, FUTEX_WAKE_BITSET, 1, 0, 0, 0);
  CALL((void*)9, FUTEX_WAKE_BITSET, 1, 0, 0, 0);
  CALL(&a, FUTEX_WAKE, 0);
  CALL(&a, FUTEX_WAKE, -5);
  CALL((void*)8, FUTEX_WAIT_PRIVATE, 1, 0);
  CALL((void*)9, FUTEX_WAIT_BITSET, 1, 0, 0, 0);
  CALL(&a, 77, 1, 0);
  CALL(&a, FUTEX_WAKE|FUTEX_CLOCK_REALTIME, 1, 0);
  CALL(&a, FUTEX_WAIT|FUTEX_CLOCK_REALTIME, 9, 0);
  struct timespec soon = {0, 1000000}, past = {1, 0}, bad = {0, -1};
  CALL(&a, FUTEX_WAIT, a, &soon);
  CALL(&a, FUTEX_WAIT_BITSET, a, &past, 0, 1);
  CALL(&a, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, a, &past, 0, 1);
  CALL(&a, FUTEX_WAIT, a, &bad);
  CALL(&a, FUTEX_WAIT, a + 1, &bad);
  return 0;
}
