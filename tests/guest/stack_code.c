// Runs code that it has written to its stack: what page tables without NX cannot forbid.
#include <stdio.h>
#include <string.h>

int main(void) {
  const unsigned char answer[] = {0xb8, 42, 0, 0, 0, 0xc3};  // mov $42, %eax; ret
  unsigned char code[64];
  memcpy(code, answer, sizeof answer);
  int (*function)(void) = (int (*)(void))code;
  __asm__ volatile("" : "+r"(function) : "r"(code) : "memory");
  printf("the stack answers %d\n", function());
  return 0;
}
