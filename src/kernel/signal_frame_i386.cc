#include "kernel/signal_frame_i386.h"

#include <algorithm>
#include <csignal>
#include <cstddef>

#include "kernel/cpu_flags.h"
#include "kernel/extended_state.h"
#include "kernel/legacy_float.h"
#include "kernel/signal.h"
#include "kernel/signal_frame.h"

namespace gonzo {
namespace {

constexpr std::uint32_t kHasExtendedState = 1;  // UC_FP_XSTATE

// pop %eax; mov $119, %eax; int $0x80 (sigreturn), and mov $173, %eax; int $0x80 (rt_sigreturn):
// debuggers know a frame by these.
constexpr std::array<std::uint8_t, 8> kPlainReturn{0x58, 0xb8, 119, 0, 0, 0, 0xcd, 0x80};
constexpr std::array<std::uint8_t, 8> kInfoReturn{0xb8, 173, 0, 0, 0, 0xcd, 0x80, 0};

std::uint32_t low(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

struct Place {
  VirtAddr frame;
  VirtAddr float_state;  ///< the x87 part; the rest follows at a multiple of 64
};

/// Linux: fpu__alloc_mathframe.
Result<Place> choose_place(Task& task, const SignalAction& action, std::uint64_t frame_bytes,
                           std::uint64_t state_bytes) {
  const SignalStack& stack = task.signal_stack();
  const auto [top, is_alternate] = handler_stack(stack, low(task.registers().rsp), action);
  const std::uint64_t extended = (top - state_bytes) & ~63ULL;
  const std::uint64_t state = state_bytes != 0 ? extended - sizeof(LegacyFloat) : extended;
  // So that at the handler's first instruction esp + 4 is a multiple of 16, as after a call.
  const std::uint64_t frame = ((state - frame_bytes + 4) & ~15ULL) - 4;
  if (is_alternate && !stack.holds(frame)) return fail(Errno::kFault);
  return Place{VirtAddr(frame), VirtAddr(state)};
}

Result<void> save_float(Task& task, VirtAddr to) {
  const ExtendedState state(task.thread().extended_state());
  if (!state.exists()) return {};
  const CpuRegisters& registers = task.registers();
  GONZO_TRY(task.memory().store(
      to, to_legacy_float(task.thread().extended_state(), registers.cs, registers.ds)));
  return state.save(task.memory(), to + sizeof(LegacyFloat));
}

/// The x87 part of the frame counts, though the newer form has it again.
Result<void> restore_float(Task& task, VirtAddr from) {
  ExtendedState state(task.thread().extended_state());
  if (from == VirtAddr()) {
    state.reset();
    return {};
  }
  if (!state.exists()) return {};
  GONZO_ASSIGN(const auto legacy, task.memory().load<LegacyFloat>(from));
  GONZO_TRY(state.restore(task.memory(), from + sizeof(LegacyFloat)));
  apply_legacy_float(task.thread().extended_state(), legacy);
  return {};
}

I386SignalContext save_registers(const CpuRegisters& from, const FaultRecord& fault, SignalSet mask,
                                 VirtAddr float_state) {
  return {.gs = from.gs,
          .fs = from.fs,
          .es = from.es,
          .ds = from.ds,
          .edi = low(from.rdi),
          .esi = low(from.rsi),
          .ebp = low(from.rbp),
          .esp = low(from.rsp),
          .ebx = low(from.rbx),
          .edx = low(from.rdx),
          .ecx = low(from.rcx),
          .eax = low(from.rax),
          .trap_number = low(fault.trap_number),
          .error_code = low(fault.error_code),
          .eip = low(from.rip),
          .cs = from.cs,
          .eflags = low(from.rflags),
          .esp_at_signal = low(from.rsp),
          .ss = from.ss,
          .float_state = low(float_state.value),
          .old_mask = low(mask),
          .fault_address = low(fault.address)};
}

/// A user's selector is one of privilege level 3 (Linux: fixup_rpl).
std::uint16_t user_selector(std::uint32_t value) {
  const auto selector = static_cast<std::uint16_t>(value);
  return selector > 3 ? selector | 3 : selector;
}

bool is_own_segment(const CpuRegisters& registers, std::uint16_t selector) {
  const unsigned entry = (selector >> 3) - segment::kFirstTls;
  return (selector & 7) == 3 && entry < segment::kTlsEntries && registers.tls[entry] != 0;
}

/// EFAULT: code or stack segments that the processor would refuse.
Result<void> restore_registers(CpuRegisters& to, const I386SignalContext& from) {
  const auto cs = static_cast<std::uint16_t>(from.cs | 3);
  const auto ss = static_cast<std::uint16_t>(from.ss | 3);
  if (cs != segment::kUserCode32 && cs != segment::kUserCode64) return fail(Errno::kFault);
  if (ss != segment::kUserData && !is_own_segment(to, ss)) return fail(Errno::kFault);
  to.cs = cs;
  to.ss = ss;
  to.gs = user_selector(from.gs);
  to.fs = user_selector(from.fs);
  to.es = user_selector(from.es);
  to.ds = user_selector(from.ds);
  to.rdi = from.edi;
  to.rsi = from.esi;
  to.rbp = from.ebp;
  to.rsp = from.esp;
  to.rbx = from.ebx;
  to.rdx = from.edx;
  to.rcx = from.ecx;
  to.rax = from.eax;
  to.rip = from.eip;
  to.rflags = (to.rflags & ~cpu_flag::kRestored) | (from.eflags & cpu_flag::kRestored);
  return {};
}

std::uint32_t return_address(const SignalAction& action, VirtAddr frame, std::size_t code_offset) {
  const bool given = (action.flags & kRestorerAction) != 0;
  return low(given ? action.restorer : frame.value + code_offset);
}

I386InfoFrame make_info_frame(Task& task, const SignalInfo& info, const SignalAction& action,
                              SignalSet mask, const Place& place, VirtAddr float_state) {
  const std::uint64_t at = place.frame.value;
  const SignalStack& stack = task.signal_stack();
  return {
      .return_address = return_address(action, place.frame, offsetof(I386InfoFrame, return_code)),
      .signal = info.signal,
      .info_address = low(at + offsetof(I386InfoFrame, info)),
      .context_address = low(at + offsetof(I386InfoFrame, context)),
      .info = I386SignalInfo::of(info),
      .context = {.flags = float_state != VirtAddr() ? kHasExtendedState : 0,
                  .link = 0,
                  .stack = {.base = low(stack.base), .flags = stack.flags, .size = low(stack.size)},
                  .registers =
                      save_registers(task.registers(), task.last_fault(), mask, float_state),
                  .mask = {low(mask), low(mask >> 32)}},
      .return_code = kInfoReturn};
}

I386PlainFrame make_plain_frame(Task& task, const SignalInfo& info, const SignalAction& action,
                                SignalSet mask, const Place& place, VirtAddr float_state) {
  return {
      .return_address = return_address(action, place.frame, offsetof(I386PlainFrame, return_code)),
      .signal = info.signal,
      .registers = save_registers(task.registers(), task.last_fault(), mask, float_state),
      .unused = {},
      .high_mask = low(mask >> 32),
      .return_code = kPlainReturn};
}

}  // namespace

Result<void> push_i386_signal_frame(Task& task, const SignalInfo& info, const SignalAction& action,
                                    SignalSet mask) {
  ExtendedState state(task.thread().extended_state());
  const bool with_info = (action.flags & SA_SIGINFO) != 0;
  GONZO_ASSIGN(
      const Place place,
      choose_place(task, action, with_info ? sizeof(I386InfoFrame) : sizeof(I386PlainFrame),
                   state.frame_bytes()));
  GONZO_TRY(save_float(task, place.float_state));
  const VirtAddr float_state = state.exists() ? place.float_state : VirtAddr();
  CpuRegisters& registers = task.registers();
  AddressSpace& memory = task.memory();
  std::uint64_t info_address = 0, context_address = 0;
  if (with_info) {
    const auto frame = make_info_frame(task, info, action, mask, place, float_state);
    GONZO_TRY(memory.store(place.frame, frame));
    info_address = frame.info_address;
    context_address = frame.context_address;
  } else {
    const auto frame = make_plain_frame(task, info, action, mask, place, float_state);
    GONZO_TRY(memory.store(place.frame, frame));
  }
  // The arguments lie in the frame for handlers of the usual convention, and here for others.
  registers.rax = low(static_cast<std::uint64_t>(info.signal));
  registers.rdx = info_address;
  registers.rcx = context_address;
  registers.rip = low(action.handler);
  registers.rsp = place.frame.value;
  registers.rflags &= ~cpu_flag::kClearedForHandler;
  registers.cs = segment::kUserCode32;
  registers.ds = registers.es = registers.ss = segment::kUserData;
  state.reset();
  if (task.signal_stack().disarms_itself()) task.signal_stack() = {};
  return {};
}

Result<void> pop_i386_info_frame(Task& task) {
  // `ret` has taken the return address off.
  const VirtAddr frame(low(task.registers().rsp) - 4ULL);
  GONZO_ASSIGN(const auto context,
               task.memory().load<I386UserContext>(frame + offsetof(I386InfoFrame, context)));
  GONZO_TRY(restore_float(task, VirtAddr(context.registers.float_state)));
  task.set_signal_mask(context.mask[0] | SignalSet{context.mask[1]} << 32);
  GONZO_TRY(restore_registers(task.registers(), context.registers));
  const SignalStack stack{
      .base = context.stack.base, .flags = context.stack.flags, .size = context.stack.size};
  [[maybe_unused]] const bool restored = change_signal_stack(task, &stack).has_value();
  return {};
}

Result<void> pop_i386_plain_frame(Task& task) {
  // The restorer has taken the signal's number off as well.
  const VirtAddr frame(low(task.registers().rsp) - 8ULL);
  GONZO_ASSIGN(const auto registers,
               task.memory().load<I386SignalContext>(frame + offsetof(I386PlainFrame, registers)));
  GONZO_ASSIGN(const auto high_mask,
               task.memory().load<std::uint32_t>(frame + offsetof(I386PlainFrame, high_mask)));
  GONZO_TRY(restore_float(task, VirtAddr(registers.float_state)));
  task.set_signal_mask(registers.old_mask | SignalSet{high_mask} << 32);
  return restore_registers(task.registers(), registers);
}

}  // namespace gonzo
