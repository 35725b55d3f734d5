#include "observe/segments.h"

#include <utility>

#include <gonzo/machine/user_descriptor.h>

namespace gonzo {
namespace {

constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};
constexpr std::uint64_t kLimit32 = 0xffffffff;
constexpr unsigned kIndexShift = 3, kInLdt = 4;

/// Of the GDT entries that Linux gives all programs: accessed, present, ring 3, 4 GiB (Linux:
/// gdt_page, DESC_CODE32, DESC_CODE64, DESC_DATA32).
std::uint64_t flat_descriptor(std::uint16_t selector) {
  switch (selector) {
    case segment::kUserCode32:
      return 0x00cffb000000ffff;
    case segment::kUserCode64:
      return 0x00affb000000ffff;
    case segment::kUserData:
      return 0x00cff3000000ffff;
    default:
      return 0;
  }
}

std::uint64_t descriptor_of(std::uint16_t selector, const CpuRegisters& registers) {
  if (const std::uint64_t flat = flat_descriptor(selector); flat != 0) return flat;
  const unsigned index = selector >> kIndexShift;
  const bool is_tls = (selector & kInLdt) == 0 && index >= segment::kFirstTls &&
                      index < segment::kFirstTls + segment::kTlsEntries;
  return is_tls ? registers.tls.at(index - segment::kFirstTls) : 0;
}

/// As protected mode reads it.
Segment read_segment(std::string_view name, std::uint16_t selector, const CpuRegisters& registers) {
  Segment result{
      .name = name, .selector = selector, .descriptor = descriptor_of(selector, registers)};
  if (result.descriptor == 0) return result;
  const UserDescriptor parts = UserDescriptor::of(result.descriptor, 0);
  result.base = parts.base;
  result.limit = parts.limit;
  if ((parts.flags & UserDescriptor::kLimitInPages) != 0) {
    result.limit = (result.limit << kPageShift) | (kPageSize - 1);
  }
  return result;
}

}  // namespace

std::optional<std::uint64_t> Segment::offset_of(std::uint64_t linear) const {
  std::uint64_t offset = linear - base;
  if (limit <= kLimit32) offset &= kLimit32;
  if (!is_usable() || offset > limit) return {};
  return offset;
}

std::vector<Segment> segments_of(const CpuRegisters& registers) {
  const std::pair<std::string_view, std::uint16_t> all[] = {
      {"cs", registers.cs}, {"ss", registers.ss}, {"ds", registers.ds},
      {"es", registers.es}, {"fs", registers.fs}, {"gs", registers.gs}};
  std::vector<Segment> segments;
  for (const auto& [name, selector] : all) {
    Segment segment = read_segment(name, selector, registers);
    if (registers.is_64bit_code()) {
      segment.limit = kNoLimit;
      const bool has_base = name == "fs" || name == "gs";
      if (!has_base) segment.base = 0;
      if (has_base && selector == 0) {
        segment.base = name == "fs" ? registers.fs_base : registers.gs_base;
      }
    }
    segments.push_back(segment);
  }
  return segments;
}

std::vector<Segment> segments_of(PagingFormat format, const ThreadSegments& thread) {
  CpuRegisters registers;
  if (is_32bit(format)) {
    registers.cs = segment::kUserCode32;
    registers.ds = registers.es = segment::kUserData;
  }
  registers.fs = thread.fs;
  registers.gs = thread.gs;
  registers.fs_base = thread.fs_base;
  registers.gs_base = thread.gs_base;
  registers.tls = thread.tls;
  return segments_of(registers);
}

std::vector<Segment> flat_segments(PagingFormat format) {
  std::vector<Segment> segments = segments_of(format, {});
  std::erase_if(segments,
                [](const Segment& each) { return each.name == "fs" || each.name == "gs"; });
  return segments;
}

std::string descriptor_text(std::uint64_t descriptor) {
  const auto bits = [descriptor](unsigned first, unsigned count) {
    return static_cast<unsigned>(descriptor >> first) & ((1U << count) - 1);
  };
  const bool is_code = bits(43, 1) != 0, is_read_write = bits(41, 1) != 0;
  std::string text = is_code ? "code" : "data";
  text += is_code ? (is_read_write ? ", execute/read" : ", execute only")
                  : (is_read_write ? ", read/write" : ", read only");
  if (!is_code && bits(42, 1) != 0) text += ", expands down";
  text += bits(53, 1) != 0 ? ", 64-bit" : bits(54, 1) != 0 ? ", 32-bit" : ", 16-bit";
  text += ", ring ";
  text += static_cast<char>('0' + bits(45, 2));
  if (bits(47, 1) == 0) text += ", not present";
  return text;
}

}  // namespace gonzo
