#include "observe/entry_text.h"

#include <fmt/format.h>

#include <array>

namespace gonzo {
namespace {

constexpr unsigned root_level(PagingFormat format) {
  switch (format) {
    case PagingFormat::kClassic32:
      return 2;
    case PagingFormat::kPae:
      return 3;
    case PagingFormat::kFourLevel:
      return 4;
    case PagingFormat::kFiveLevel:
      break;
  }
  return 5;
}

}  // namespace

std::string_view format_name(PagingFormat format) {
  switch (format) {
    case PagingFormat::kClassic32:
      return "32-bit classic";
    case PagingFormat::kPae:
      return "PAE";
    case PagingFormat::kFourLevel:
      return "4-level";
    case PagingFormat::kFiveLevel:
      break;
  }
  return "5-level";
}

std::string_view level_name(PagingFormat format, unsigned level) {
  constexpr std::array<std::string_view, 4> kNames = {"PTE", "PMD", "PUD", "P4D"};
  return level == root_level(format) ? "PGD" : kNames.at(level - 1);
}

std::vector<std::string_view> entry_flags(PagingFormat format, const TableStep& step) {
  const Entry entry = step.entry;
  if (entry.is_blank()) return {"blank"};
  const bool is_leaf = step.leads == TableStep::Leads::kToPage;
  const bool is_mapping = step.level == 1 ? entry.is_mapping() : entry.is_present();
  if (!is_mapping) return {entry.is_guard() ? "guard" : entry.is_swap() ? "swap" : "not present"};

  std::vector<std::string_view> names;
  const auto add = [&](std::uint64_t bit, std::string_view name) {
    if (entry.has(bit)) names.push_back(name);
  };
  if (!entry.is_present()) names.emplace_back("PROT_NONE");
  add(pte::kPresent, "P");
  const bool is_pae_root = format == PagingFormat::kPae && step.level == 3;
  if (!is_pae_root) {
    add(pte::kWrite, "R/W");
    add(pte::kUser, "U/S");
  }
  add(pte::kWriteThrough, "PWT");
  add(pte::kCacheDisable, "PCD");
  if (is_pae_root) return names;
  add(pte::kAccessed, "A");
  if (is_leaf) add(pte::kDirty, "D");
  add(pte::kPageSize, step.level == 1 ? "PAT" : "PS");
  if (is_leaf && entry.is_present()) add(pte::kGlobal, "G");
  if (is_leaf) add(pte::kSpecial, "special");
  if (is_leaf && step.level > 1) add(pte::kLargePat, "PAT");
  if (format != PagingFormat::kClassic32) add(pte::kNoExecute, "NX");
  return names;
}

std::string raw_text(PagingFormat format, Entry entry) {
  return format == PagingFormat::kClassic32 ? fmt::format("{:#010x}", entry.raw())
                                            : fmt::format("{:#018x}", entry.raw());
}

}  // namespace gonzo
