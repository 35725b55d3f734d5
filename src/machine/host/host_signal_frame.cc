#include "machine/host/host_signal_frame.h"

#include <signal.h>

#include <array>
#include <cstring>

#include "machine/host/stub/mailbox.h"

namespace gonzo {
namespace {

// The kernel's struct ucontext; glibc's continues with what the kernel does not write.
constexpr std::uint64_t kContextBytes = 304;
constexpr std::uint64_t kLegacyBytes = 512;
constexpr std::uint64_t kXsaveHeaderBytes = 64;
constexpr std::uint64_t kSoftwareBytes = 464;  // offset of struct _fpx_sw_bytes
constexpr std::uint32_t kMagic1 = 0x46505853;  // FP_XSTATE_MAGIC1
constexpr std::uint16_t kInitialControlWord = 0x037f;
constexpr std::uint32_t kInitialMxcsr = 0x1f80;
constexpr std::uint64_t kMxcsrOffset = 24;
// REG_CSGSFS: CS, GS, FS and SS, 16 bits each.
constexpr unsigned kStackSegmentShift = 48;

struct SoftwareBytes {  // the start of struct _fpx_sw_bytes
  std::uint32_t magic1;
  std::uint32_t extended_size;
  std::uint64_t features;
  std::uint32_t state_size;
};

}  // namespace

std::optional<HostSignalFrame> HostSignalFrame::at(std::span<std::byte> slot,
                                                   std::uint64_t guest_slot,
                                                   std::uint64_t guest_frame) {
  const std::uint64_t frame = guest_frame - guest_slot;
  if (frame < GONZO_MAILBOX_SIZE || frame > slot.size() - kContextBytes || frame % 8 != 0) {
    return std::nullopt;
  }
  auto* context = reinterpret_cast<ucontext_t*>(slot.data() + frame);
  const std::uint64_t state = reinterpret_cast<std::uint64_t>(
                                  *const_cast<fpregset_t volatile*>(&context->uc_mcontext.fpregs)) -
                              guest_slot;
  if (state < GONZO_MAILBOX_SIZE || state > slot.size() - kLegacyBytes || state % 64 != 0) {
    return std::nullopt;
  }
  SoftwareBytes software;
  std::memcpy(&software, slot.data() + state + kSoftwareBytes, sizeof software);
  std::uint64_t size = kLegacyBytes;
  if (software.magic1 == kMagic1 && software.state_size >= kLegacyBytes + kXsaveHeaderBytes &&
      software.state_size <= slot.size() - state) {
    size = software.state_size;
  }
  return HostSignalFrame(context, slot.subspan(state, size), guest_slot);
}

void HostSignalFrame::load(CpuRegisters& to) const {
  const std::uint64_t* from = gregs();
  to.rax = from[REG_RAX];
  to.rbx = from[REG_RBX];
  to.rcx = from[REG_RCX];
  to.rdx = from[REG_RDX];
  to.rsi = from[REG_RSI];
  to.rdi = from[REG_RDI];
  to.rbp = from[REG_RBP];
  to.rsp = from[REG_RSP];
  to.r8 = from[REG_R8];
  to.r9 = from[REG_R9];
  to.r10 = from[REG_R10];
  to.r11 = from[REG_R11];
  to.r12 = from[REG_R12];
  to.r13 = from[REG_R13];
  to.r14 = from[REG_R14];
  to.r15 = from[REG_R15];
  to.rip = from[REG_RIP];
  to.rflags = from[REG_EFL];
  to.cs = static_cast<std::uint16_t>(from[REG_CSGSFS]);
  to.ss = static_cast<std::uint16_t>(from[REG_CSGSFS] >> kStackSegmentShift);
}

void HostSignalFrame::store(const CpuRegisters& from) {
  std::uint64_t* to = gregs();
  to[REG_RAX] = from.rax;
  to[REG_RBX] = from.rbx;
  to[REG_RCX] = from.rcx;
  to[REG_RDX] = from.rdx;
  to[REG_RSI] = from.rsi;
  to[REG_RDI] = from.rdi;
  to[REG_RBP] = from.rbp;
  to[REG_RSP] = from.rsp;
  to[REG_R8] = from.r8;
  to[REG_R9] = from.r9;
  to[REG_R10] = from.r10;
  to[REG_R11] = from.r11;
  to[REG_R12] = from.r12;
  to[REG_R13] = from.r13;
  to[REG_R14] = from.r14;
  to[REG_R15] = from.r15;
  to[REG_RIP] = from.rip;
  to[REG_EFL] = from.rflags;
  const bool is_64bit = from.cs != segment::kUserCode32;
  const std::uint64_t cs = is_64bit ? segment::kUserCode64 : segment::kUserCode32;
  to[REG_CSGSFS] = cs | (std::uint64_t{from.ss} << kStackSegmentShift);
}

void HostSignalFrame::seal() {
  const std::uint64_t stack = guest_slot_ + GONZO_MAILBOX_SIZE;
  std::memcpy(static_cast<void*>(&context_->uc_stack.ss_sp), &stack, sizeof stack);
  context_->uc_stack.ss_size = GONZO_SLOT_SIZE - GONZO_MAILBOX_SIZE;
  context_->uc_stack.ss_flags = 0;
  const std::uint64_t blocked = ~GONZO_HANDLED_SIGNALS;
  std::memcpy(&context_->uc_sigmask, &blocked, sizeof blocked);
}

void HostSignalFrame::clear_extended_state() {
  std::array<std::byte, sizeof(SoftwareBytes)> software;
  std::memcpy(software.data(), extended_.data() + kSoftwareBytes, software.size());
  std::memset(extended_.data(), 0, kLegacyBytes);
  std::memcpy(extended_.data() + kSoftwareBytes, software.data(), software.size());
  std::memcpy(extended_.data(), &kInitialControlWord, sizeof kInitialControlWord);
  std::memcpy(extended_.data() + kMxcsrOffset, &kInitialMxcsr, sizeof kInitialMxcsr);
  // No component is in the area (XSTATE_BV = 0): XRSTOR initialises them all.
  if (extended_.size() > kLegacyBytes) {
    std::memset(extended_.data() + kLegacyBytes, 0, kXsaveHeaderBytes);
  }
}

}  // namespace gonzo
