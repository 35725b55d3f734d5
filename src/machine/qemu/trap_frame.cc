#include "machine/qemu/trap_frame.h"

#include "machine/qemu/descriptor_tables.h"

namespace gonzo {
namespace {

/// CF, PF, AF, ZF, SF, TF, DF, OF, NT, RF, AC, ID.
constexpr std::uint64_t kUserFlags = 0x254dd5;
/// Bit 1 is always set; interrupts are on.
constexpr std::uint64_t kFixedFlags = 0x202;

constexpr bool is_canonical(std::uint64_t address) {
  constexpr unsigned kUnused = 16;
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(address << kUnused) >> kUnused) ==
         address;
}

template <typename Frame>
Frame& frame_in(const EntryPages& pages) {
  const std::span<std::byte> page = pages.page(GONZO_QEMU_MAILBOX);
  return *reinterpret_cast<Frame*>(page.data() + page.size() - sizeof(Frame));
}

std::uint16_t loadable(std::uint16_t selector, const CpuRegisters& registers) {
  return is_loadable(selector, registers.tls) ? selector : 0;
}

std::uint16_t stack_segment(const CpuRegisters& registers) {
  return is_stack_segment(registers.ss, registers.tls) ? registers.ss : segment::kUserData;
}

RawTrap load(const gonzo_qemu_frame64& from, CpuRegisters& to) {
  to.r15 = from.r15;
  to.r14 = from.r14;
  to.r13 = from.r13;
  to.r12 = from.r12;
  to.r11 = from.r11;
  to.r10 = from.r10;
  to.r9 = from.r9;
  to.r8 = from.r8;
  to.rsi = from.rsi;
  to.rdi = from.rdi;
  to.rbp = from.rbp;
  to.rbx = from.rbx;
  to.rdx = from.rdx;
  to.rcx = from.rcx;
  to.rax = from.rax;
  to.rip = from.rip;
  to.cs = static_cast<std::uint16_t>(from.cs);
  to.rflags = from.rflags;
  to.rsp = from.rsp;
  to.ss = static_cast<std::uint16_t>(from.ss);
  return {.vector = from.vector, .error_code = from.error_code};
}

RawTrap load(const gonzo_qemu_frame32& from, CpuRegisters& to) {
  to.rdi = from.edi;
  to.rsi = from.esi;
  to.rbp = from.ebp;
  to.rbx = from.ebx;
  to.rdx = from.edx;
  to.rcx = from.ecx;
  to.rax = from.eax;
  to.rip = from.eip;
  to.cs = static_cast<std::uint16_t>(from.cs);
  to.rflags = from.eflags;
  to.rsp = from.esp;
  to.ss = static_cast<std::uint16_t>(from.ss);
  return {.vector = from.vector, .error_code = from.error_code};
}

void store(gonzo_qemu_frame64& to, const CpuRegisters& from) {
  to.r15 = from.r15;
  to.r14 = from.r14;
  to.r13 = from.r13;
  to.r12 = from.r12;
  to.r11 = from.r11;
  to.r10 = from.r10;
  to.r9 = from.r9;
  to.r8 = from.r8;
  to.rsi = from.rsi;
  to.rdi = from.rdi;
  to.rbp = from.rbp;
  to.rbx = from.rbx;
  to.rdx = from.rdx;
  to.rcx = from.rcx;
  to.rax = from.rax;
  const bool is_32bit_code = from.cs == segment::kUserCode32;
  to.rip = is_32bit_code ? static_cast<std::uint32_t>(from.rip) : from.rip;
  to.cs = is_32bit_code ? segment::kUserCode32 : segment::kUserCode64;
  to.rflags = (from.rflags & kUserFlags) | kFixedFlags;
  to.rsp = from.rsp;
  to.ss = stack_segment(from);
}

void store(gonzo_qemu_frame32& to, const CpuRegisters& from) {
  const auto low = [](std::uint64_t value) { return static_cast<std::uint32_t>(value); };
  to.edi = low(from.rdi);
  to.esi = low(from.rsi);
  to.ebp = low(from.rbp);
  to.ebx = low(from.rbx);
  to.edx = low(from.rdx);
  to.ecx = low(from.rcx);
  to.eax = low(from.rax);
  to.eip = low(from.rip);
  to.cs = segment::kUserCode32;
  to.eflags = low((from.rflags & kUserFlags) | kFixedFlags);
  to.esp = low(from.rsp);
  to.ss = stack_segment(from);
}

}  // namespace

std::uint64_t guest_frame_address(PagingFormat format, VirtAddr base) {
  return base.value + GONZO_QEMU_STACK_END -
         (is_32bit(format) ? sizeof(gonzo_qemu_frame32) : sizeof(gonzo_qemu_frame64));
}

RawTrap load_frame(const EntryPages& pages, CpuRegisters& registers) {
  const gonzo_qemu_mailbox& mailbox = pages.mailbox();
  registers.ds = mailbox.ds;
  registers.es = mailbox.es;
  registers.fs = mailbox.fs;
  registers.gs = mailbox.gs;
  registers.fs_base = mailbox.fs_base;
  registers.gs_base = mailbox.gs_base;
  RawTrap trap = is_32bit(pages.half().format())
                     ? load(frame_in<const gonzo_qemu_frame32>(pages), registers)
                     : load(frame_in<const gonzo_qemu_frame64>(pages), registers);
  trap.fault_address = mailbox.cr2;
  return trap;
}

void store_frame(const EntryPages& pages, const CpuRegisters& registers) {
  gonzo_qemu_mailbox& mailbox = pages.mailbox();
  mailbox.ds = loadable(registers.ds, registers);
  mailbox.es = loadable(registers.es, registers);
  mailbox.fs = loadable(registers.fs, registers);
  mailbox.gs = loadable(registers.gs, registers);
  mailbox.fs_base = is_canonical(registers.fs_base) ? registers.fs_base : 0;
  mailbox.gs_base = is_canonical(registers.gs_base) ? registers.gs_base : 0;
  write_tls(pages.tables(), registers.tls);
  if (is_32bit(pages.half().format())) {
    store(frame_in<gonzo_qemu_frame32>(pages), registers);
  } else {
    store(frame_in<gonzo_qemu_frame64>(pages), registers);
  }
}

bool can_resume(const CpuRegisters& registers) {
  return !registers.is_64bit_code() || is_canonical(registers.rip);
}

}  // namespace gonzo
