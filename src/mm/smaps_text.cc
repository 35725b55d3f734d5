// /proc/PID/smaps and smaps_rollup. Linux: show_smap, show_smaps_rollup (fs/proc/task_mmu.c).
// No line says "ProtectionKey": that is for machines that have such keys.
#include <fmt/format.h>

#include <array>
#include <bit>
#include <charconv>
#include <iterator>
#include <limits>

#include "mm/area_text.h"

namespace gonzo {
namespace {

constexpr std::uint64_t kSharesPerKilobyte = std::uint64_t{1024} << AreaUsage::kShareShift;

/// "KEY:" in 16 columns, the number in 8. By hand: an area has 21 such lines, and formatting them
/// was the greater part of what a text cost.
void append_kilobytes(std::string& text, std::string_view key, std::uint64_t kilobytes) {
  constexpr std::size_t kKey = 16, kNumber = 8;
  std::array<char, std::numeric_limits<std::uint64_t>::digits10 + 1> digits;
  const char* const end =
      std::to_chars(digits.data(), digits.data() + digits.size(), kilobytes).ptr;
  const std::string_view number(digits.data(), end);
  const auto pad = [&](std::size_t used, std::size_t width) {
    if (used < width) text.append(width - used, ' ');
  };
  text += key;
  text += ':';
  pad(key.size() + 1, kKey);
  pad(number.size(), kNumber);
  text += number;
  text += " kB\n";
}

/// Linux: mnemonics[] of show_smap_vma_flags, by bit number. Those of a kernel without soft-dirty
/// tracking, shadow stacks and memory tags.
std::string_view mnemonic(unsigned bit) {
  constexpr std::array<std::string_view, 32> kMnemonics{
      "rd", "wr", "ex", "sh", "mr", "mw", "me", "ms", "gd", "um", "pf", "", "uw", "lo", "io", "sr",
      "rr", "dc", "de", "lf", "ac", "nr", "ht", "sf", "ar", "wf", "dd", "", "mm", "hg", "nh", "mg"};
  if (bit == 42) return "sl";
  return bit < kMnemonics.size() ? kMnemonics.at(bit) : "";
}

void append_flags(std::string& text, std::uint64_t flags) {
  text += "VmFlags: ";
  for (; flags != 0; flags &= flags - 1) {
    const std::string_view name = mnemonic(static_cast<unsigned>(std::countr_zero(flags)));
    if (name.empty()) continue;
    text += name;
    text += ' ';
  }
  text += '\n';
}

enum class Detail : std::uint8_t { kArea, kRollup };

void append_usage(std::string& text, const AreaUsage& usage, Detail detail) {
  const auto bytes = [&](std::string_view key, std::uint64_t value) {
    append_kilobytes(text, key, value / 1024);
  };
  const auto share = [&](std::string_view key, std::uint64_t value) {
    append_kilobytes(text, key, value / kSharesPerKilobyte);
  };
  bytes("Rss", usage.resident);
  share("Pss", usage.share);
  share("Pss_Dirty", usage.share_dirty);
  if (detail == Detail::kRollup) {
    share("Pss_Anon", usage.share_anonymous);
    share("Pss_File", usage.share_file);
    share("Pss_Shmem", usage.share_shmem);
  }
  bytes("Shared_Clean", usage.shared_clean);
  bytes("Shared_Dirty", usage.shared_dirty);
  bytes("Private_Clean", usage.private_clean);
  bytes("Private_Dirty", usage.private_dirty);
  bytes("Referenced", usage.referenced);
  bytes("Anonymous", usage.anonymous);
  bytes("KSM", 0);
  bytes("LazyFree", usage.lazily_freed);
  for (const char* key :
       {"AnonHugePages", "ShmemPmdMapped", "FilePmdMapped", "Shared_Hugetlb", "Private_Hugetlb"}) {
    bytes(key, 0);
  }
  bytes("Swap", usage.swapped);
  bytes("SwapPss", usage.swapped);
  share("Locked", usage.share_locked);
}

}  // namespace

std::string AddressSpace::smaps_text() {
  const LockGuard guard(lock_);
  std::string text;
  text.reserve(areas_->size() * 800);
  AreaLines lines(text, bounds_);
  for (const Vma* vma = areas_->first(); vma != nullptr; vma = areas_->next(*vma)) {
    lines.append(*vma);
    append_kilobytes(text, "Size", vma->pages() * (kPageSize / 1024));
    append_kilobytes(text, "KernelPageSize", kPageSize / 1024);
    append_kilobytes(text, "MMUPageSize", kPageSize / 1024);
    append_usage(text, measure(*vma), Detail::kArea);
    fmt::format_to(std::back_inserter(text), "{:<16}{:8}\n", "THPeligible:", 0);
    append_flags(text, vma->flags());
  }
  return text;
}

std::string AddressSpace::smaps_rollup_text() {
  const LockGuard guard(lock_);
  AreaUsage sum;
  AddressRange whole;
  for (const Vma* vma = areas_->first(); vma != nullptr; vma = areas_->next(*vma)) {
    if (whole.empty()) whole.start = vma->start();
    whole.end = vma->end();
    sum.add(measure(*vma));
  }
  std::string text =
      fmt::format("{:08x}-{:08x} ---p 00000000 00:00 0 ", whole.start.value, whole.end.value);
  text.resize(kNameColumn, ' ');
  text += "[rollup]\n";
  append_usage(text, sum, Detail::kRollup);
  return text;
}

}  // namespace gonzo
