// Each test takes over a child's descriptors, never the test program's own.
#include "kernel/inheritance.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

namespace gonzo {
namespace {

/// The exit code of `body` in a child.
template <typename Body>
int in_child(Body body) {
  const pid_t pid = fork();
  if (pid == 0) _exit(body());
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

ino_t inode(int fd) {
  struct stat status{};
  return fstat(fd, &status) == 0 ? status.st_ino : 0;
}

const OpenFile* find(const Inheritance& inheritance, int number) {
  for (const auto& descriptor : inheritance.descriptors) {
    if (descriptor.number == number) return descriptor.file.get();
  }
  return nullptr;
}

TEST(Inheritance, MovesWhatExecLeftOpenAndNothingElse) {
  EXPECT_EQ(in_child([] {
              std::array<int, 2> pipe_ends{};
              if (pipe(pipe_ends.data()) != 0) return 1;
              dup2(pipe_ends[1], 1);
              dup2(pipe_ends[1], 77);
              const ino_t pipe_inode = inode(1);
              const int own = open("/dev/null", O_RDONLY | O_CLOEXEC);
              const auto inheritance = Inheritance::take_from_host();
              if (!inheritance) return 2;
              const OpenFile* out = find(*inheritance, 1);
              const OpenFile* other = find(*inheritance, 77);
              if (out == nullptr || inode(out->host_fd()) != pipe_inode) return 3;
              if (other == nullptr || inode(other->host_fd()) != pipe_inode) return 4;
              if (find(*inheritance, own) != nullptr || fcntl(own, F_GETFD) < 0) return 5;
              if (fcntl(77, F_GETFD) >= 0) return 6;
              if (inode(1) == pipe_inode) return 7;
              if (fcntl(out->host_fd(), F_GETFD) != FD_CLOEXEC) return 8;
              return 0;
            }),
            0);
}

TEST(Inheritance, AClosedStandardDescriptorStaysClosedForTheGuest) {
  EXPECT_EQ(in_child([] {
              close(0);
              close(2);
              const auto inheritance = Inheritance::take_from_host();
              if (!inheritance) return 1;
              if (find(*inheritance, 0) != nullptr || find(*inheritance, 2) != nullptr) return 2;
              // For the runner they are taken, so that nothing of its own lands there.
              return open("/dev/null", O_RDONLY | O_CLOEXEC) > 2 ? 0 : 3;
            }),
            0);
}

TEST(Inheritance, TheLastCloseOfAPipeIsTheGuests) {
  EXPECT_EQ(in_child([] {
              std::array<int, 2> pipe_ends{};
              if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) return 1;
              dup2(pipe_ends[1], 1);
              close(pipe_ends[1]);
              auto inheritance = Inheritance::take_from_host();
              if (!inheritance) return 2;
              inheritance->descriptors.clear();
              char byte = 0;
              return read(pipe_ends[0], &byte, 1) == 0 ? 0 : 3;
            }),
            0);
}

TEST(Inheritance, KeepsLimitsAndSignalsAsTheyWere) {
  EXPECT_EQ(in_child([] {
              const rlimit files{100, 5000};
              if (setrlimit(RLIMIT_NOFILE, &files) != 0) return 1;
              signal(SIGHUP, SIG_IGN);
              sigset_t blocked;
              sigemptyset(&blocked);
              sigaddset(&blocked, SIGUSR2);
              sigprocmask(SIG_SETMASK, &blocked, nullptr);
              const auto inheritance = Inheritance::take_from_host();
              if (!inheritance) return 2;
              const ResourceLimit& kept = inheritance->limits[RLIMIT_NOFILE];
              if (kept.soft != 100 || kept.hard != 5000) return 3;
              rlimit now{};
              getrlimit(RLIMIT_NOFILE, &now);
              if (now.rlim_cur != 5000) return 4;
              if ((inheritance->ignored_signals & signal_bit(SIGHUP)) == 0) return 5;
              return inheritance->blocked_signals == signal_bit(SIGUSR2) ? 0 : 6;
            }),
            0);
}

}  // namespace
}  // namespace gonzo
