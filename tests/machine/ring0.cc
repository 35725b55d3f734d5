#include "machine/ring0.h"

#include <gtest/gtest.h>

#include <cstring>
#include <span>

#include "machine/qemu/stub/mailbox.h"

// NOLINTBEGIN(hicpp-no-assembler)
asm(R"(
        .pushsection .rodata

        /* edi: the address; ecx: 0 read, 1 write, 2 execute; edx, esi: what to change in CR0 and CR4;
         * ebx: ring0_back. Then esi: the error code, or -1; edi: CR2 of a fault. */
        .macro ring0_probe name, p, suffix
\name\()_start:
        mov     %cr0, %\p\()ax
        push    %\p\()ax
        xor     %\p\()dx, %\p\()ax
        mov     %\p\()ax, %cr0
        mov     %cr4, %\p\()ax
        push    %\p\()ax
        xor     %\p\()si, %\p\()ax
        mov     %\p\()ax, %cr4
        cmp     $1, %ecx
        mov     $-1, %esi
        je      1f
        ja      2f
        mov     (%\p\()di), %al
        jmp     \name\()_back
1:      movb    $0xff, (%\p\()di)
        jmp     \name\()_back
2:      jmp     *%\p\()di
\name\()_back:
        pop     %\p\()ax
        mov     %\p\()ax, %cr4
        pop     %\p\()ax
        mov     %\p\()ax, %cr0
        iret\suffix
\name\()_fault:
        pop     %\p\()si
        mov     %cr2, %\p\()di
        mov     %\p\()bx, (%\p\()sp)
        iret\suffix
\name\()_end:
        .endm

        ring0_probe probe64, r, q
        .code32
        ring0_probe probe32, e, l
        .code64
        .popsection
)");
// NOLINTEND(hicpp-no-assembler)

extern "C" const std::byte probe64_start[], probe64_back[], probe64_fault[], probe64_end[];
extern "C" const std::byte probe32_start[], probe32_back[], probe32_fault[], probe32_end[];

namespace gonzo {
namespace {

/// Behind the stub's windows.
constexpr std::uint64_t kPlace = 0x20000;
constexpr unsigned kPageFault = 14;
constexpr std::uint64_t kWriteProtect = 1 << 16, kSmep = 1 << 20, kSmap = 1 << 21;
constexpr std::uint64_t kAlignmentCheck = 1 << 18;
constexpr std::uint32_t kNoFault = ~0U;

}  // namespace

Ring0::Ring0(GuestMemory& memory)
    : frames_(memory.frames()),
      is_long_(!is_32bit(memory.half().format())),
      code_(memory.half().entry_area().start.value + kPlace),
      frame_(frames_.allocate(0, FrameState::kKernel, ZeroPolicy::kZeroed).value()) {
  KernelHalf& half = memory.half();
  const std::byte* const start = is_long_ ? probe64_start : probe32_start;
  const std::byte* const end = is_long_ ? probe64_end : probe32_end;
  std::memcpy(frames_.address(frame_), start, static_cast<std::size_t>(end - start));
  EXPECT_TRUE(half.map_entry_page(VirtAddr(code_), frame_, KernelHalf::EntryUse::kCode));
  const auto tables =
      walk(frames_, half.format(), half.root(), half.entry_area().start + GONZO_QEMU_TABLES,
           Access::kRead, Privilege::kSupervisor);
  tables_ = frames_.address(Pfn::of(tables->physical));
  write_gate(kVector, aimed_at(read_gate(GONZO_QEMU_INT80), code_));
  stubs_ = read_gate(kPageFault);
  own_ = aimed_at(stubs_, code_ + static_cast<std::uint64_t>(
                                      (is_long_ ? probe64_fault : probe32_fault) - start));
}

Ring0::~Ring0() {
  give_faults_back();
  frames_.put(frame_);
}

std::byte* Ring0::gate_at(unsigned vector) const {
  return tables_ + GONZO_QEMU_IDT + std::size_t{vector} * (is_long_ ? 16 : 8);
}

Ring0::Gate Ring0::read_gate(unsigned vector) const {
  Gate gate;
  std::memcpy(&gate, gate_at(vector), is_long_ ? 16 : 8);
  return gate;
}

void Ring0::write_gate(unsigned vector, Gate gate) const {
  std::memcpy(gate_at(vector), &gate, is_long_ ? 16 : 8);
}

/// Intel SDM vol. 3A, figures 6-2 and 6-8.
Ring0::Gate Ring0::aimed_at(Gate gate, std::uint64_t target) const {
  constexpr std::uint64_t kOffset = 0xffff'0000'0000'ffff;
  return {.low = (gate.low & ~kOffset) | (target & 0xffff) | (target >> 16 & 0xffff) << 48,
          .high = target >> 32};
}

void Ring0::aim(CpuRegisters& registers, VirtAddr address, Access access,
                const Controls& controls) {
  const auto back = is_long_ ? probe64_back - probe64_start : probe32_back - probe32_start;
  registers.rdi = address.value;
  registers.rcx = access == Access::kRead ? 0 : access == Access::kWrite ? 1 : 2;
  registers.rdx = controls.write_protect ? 0 : kWriteProtect;  // it is on
  registers.rsi = (controls.smep ? kSmep : 0) | (controls.smap ? kSmap : 0);
  registers.rbx = code_ + static_cast<std::uint64_t>(back);
  registers.rflags = controls.alignment_check ? kAlignmentCheck : 0;
}

std::optional<std::uint32_t> Ring0::fault(const CpuRegisters& registers) {
  const auto code = static_cast<std::uint32_t>(registers.rsi);
  return code == kNoFault ? std::nullopt : std::optional(code);
}

void Ring0::take_faults() { write_gate(kPageFault, own_); }
void Ring0::give_faults_back() { write_gate(kPageFault, stubs_); }

}  // namespace gonzo
