#include "machine/host/stub/launch.h"

#include <linux/rseq.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "machine/host/stub/mailbox.h"
#include "machine/host/stub/raw_syscall.h"

static const long kRseqSignature = 0x53053053; /* what glibc registers on x86 */

static void __attribute__((noreturn)) die(void) {
  for (;;) raw_syscall(SYS_exit_group, 125, 0, 0, 0, 0, 0);
}

static void map_fixed(unsigned long address, unsigned long length, int protection, int fd) {
  long mapped = raw_syscall(SYS_mmap, (long)address, (long)length, protection,
                            MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd, 0);
  if (mapped != (long)address) die();
}

static void __attribute__((noreturn)) enter_stub(const struct gonzo_launch* plan) {
  /* The stub unmaps the area that the kernel would go on writing to. */
  if (plan->rseq) {
    raw_syscall(SYS_rseq, (long)plan->rseq, plan->rseq_bytes, RSEQ_FLAG_UNREGISTER, kRseqSignature,
                0, 0);
  }
  map_fixed(GONZO_STUB_BASE, plan->text_bytes, PROT_READ | PROT_EXEC, plan->text_fd);
  map_fixed(GONZO_SLOTS_BASE, GONZO_SLOT_COUNT * GONZO_SLOT_SIZE, PROT_READ | PROT_WRITE,
            plan->slots_fd);
  __asm__ volatile(
      "mov %[stack], %%rsp\n\t"
      "xor %%ebp, %%ebp\n\t"
      "jmp *%[entry]"
      :
      : [stack] "r"(GONZO_SLOTS_BASE + GONZO_SLOT_SIZE), [entry] "r"(GONZO_STUB_BASE),
        "D"(GONZO_SLOTS_BASE)
      : "memory");
  __builtin_unreachable();
}

long gonzo_launch_zygote(const struct gonzo_launch* plan) {
  /* A fork without an exit signal: it and its CLONE_PARENT children neither disturb an embedder's
   * SIGCHLD nor its wait(); only a wait with __WALL sees them. */
  long result = raw_syscall(SYS_clone, 0, 0, 0, 0, 0, 0);
  if (result == 0) enter_stub(plan);
  return result;
}
