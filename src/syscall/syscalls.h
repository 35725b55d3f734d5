// Answers the system calls of tasks.
#pragma once

#include <memory>

#include "kernel/run_loop.h"
#include "syscall/bad_pointer.h"
#include "syscall/i386/table.h"
#include "syscall/table.h"
#include "syscall/trace.h"

namespace gonzo {

/// Thread-safe: what a call needs lives on its own thread's stack.
class Syscalls final : public SyscallHandler {
 public:
  /// `trace` may be null and outlives this. ENOMEM.
  static Result<std::unique_ptr<Syscalls>> create(const Trace* trace);

  void handle(Task& task) override;
  /// One call with these arguments; the result, or -errno.
  std::int64_t answer(Task& task, std::uint64_t number, const Arguments& arguments);
  /// The same, by i386's table.
  std::int64_t answer_i386(Task& task, std::uint32_t number, const Arguments& arguments);

  const SyscallTable& table() const { return table_; }

 private:
  Syscalls(BadPointer bad_pointer, const Trace* trace)
      : bad_pointer_(std::move(bad_pointer)), trace_(trace) {}
  std::int64_t answer(Call& call);
  std::int64_t answer_traced(Call& call);
  std::int64_t refuse(const Task& task, std::uint64_t number, const Arguments& arguments) const;
  static std::int64_t dispatch(Call& call);

  SyscallTable table_;
  I386Table i386_table_{table_};
  BadPointer bad_pointer_;
  const Trace* trace_;
};

}  // namespace gonzo
