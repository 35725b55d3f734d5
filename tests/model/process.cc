#include "model/process.h"

#include <gonzo/paging/software_mmu.h>

namespace gonzo::model {
namespace {

Outcome refusal_of(FaultOutcome fault) {
  switch (fault) {
    case FaultOutcome::kNoAccess:
      return {Ending::kNoAccess};
    case FaultOutcome::kBeyondObject:
      return {Ending::kBusError};
    case FaultOutcome::kOutOfMemory:
      return {Ending::kNoMemory};
    default:
      return {Ending::kNoMapping};
  }
}

}  // namespace

void Tlb::invalidate(AddressRange range, Stricter /*what*/) {
  lines_.erase(lines_.lower_bound(range.start), lines_.lower_bound(range.end));
}

const Tlb::Line* Tlb::find(VirtAddr page) const {
  const auto line = lines_.find(page);
  return line == lines_.end() ? nullptr : &line->second;
}

Process::Process(MemoryManager& manager, const AddressSpace::Config& config)
    : space_(AddressSpace::create(manager, tlb_, config).value()) {}

std::unique_ptr<Process> Process::fork() {
  std::unique_ptr<Process> child(new Process);
  auto space = space_->fork(child->tlb_, 0);
  if (!space) return nullptr;
  child->space_ = std::move(*space);
  return child;
}

std::byte* Process::access(VirtAddr address, Access how, Outcome& refused) {
  FrameAllocator& frames = space_->manager().frames();
  const PageTable& table = space_->page_table();
  const bool write = how == Access::kWrite;
  for (;;) {
    const Tlb::Line* line = tlb_.find(address.page_floor());
    if (line != nullptr && (!write || line->writable)) {
      return frames.address(line->page) + address.page_offset();
    }
    const auto found = walk(frames, table.format(), table.root(), address, how, Privilege::kUser);
    if (found) {
      constexpr std::uint64_t kOpen = pte::kWrite | pte::kDirty;
      tlb_.insert(address.page_floor(), {.page = PhysAddr(found->physical.value & kPageMask),
                                         .writable = (found->flags & kOpen) == kOpen});
      continue;
    }
    const FaultOutcome fault = space_->fault(address, how);
    if (mended(fault)) continue;
    refused = refusal_of(fault);
    return nullptr;
  }
}

Outcome Process::read(VirtAddr address) {
  Outcome refused;
  const std::byte* byte = access(address, Access::kRead, refused);
  if (byte == nullptr) return refused;
  return {Ending::kDone, std::to_integer<std::uint64_t>(*byte)};
}

Outcome Process::write(VirtAddr address, std::uint8_t value) {
  Outcome refused;
  std::byte* byte = access(address, Access::kWrite, refused);
  if (byte == nullptr) return refused;
  *byte = std::byte{value};
  return {};
}

}  // namespace gonzo::model
