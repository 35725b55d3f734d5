#include "syscall/syscalls.h"

#include <fmt/format.h>

#include "syscall/decode.h"
#include "syscall/pass_through.h"

namespace gonzo {

Result<std::unique_ptr<Syscalls>> Syscalls::create(const Trace* trace) {
  GONZO_ASSIGN(BadPointer bad_pointer, BadPointer::create());
  return std::unique_ptr<Syscalls>(new Syscalls(std::move(bad_pointer), trace));
}

namespace {
/// An i386 call sees the low halves of the registers.
constexpr std::uint32_t low(std::uint64_t value) { return static_cast<std::uint32_t>(value); }
}  // namespace

void Syscalls::handle(Task& task) {
  const CpuRegisters registers = task.registers();
  const bool narrow = task.call_abi == SyscallAbi::kI386;
  const std::int64_t result =
      narrow ? answer_i386(task, low(registers.rax),
                           {low(registers.rbx), low(registers.rcx), low(registers.rdx),
                            low(registers.rsi), low(registers.rdi), low(registers.rbp)})
             : answer(task, registers.rax,
                      {registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8,
                       registers.r9});
  task.registers().rax = static_cast<std::uint64_t>(result);  // exec's are others
}

std::int64_t Syscalls::answer(Task& task, std::uint64_t number, const Arguments& arguments) {
  const SyscallRow* row = table_.find(number);
  if (row == nullptr) return refuse(task, number, arguments);
  Call call{.task = task, .row = *row, .bad_pointer = bad_pointer_, .arguments = arguments};
  return answer(call);
}

std::int64_t Syscalls::answer_i386(Task& task, std::uint32_t number, const Arguments& arguments) {
  const auto redirected = redirect_i386(task.memory(), number, arguments);
  if (!redirected) return raw(redirected.error());
  if (*redirected) return answer_i386(task, (*redirected)->number, (*redirected)->arguments);
  const I386Call& entry = i386_table_.find(number);
  if (entry.row == nullptr) return refuse(task, number, arguments);
  Call call{.task = task,
            .row = *entry.row,
            .bad_pointer = bad_pointer_,
            .arguments = entry.arrange != nullptr ? entry.arrange(arguments) : arguments,
            .layout = entry.layout};
  return answer(call);
}

std::int64_t Syscalls::answer(Call& call) {
  return trace_ == nullptr ? dispatch(call) : answer_traced(call);
}

std::int64_t Syscalls::refuse(const Task& task, std::uint64_t number,
                              const Arguments& arguments) const {
  if (trace_ != nullptr) {
    trace_->line(task,
                 fmt::format("syscall_{}({:#x}, {:#x}, {:#x}, {:#x}, {:#x}, {:#x}) = -1 ENOSYS "
                             "(unknown call)",
                             number, arguments[0], arguments[1], arguments[2], arguments[3],
                             arguments[4], arguments[5]));
  }
  return raw(Errno::kNoSys);
}

std::int64_t Syscalls::dispatch(Call& call) {
  const Signature& signature = call.row.signature;
  if (signature.handler != nullptr) return signature.handler(call);
  if (signature.absent != Errno{}) return raw(signature.absent);
  return PassThrough(call).run();
}

std::int64_t Syscalls::answer_traced(Call& call) {
  const CallText text(call);
  const Arguments arguments = call.arguments;
  const std::int64_t result = dispatch(call);
  call.arguments = arguments;  // a handler may have changed them for the host
  if (call.row.signature.result == Returns::kNothing) {
    trace_->line(call.task, fmt::format("{:<39} = ?", text.begun(call)));
  } else {
    trace_->line(call.task, text.finished(call, result));
  }
  return result;
}

}  // namespace gonzo
