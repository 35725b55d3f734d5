#include "processor.h"

#include <algorithm>
#include <array>

using namespace gonzo;

namespace {

constexpr std::uint32_t kSyscallVector = 0x80;

template <typename Function>
void* as_callback(Function* function) {
  return reinterpret_cast<void*>(function);
}

Access access_of(uc_mem_type type) {
  switch (type) {
    case UC_MEM_WRITE_UNMAPPED:
    case UC_MEM_WRITE_PROT:
      return Access::kWrite;
    case UC_MEM_FETCH_UNMAPPED:
    case UC_MEM_FETCH_PROT:
      return Access::kExecute;
    default:
      return Access::kRead;
  }
}

constexpr std::array kRegisters64{
    UC_X86_REG_RAX, UC_X86_REG_RBX, UC_X86_REG_RCX,    UC_X86_REG_RDX,     UC_X86_REG_RSI,
    UC_X86_REG_RDI, UC_X86_REG_RBP, UC_X86_REG_RSP,    UC_X86_REG_R8,      UC_X86_REG_R9,
    UC_X86_REG_R10, UC_X86_REG_R11, UC_X86_REG_R12,    UC_X86_REG_R13,     UC_X86_REG_R14,
    UC_X86_REG_R15, UC_X86_REG_RIP, UC_X86_REG_EFLAGS, UC_X86_REG_FS_BASE, UC_X86_REG_GS_BASE,
};
constexpr std::array kRegisters32{
    UC_X86_REG_EAX, UC_X86_REG_EBX, UC_X86_REG_ECX, UC_X86_REG_EDX,    UC_X86_REG_ESI,
    UC_X86_REG_EDI, UC_X86_REG_EBP, UC_X86_REG_ESP, UC_X86_REG_EFLAGS, UC_X86_REG_EIP,
};
constexpr int kVectorRegisters = 8;  // both kinds have eight; x86-64 has as many again
constexpr int kFloatRegisters = 8;

void copy_register(uc_engine* from, uc_engine* to, int number) {
  alignas(16) std::array<std::uint8_t, 64> value{};
  uc_reg_read(from, number, value.data());
  uc_reg_write(to, number, value.data());
}

}  // namespace

std::unique_ptr<Processor> Processor::create(Isa isa) {
  uc_engine* engine = nullptr;
  if (uc_open(UC_ARCH_X86, isa == Isa::kX8664 ? UC_MODE_64 : UC_MODE_32, &engine) != UC_ERR_OK) {
    return nullptr;
  }
  std::unique_ptr<Processor> processor(new Processor(engine, isa));
  return processor->set_up() ? std::move(processor) : nullptr;
}

bool Processor::set_up() {
  uc_hook hook = 0;
  uc_engine* const engine = engine_.get();
  const auto add = [&](int kind, void* callback) {
    return uc_hook_add(engine, &hook, kind, callback, this, 1, 0) == UC_ERR_OK;
  };
  if (!add(UC_HOOK_MEM_UNMAPPED | UC_HOOK_MEM_PROT, as_callback(on_missing))) return false;
  if (!add(UC_HOOK_INTR, as_callback(on_interrupt))) return false;
  // Without it a stop in the middle of a block leaves the registers of the block's start.
  if (!add(UC_HOOK_CODE, as_callback(on_instruction))) return false;
  if (isa_ == Isa::kX8664) {
    return uc_hook_add(engine, &hook, UC_HOOK_INSN, as_callback(on_syscall), this, 1, 0,
                       UC_X86_INS_SYSCALL) == UC_ERR_OK;
  }
  // A program loads its TLS segment from the descriptor table.
  if (uc_mem_map_ptr(engine, kGdtAddress, sizeof gdt_, UC_PROT_READ, gdt_) != UC_ERR_OK) {
    return false;
  }
  const uc_x86_mmr table{
      .selector = 0, .base = kGdtAddress, .limit = kGdtEntries * 8 - 1, .flags = 0};
  if (uc_reg_write(engine, UC_X86_REG_GDTR, &table) != UC_ERR_OK) return false;
  // Flat ones, or a load of the TLS segment makes the stack's a 16-bit one.
  gdt_[kFlatData] = 0x00cf'9300'0000'ffff;
  for (const int each : {UC_X86_REG_SS, UC_X86_REG_DS, UC_X86_REG_ES}) set(each, kFlatData * 8);
  return true;
}

void Processor::attach(AddressSpace* space) {
  for (const auto& [page, permissions] : pages_) drop(page, permissions);
  pages_.clear();
  space_ = space;
}

Processor::Stop Processor::run() {
  const int counter = isa_ == Isa::kX8664 ? UC_X86_REG_RIP : UC_X86_REG_EIP;
  for (;;) {
    stop_ = Stop::kException;
    missing_.reset();
    // It has no end of its own: a hook stops it, or an error does.
    uc_emu_start(engine_.get(), get(counter), 0, 0, 0);
    if (!missing_) return stop_;
    // The instruction has done nothing yet, and is tried again.
    if (!fill(missing_->first, missing_->access)) return Stop::kPageFault;
    // A fetch says how much it would like: an instruction may end before that.
    if (missing_->access == Access::kExecute ||
        missing_->first.page_number() == missing_->last.page_number()) {
      continue;
    }
    if (!fill(missing_->last, missing_->access)) return Stop::kPageFault;
  }
}

/// Not here: what Unicorn has looked up before it called must not change under it.
bool Processor::on_missing(uc_engine*, uc_mem_type type, std::uint64_t address, int size,
                           std::int64_t, void* self) {
  const VirtAddr first(address);
  const VirtAddr last = size > 1 ? first + static_cast<std::uint64_t>(size - 1) : first;
  static_cast<Processor*>(self)->missing_ = Missing{first, last, access_of(type)};
  return false;
}

void Processor::on_instruction(uc_engine*, std::uint64_t, std::uint32_t, void*) {}

void Processor::on_syscall(uc_engine* engine, void* self) {
  static_cast<Processor*>(self)->stop_ = Stop::kSyscall;
  uc_emu_stop(engine);
}

void Processor::on_interrupt(uc_engine* engine, std::uint32_t number, void* self) {
  auto& processor = *static_cast<Processor*>(self);
  processor.stop_ =
      number == kSyscallVector && processor.isa_ == Isa::kI386 ? Stop::kSyscall : Stop::kException;
  uc_emu_stop(engine);
}

/// What a processor does at a TLB miss: it walks. What a kernel does at a page fault: it mends.
bool Processor::fill(VirtAddr address, Access access) {
  FrameAllocator& frames = space_->manager().frames();
  PageTable& table = space_->page_table();
  for (;;) {
    if (address < table.user_end()) {
      const auto found = walk(frames, table.format(), table.root(), address, access,
                              Privilege::kUser, {.no_execute = table.has_no_execute()});
      if (found) {
        enter(address.page_floor(), *found);
        return true;
      }
    }
    ++counts_.faults;
    const FaultOutcome outcome = space_->fault(address, access);
    if (mended(outcome)) continue;
    fault_ = {outcome, address};
    return false;
  }
}

void Processor::enter(VirtAddr page, const Translation& translation) {
  // The dirty bit has to be set by a walk: until then a write is a miss.
  std::uint32_t permissions = UC_PROT_READ;
  if (constexpr std::uint64_t kStorable = pte::kWrite | pte::kDirty;
      (translation.flags & kStorable) == kStorable) {
    permissions |= UC_PROT_WRITE;
  }
  if ((translation.flags & pte::kNoExecute) == 0) permissions |= UC_PROT_EXEC;
  if (pages_.size() >= kMostPages) attach(space_);
  if (const auto old = pages_.find(page.value); old != pages_.end()) {
    drop(page.value, old->second);
    pages_.erase(old);
  }
  std::byte* const host =
      space_->manager().frames().address(PhysAddr(page_floor(translation.physical.value)));
  if (uc_mem_map_ptr(engine_.get(), page.value, kPageSize, permissions, host) != UC_ERR_OK) return;
  pages_.emplace(page.value, permissions);
  ++counts_.fills;
}

void Processor::drop(std::uint64_t page, std::uint32_t permissions) {
  // Code that was translated from the page goes with it.
  if ((permissions & UC_PROT_EXEC) != 0) {
    uc_ctl_remove_cache(engine_.get(), page, page + kPageSize);
  }
  uc_mem_unmap(engine_.get(), page, kPageSize);
  ++counts_.drops;
}

void Processor::invalidate(AddressRange range, Stricter) {
  if (range.pages() > pages_.size()) {
    std::erase_if(pages_, [&](const auto& each) {
      if (!range.contains(VirtAddr(each.first))) return false;
      drop(each.first, each.second);
      return true;
    });
    return;
  }
  for (VirtAddr page = range.start.page_floor(); page < range.end; page += kPageSize) {
    const auto found = pages_.find(page.value);
    if (found == pages_.end()) continue;
    drop(page.value, found->second);
    pages_.erase(found);
  }
}

std::uint64_t Processor::get(int unicorn_register) const {
  std::uint64_t value = 0;
  uc_reg_read(engine_.get(), unicorn_register, &value);
  return isa_ == Isa::kX8664 ? value : value & 0xffff'ffff;
}

void Processor::set(int unicorn_register, std::uint64_t value) {
  uc_reg_write(engine_.get(), unicorn_register, &value);
}

void Processor::copy_registers(const Processor& from) {
  const auto copy = [&](int number) { copy_register(from.engine_.get(), engine_.get(), number); };
  std::copy(std::begin(from.gdt_), std::end(from.gdt_), std::begin(gdt_));
  if (isa_ == Isa::kX8664) {
    for (const int each : kRegisters64) copy(each);
    for (int i = 0; i < kVectorRegisters; ++i) copy(UC_X86_REG_XMM8 + i);
  } else {
    for (const int each : kRegisters32) copy(each);
    // Those of the program's own; the rest are as they were made.
    for (const int each : {UC_X86_REG_FS, UC_X86_REG_GS}) copy(each);
  }
  for (int i = 0; i < kVectorRegisters; ++i) copy(UC_X86_REG_XMM0 + i);
  for (int i = 0; i < kFloatRegisters; ++i) copy(UC_X86_REG_FP0 + i);
  for (const int each : {UC_X86_REG_FPCW, UC_X86_REG_FPSW, UC_X86_REG_FPTAG, UC_X86_REG_MXCSR}) {
    copy(each);
  }
}

void Processor::set_segment(unsigned entry, std::uint64_t descriptor) {
  if (entry < kGdtEntries) gdt_[entry] = descriptor;
}
