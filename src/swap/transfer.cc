// Pages between frames and devices. Linux: mm/page_io.c.
#include <algorithm>
#include <array>

#include "swap/swap_area.h"
#include <gonzo/base/check.h>
#include <gonzo/swap/swap_space.h>

namespace gonzo {
namespace {

/// Pages that go to a device at once (Linux: BIO_MAX_VECS).
constexpr std::size_t kMostAtOnce = 256;

/// How many of the leading slots lie side by side.
std::size_t leading_run(std::span<const SwapSlot> slots) {
  const std::size_t most = std::min(slots.size(), kMostAtOnce);
  std::size_t run = 1;
  while (run < most && slots[run].type == slots[0].type &&
         slots[run].offset == slots[0].offset + run)
    ++run;
  return run;
}

}  // namespace

template <typename Byte, typename Move>
SwapSpace::Transfer SwapSpace::transfer(std::span<const SwapSlot> slots,
                                        std::span<const Pfn> frames, Move move) {
  GONZO_CHECK(slots.size() == frames.size());
  Transfer done;
  std::array<Byte*, kMostAtOnce> pages;
  std::size_t largest = kMostAtOnce;
  while (done.pages < slots.size()) {
    const std::size_t run = std::min(leading_run(slots.subspan(done.pages)), largest);
    const SwapSlot first = slots[done.pages];
    for (std::size_t i = 0; i < run; ++i) pages[i] = frames_.address(frames[done.pages + i]);
    done.result =
        move(area(first).device(), first.offset, std::span<Byte* const>(pages.data(), run));
    if (done.result) {
      done.pages += run;
    } else if (run == 1) {
      break;
    } else {
      largest = 1;
    }
  }
  return done;
}

SwapSpace::Transfer SwapSpace::write_out(std::span<const SwapSlot> slots,
                                         std::span<const Pfn> frames) {
  const Transfer done = transfer<const std::byte>(
      slots, frames, [](SwapDevice& device, std::uint64_t first, auto pages) {
        return device.write(first, pages);
      });
  for (const Pfn pfn : frames.first(done.pages)) {
    Frame& frame = frames_.frame(pfn);
    if (frame.has(frame_flags::kUnwritten)) frame.clear(frame_flags::kUnwritten);
  }
  written_.fetch_add(done.pages, std::memory_order_relaxed);
  return done;
}

SwapSpace::Transfer SwapSpace::read_in(std::span<const SwapSlot> slots,
                                       std::span<const Pfn> frames) {
  const Transfer done =
      transfer<std::byte>(slots, frames, [](SwapDevice& device, std::uint64_t first, auto pages) {
        return device.read(first, pages);
      });
  read_.fetch_add(done.pages, std::memory_order_relaxed);
  return done;
}

std::span<SwapSlot> SwapSpace::readahead_window(SwapSlot slot,
                                                std::span<SwapSlot, SwapReadaheadSize::kMost> out) {
  SwapArea& from = area(slot);
  if (from.device().latency() == SwapLatency::kMemory) return {};
  const std::uint64_t size = from.readahead().next(slot.offset);
  const std::uint64_t start = slot.offset & ~(size - 1);
  const std::uint64_t end = std::min(start + size, from.slots());
  std::size_t found = 0;
  for (std::uint64_t offset = start; offset < end; ++offset) {
    if (offset == slot.offset || !from.is_only_on_device(offset)) continue;
    out[found++] = {slot.type, offset};
  }
  return out.first(found);
}

bool SwapSpace::is_in_memory(SwapSlot slot) const {
  return area(slot).device().is_in_memory(slot.offset);
}

void SwapSpace::note_readahead_hit(SwapSlot slot) {
  hits_.fetch_add(1, std::memory_order_relaxed);
  area(slot).readahead().note_hit();
}

}  // namespace gonzo
