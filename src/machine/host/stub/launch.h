/* Forks the zygote. Between the fork and the stub only this uninstrumented code runs. */
#ifndef GONZO_MACHINE_HOST_STUB_LAUNCH_H
#define GONZO_MACHINE_HOST_STUB_LAUNCH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gonzo_launch {
  int32_t text_fd;
  int32_t slots_fd;
  uint64_t text_bytes; /* whole pages */
  void* rseq;          /* the calling thread's registered area, or null */
  uint32_t rseq_bytes;
};

/* Returns the zygote's process id or -errno. The child continues in the stub, on slot 0. */
long gonzo_launch_zygote(const struct gonzo_launch* plan);

extern const unsigned char gonzo_stub_start[];
extern const unsigned char gonzo_stub_end[];

#ifdef __cplusplus
}
#endif

#endif
