// Forks until it is refused, at most as often as its argument says; then all end and are waited for.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

int main(int count, char** arguments) {
  const int most = count > 1 ? atoi(arguments[1]) : 10;
  pid_t* const children = calloc((size_t)most, sizeof *children);
  const pid_t parent = getpid();
  int made = 0;
  const char* refusal = "none";
  while (made < most) {
    const pid_t child = fork();
    if (child < 0) {
      refusal = strerrorname_np(errno);
      break;
    }
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
      if (getppid() != parent) _exit(1);  // it has died before
      for (;;) pause();
    }
    children[made++] = child;
  }
  int ended = 0;
  for (int i = 0; i < made; ++i) kill(children[i], SIGKILL);
  for (int i = 0; i < made; ++i) {
    int status = 0;
    ended += waitpid(children[i], &status, 0) == children[i] && WTERMSIG(status) == SIGKILL;
  }
  printf("refused: %s; all ended: %d; after that a fork works: %d\n", refusal, ended == made,
         fork() >= 0);
  return made == 0;
}
