#include "kernel/signal_frame.h"

#include <csignal>
#include <cstddef>

#include "kernel/cpu_flags.h"
#include "kernel/extended_state.h"
#include "kernel/signal.h"
#include "kernel/signal_frame_i386.h"

namespace gonzo {
namespace {

constexpr std::uint64_t kRedZone = 128;  // System V ABI, AMD64 supplement, 3.2.2
constexpr std::uint64_t kStateAlignment = 64;
constexpr std::uint16_t kUserCodeSegment = 0x33, kUserDataSegment = 0x2b;

constexpr std::uint64_t kHasExtendedState = 1;   // UC_FP_XSTATE
constexpr std::uint64_t kSavesStackSegment = 6;  // UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS

constexpr std::uint64_t align_down(std::uint64_t value, std::uint64_t alignment) {
  return value & ~(alignment - 1);
}

struct Place {
  VirtAddr frame, state;
};

Result<Place> choose_place(const SignalStack& stack, std::uint64_t stack_pointer,
                           const SignalAction& action, std::uint64_t state_bytes) {
  const auto [top, is_alternate] = handler_stack(stack, stack_pointer - kRedZone, action);
  const std::uint64_t state = align_down(top - state_bytes, kStateAlignment);
  // As if a call had pushed the return address.
  const std::uint64_t frame = align_down(state - sizeof(SignalFrame), 16) - 8;
  if (is_alternate && !stack.holds(frame)) return fail(Errno::kFault);
  return Place{VirtAddr(frame), VirtAddr(state)};
}

SignalContext save_registers(const CpuRegisters& from, const FaultRecord& fault, SignalSet mask,
                             VirtAddr state) {
  return {.r8 = from.r8,
          .r9 = from.r9,
          .r10 = from.r10,
          .r11 = from.r11,
          .r12 = from.r12,
          .r13 = from.r13,
          .r14 = from.r14,
          .r15 = from.r15,
          .rdi = from.rdi,
          .rsi = from.rsi,
          .rbp = from.rbp,
          .rbx = from.rbx,
          .rdx = from.rdx,
          .rax = from.rax,
          .rcx = from.rcx,
          .rsp = from.rsp,
          .rip = from.rip,
          .rflags = from.rflags,
          .cs = kUserCodeSegment,
          .gs = 0,
          .fs = 0,
          .ss = kUserDataSegment,
          .error_code = fault.error_code,
          .trap_number = fault.trap_number,
          .old_mask = mask,
          .fault_address = fault.address,
          .extended_state = state.value,
          .reserved = {}};
}

void restore_registers(CpuRegisters& to, const SignalContext& from) {
  to.r8 = from.r8;
  to.r9 = from.r9;
  to.r10 = from.r10;
  to.r11 = from.r11;
  to.r12 = from.r12;
  to.r13 = from.r13;
  to.r14 = from.r14;
  to.r15 = from.r15;
  to.rdi = from.rdi;
  to.rsi = from.rsi;
  to.rbp = from.rbp;
  to.rbx = from.rbx;
  to.rdx = from.rdx;
  to.rax = from.rax;
  to.rcx = from.rcx;
  to.rsp = from.rsp;
  to.rip = from.rip;
  to.rflags = (to.rflags & ~cpu_flag::kRestored) | (from.rflags & cpu_flag::kRestored);
}

}  // namespace

Result<void> push_signal_frame(Task& task, const SignalInfo& info, const SignalAction& action,
                               SignalSet mask) {
  if ((action.flags & kI386Action) != 0) return push_i386_signal_frame(task, info, action, mask);
  if ((action.flags & kRestorerAction) == 0) return fail(Errno::kFault);
  CpuRegisters& registers = task.registers();
  ExtendedState state(task.thread().extended_state());
  GONZO_ASSIGN(const Place place,
               choose_place(task.signal_stack(), registers.rsp, action, state.frame_bytes()));
  AddressSpace& memory = task.memory();
  if (state.exists()) GONZO_TRY(state.save(memory, place.state));

  SignalFrame frame{};
  frame.return_address = action.restorer;
  frame.context.flags = kSavesStackSegment | (state.exists() ? kHasExtendedState : 0);
  frame.context.stack = task.signal_stack();
  frame.context.registers =
      save_registers(registers, task.last_fault(), mask, state.exists() ? place.state : VirtAddr());
  frame.context.mask = mask;
  frame.info = info;
  // Without SA_SIGINFO Linux leaves the siginfo's place as it is.
  const bool with_info = (action.flags & SA_SIGINFO) != 0;
  const auto bytes = std::as_bytes(std::span(&frame, 1));
  GONZO_TRY(memory.copy_out(place.frame,
                            bytes.first(with_info ? sizeof(frame) : offsetof(SignalFrame, info))));

  registers.rdi = static_cast<std::uint64_t>(info.signal);
  registers.rsi = place.frame.value + offsetof(SignalFrame, info);
  registers.rdx = place.frame.value + offsetof(SignalFrame, context);
  registers.rax = 0;  // a handler without a prototype may look for the number of vector arguments
  registers.rip = action.handler;
  registers.rsp = place.frame.value;
  registers.cs = segment::kUserCode64;
  registers.rflags &= ~cpu_flag::kClearedForHandler;
  state.reset();
  if (task.signal_stack().disarms_itself()) task.signal_stack() = {};
  return {};
}

Result<void> pop_signal_frame(Task& task) {
  AddressSpace& memory = task.memory();
  // `ret` has taken the return address off.
  const VirtAddr frame = VirtAddr(task.registers().rsp) - sizeof(SignalFrame::return_address);
  GONZO_ASSIGN(const auto context,
               memory.load<UserContext>(frame + offsetof(SignalFrame, context)));
  ExtendedState state(task.thread().extended_state());
  if (context.registers.extended_state == 0) {
    state.reset();
  } else if (state.exists()) {
    GONZO_TRY(state.restore(memory, VirtAddr(context.registers.extended_state)));
  }
  task.set_signal_mask(context.mask);
  restore_registers(task.registers(), context.registers);
  // As Linux, after the registers, and whatever comes of it.
  [[maybe_unused]] const bool restored = change_signal_stack(task, &context.stack).has_value();
  return {};
}

}  // namespace gonzo
