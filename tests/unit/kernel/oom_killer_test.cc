#include "kernel/oom_killer.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <csignal>

#include "soft_world.h"

namespace gonzo {
namespace {

constexpr std::size_t kSize = 1 << 20;

/// A large child of the first process, with a task to take a signal.
std::shared_ptr<Process> large_child(SoftWorld& world, std::shared_ptr<Task>& task) {
  System& system = world.system();
  const int pid = *system.processes().reserve_id();
  std::shared_ptr<Process> child = *world.process().fork(pid, {});
  system.processes().add_child(child, world.process(), ProcessTable::Kinship::kChild, SIGCHLD);
  EXPECT_TRUE(child->memory().map({.length = kSize,
                                   .protection = PROT_READ | PROT_WRITE,
                                   .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE}));
  task = *Task::create(*child, pid, ExecResult{});
  system.processes().add_task(task);
  return child;
}

TEST(OomKillerTest, WhoFoundNothingBeforeAnotherWentTriesAgain) {
  SoftWorld world;
  OomKiller& killer = world.system().oom_killer();
  std::shared_ptr<Task> task;
  auto child = large_child(world, task);

  EXPECT_TRUE(killer.out_of_memory(1));
  EXPECT_EQ(killer.kills(), 1U);
  EXPECT_TRUE(child->group_exit());
  EXPECT_TRUE(killer.out_of_memory(1)) << "it is still going";
  EXPECT_EQ(killer.kills(), 1U);

  child->detach(*task);
  world.system().processes().remove_task(*task);
  task.reset();
  child->release();
  EXPECT_TRUE(killer.out_of_memory(1)) << "it went meanwhile";
  EXPECT_EQ(killer.kills(), 1U);
  killer.out_of_memory(1);
  EXPECT_EQ(killer.kills(), 2U) << "and nothing is left but the invoker";
}

}  // namespace
}  // namespace gonzo
