// A system on the soft machine with one process, for tests that need no processor.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "kernel/process.h"
#include "kernel/process_table.h"
#include "kernel/system.h"
#include "kernel/task.h"
#include "kernel/task_threads.h"

namespace gonzo {

/// Steps that the test queues; idle when there are none.
struct StepQueue {
  std::deque<SoftStep> steps;
  std::vector<std::uint64_t> loaded;
};

class QueuedProgram final : public SoftProgram {
 public:
  explicit QueuedProgram(std::shared_ptr<StepQueue> queue) : queue_(std::move(queue)) {}
  SoftStep next(CpuRegisters&) override {
    if (queue_->steps.empty()) return {};
    const SoftStep step = queue_->steps.front();
    queue_->steps.pop_front();
    return step;
  }
  void loaded(CpuRegisters&, std::uint64_t value) override { queue_->loaded.push_back(value); }

 private:
  std::shared_ptr<StepQueue> queue_;
};

class SoftWorld {
 public:
  explicit SoftWorld(const Inheritance& inheritance = {}) {
    auto made = System::create({.memory_bytes = 64ULL << 20,
                                .machine = MachineKind::kSoft,
                                .soft = {.load = [queue = queue_](const CpuRegisters&) {
                                  return std::make_unique<QueuedProgram>(queue);
                                }}});
    EXPECT_TRUE(made.has_value());
    system_ = std::move(*made);
    auto process = Process::create(*system_, 1, inheritance);
    EXPECT_TRUE(process.has_value());
    process_ = std::move(*process);
    EXPECT_EQ(system_->processes().reserve_id(), 1);
    system_->processes().add_first(process_);
  }
  ~SoftWorld() {
    EXPECT_EQ(process_->memory().verify(), "");
    end();
    process_->release();
    process_.reset();
    EXPECT_EQ(system_->shut_down(), "");
  }
  SoftWorld(const SoftWorld&) = delete;
  SoftWorld& operator=(const SoftWorld&) = delete;

  System& system() { return *system_; }
  Process& process() { return *process_; }
  AddressSpace& memory() { return process_->memory(); }
  StepQueue& queue() { return *queue_; }
  /// A task on a thread of the soft machine.
  Task& start(const ExecResult& at = {}) {
    end();
    auto task = Task::create(*process_, 1, at);
    EXPECT_TRUE(task.has_value());
    task_ = std::move(*task);
    system_->processes().add_task(task_);
    return *task_;
  }
  Task& start(std::unique_ptr<MachineThread> thread) {
    end();
    auto task = Task::create(*process_, 1, std::move(thread));
    EXPECT_TRUE(task.has_value());
    task_ = std::move(*task);
    EXPECT_TRUE(process_->attach(*task_));
    system_->processes().add_task(task_);
    return *task_;
  }

 private:
  void end() {
    if (task_ == nullptr) return;
    process_->detach(*task_);
    system_->processes().remove_task(*task_);
    task_.reset();
  }

  std::shared_ptr<StepQueue> queue_ = std::make_shared<StepQueue>();
  std::unique_ptr<System> system_;
  std::shared_ptr<Process> process_;
  std::shared_ptr<Task> task_;
};

}  // namespace gonzo
