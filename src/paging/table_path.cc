#include <atomic>

#include "paging/format.h"
#include <gonzo/paging/table_path.h>

namespace gonzo {
namespace {

template <PageTableFormat F>
bool is_canonical_in(std::uint64_t address) {
  if constexpr (kAddressBits<F> <= 32) {
    return address >> kAddressBits<F> == 0;
  } else {
    const auto high = static_cast<std::int64_t>(address) >> (kAddressBits<F> - 1);
    return high == 0 || high == -1;
  }
}

template <PageTableFormat F>
TableStep step_at(const FrameAllocator& frames, Pfn table, unsigned level, std::uint64_t address) {
  using Raw = typename F::Raw;
  TableStep step{.level = level,
                 .index = entry_index<F>(level, address),
                 .table = table,
                 .start = VirtAddr(address & ~(entry_span<F>(level) - 1)),
                 .bytes = entry_span<F>(level)};
  Raw* const slot = reinterpret_cast<Raw*>(frames.address(table)) + step.index;
  step.entry = Entry(std::atomic_ref(*slot).load(std::memory_order_acquire));
  const std::uint64_t raw = step.entry.raw();
  if (level == 1 ? !step.entry.is_mapping() : !step.entry.is_present()) return step;
  if (level > 1 && leads_to_table<F>(level, raw)) {
    step.leads = TableStep::Leads::kToTable;
    step.target = Pfn::of(frame_address<F>(raw));
  } else {
    step.leads = TableStep::Leads::kToPage;
    step.target =
        Pfn::of(level == 1 ? frame_address<F>(raw) : PhysAddr(F::large_page_base(level, raw)));
  }
  return step;
}

template <PageTableFormat F>
TablePath trace(const FrameAllocator& frames, Pfn root, std::uint64_t address) {
  TablePath path;
  if (!is_canonical_in<F>(address)) return path;
  Pfn table = root;
  for (unsigned level = F::kLevels; level > 0 && frames.contains(table); --level) {
    const TableStep step = step_at<F>(frames, table, level, address);
    path.add(step);
    if (step.leads != TableStep::Leads::kToTable) break;
    table = step.target;
  }
  return path;
}

}  // namespace

TablePath trace_path(const FrameAllocator& frames, PagingFormat format, Pfn root,
                     VirtAddr address) {
  switch (format) {
    case PagingFormat::kClassic32:
      return trace<Classic32>(frames, root, address.value);
    case PagingFormat::kPae:
      return trace<Pae>(frames, root, address.value);
    case PagingFormat::kFourLevel:
      return trace<FourLevel>(frames, root, address.value);
    case PagingFormat::kFiveLevel:
      break;
  }
  return trace<FiveLevel>(frames, root, address.value);
}

bool is_canonical(PagingFormat format, VirtAddr address) {
  switch (format) {
    case PagingFormat::kClassic32:
      return is_canonical_in<Classic32>(address.value);
    case PagingFormat::kPae:
      return is_canonical_in<Pae>(address.value);
    case PagingFormat::kFourLevel:
      return is_canonical_in<FourLevel>(address.value);
    case PagingFormat::kFiveLevel:
      break;
  }
  return is_canonical_in<FiveLevel>(address.value);
}

}  // namespace gonzo
