// What becomes of a load or store: "ok" or the signal.
#pragma once

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static sigjmp_buf touch_return;
static volatile int touch_code;

static inline void touch_failed(int signal, siginfo_t* info, void* context) {
  (void)context;
  touch_code = info->si_code;
  siglongjmp(touch_return, signal);
}

static inline void catch_faults(void) {
  struct sigaction action = {.sa_sigaction = touch_failed, .sa_flags = SA_SIGINFO};
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGBUS, &action, NULL);
}

static inline const char* touched(char* at, int writing) {
  static char text[64];
  const int signal = sigsetjmp(touch_return, 1);
  if (signal != 0) {
    snprintf(text, sizeof text, "SIG%s %d", sigabbrev_np(signal), touch_code);
    return text;
  }
  if (writing)
    *(volatile char*)at = 'w';
  else
    (void)*(volatile char*)at;
  return "ok";
}
