#include "kernel/elf_loader.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <csignal>

namespace gonzo {
namespace {

std::unexpected<ExecError> fatal(Errno error, const std::string& name, std::string_view what) {
  return std::unexpected(
      ExecError{error, fmt::format("{}: {}: {}", name, what, errno_text(error)), SIGSEGV});
}

bool in_user_space(const ElfImage& image, std::uint64_t address) {
  return address < task_size(image.abi);
}

/// Linux: elf_map. `reserve` is 0, or the room that the first of several segments takes, so that
/// the others are sure to find theirs.
Result<std::uint64_t> map_file_part(AddressSpace& memory, const ElfSegment& segment,
                                    const ObjectRef& file, std::uint64_t address, int flags,
                                    std::uint64_t reserve) {
  const std::uint64_t in_page = segment.address % kPageSize;
  const std::uint64_t size = page_ceil(segment.file_size + in_page);
  const std::uint64_t room = page_ceil(reserve);
  GONZO_ASSIGN(const VirtAddr start, memory.map({.hint = VirtAddr(page_floor(address)),
                                                 .length = room != 0 ? room : size,
                                                 .protection = segment.protection(),
                                                 .flags = MAP_PRIVATE | flags,
                                                 .object = file,
                                                 .offset = segment.offset - in_page}));
  if (room > size) GONZO_TRY(memory.unmap(start + size, room - size));
  return start.value;
}

/// Linux: vm_brk_flags: anonymous, readable and writable whatever the segment says.
Result<void> map_zeros(AddressSpace& memory, std::uint64_t start, std::uint64_t end,
                       const ElfSegment& segment) {
  if (end <= start) return {};
  const int executable = segment.protection() & PROT_EXEC;
  GONZO_TRY(memory.map({.hint = VirtAddr(start),
                        .length = end - start,
                        .protection = PROT_READ | PROT_WRITE | executable,
                        .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED}));
  return {};
}

/// Linux: elf_load. The page where the segment begins.
Result<std::uint64_t> map_segment(AddressSpace& memory, const ElfSegment& segment,
                                  const ObjectRef& file, std::uint64_t address, int flags,
                                  std::uint64_t reserve) {
  const std::uint64_t in_page = segment.address % kPageSize;
  std::uint64_t mapped = page_floor(address);
  std::uint64_t zeros = mapped;
  if (segment.file_size != 0) {
    GONZO_ASSIGN(mapped, map_file_part(memory, segment, file, address, flags, reserve));
    zeros = mapped + in_page + segment.file_size;
    // The last page's rest. Of a segment that nobody may write, Linux leaves it as the file has it.
    if (segment.memory_size > segment.file_size && zeros % kPageSize != 0) {
      const auto cleared = memory.clear(VirtAddr(zeros), page_ceil(zeros) - zeros);
      if (!cleared && (segment.protection() & PROT_WRITE) != 0) return fail(cleared.error());
    }
  }
  if (segment.memory_size > segment.file_size) {
    const std::uint64_t end = mapped + in_page + segment.memory_size;
    GONZO_TRY(map_zeros(memory, page_ceil(zeros), page_ceil(end), segment));
  }
  return mapped;
}

/// Linux: the first-segment branch of load_elf_binary. The bias for an ET_DYN image; 0 with no
/// fixed place wanted for a loader, which the mmap area takes.
struct Placement {
  std::uint64_t bias = 0;
  int flags = 0;
};
Result<Placement> place_program(AddressSpace& memory, const ElfImage& image,
                                const ObjectRef& file) {
  if (image.type == ElfType::kExecutable) return Placement{.flags = MAP_FIXED_NOREPLACE};
  if (image.span() == 0) return fail(Errno::kInval);
  Placement placement;
  const ElfSegment& first = image.segments.front();
  const std::uint64_t alignment = image.alignment();
  if (image.interpreter) {
    placement = {.bias = dynamic_base(image.abi), .flags = MAP_FIXED_NOREPLACE};
    if (alignment != 0) placement.bias &= ~(alignment - 1);
  } else if (alignment > kPageSize) {
    // A trial mapping tells where there is room, then its start is aligned downwards.
    GONZO_ASSIGN(const std::uint64_t start, map_segment(memory, first, file, 0, 0, image.span()));
    GONZO_TRY(memory.unmap(VirtAddr(start), page_ceil(image.span())));
    placement = {.bias = start & ~(alignment - 1), .flags = MAP_FIXED_NOREPLACE};
  }
  placement.bias = page_floor(placement.bias - first.address);
  return placement;
}

void note_bounds(LoadedElf& loaded, const ElfImage& image, const ElfSegment& segment,
                 std::uint64_t& highest) {
  if (segment.offset <= image.header_offset &&
      image.header_offset < segment.offset + segment.file_size) {
    loaded.program_headers = VirtAddr(image.header_offset - segment.offset + segment.address);
  }
  const bool code = (segment.protection() & PROT_EXEC) != 0;
  const VirtAddr start(segment.address);
  const VirtAddr end = start + segment.file_size;
  if (code) loaded.start_code = std::min(loaded.start_code, start);
  if (code) loaded.end_code = std::max(loaded.end_code, end);
  loaded.start_data = std::max(loaded.start_data, start);
  loaded.end_data = std::max(loaded.end_data, end);
  highest = std::max(highest, segment.address + segment.memory_size);
}

}  // namespace

ExecOutcome<LoadedElf> load_elf_program(AddressSpace& memory, const ElfImage& image,
                                        const ObjectRef& file, const std::string& name) {
  if (auto ok = check_elf_image(image, name); !ok) return std::unexpected(ok.error());
  LoadedElf loaded{.start_code = VirtAddr(~0ULL)};
  std::uint64_t highest = 0;
  Placement placement;
  if (!image.segments.empty()) {
    const auto place = place_program(memory, image, file);
    if (!place) return fatal(place.error(), name, "no room for the ELF image");
    placement = *place;
  }
  loaded.bias = placement.bias;
  // Only a relocatable image needs its room reserved: a fixed one has it or has not.
  std::uint64_t reserve = image.type == ElfType::kShared ? image.span() : 0;
  int flags = placement.flags;
  for (std::size_t i = 0; i < image.segments.size(); ++i) {
    const ElfSegment& segment = image.segments[i];
    const std::uint64_t address = loaded.bias + segment.address;
    const auto mapped = map_segment(memory, segment, file, address, flags, reserve);
    if (!mapped) return fatal(mapped.error(), name, fmt::format("cannot map ELF segment {}", i));
    if (!in_user_space(image, *mapped))
      return fatal(Errno::kInval, name, "ELF segment out of user space");
    if (i == 0 && image.type == ElfType::kShared) loaded.bias += *mapped - page_floor(address);
    note_bounds(loaded, image, segment, highest);
    reserve = 0;
    flags = MAP_FIXED;
  }
  loaded.entry = VirtAddr(image.entry + loaded.bias);
  loaded.program_headers += loaded.bias;
  for (VirtAddr* bound :
       {&loaded.start_code, &loaded.end_code, &loaded.start_data, &loaded.end_data}) {
    *bound += loaded.bias;
  }
  // A loader's heap would grow into the mmap area: Linux moves it to where a PIE would be.
  const bool loader = image.type == ElfType::kShared && !image.interpreter;
  loaded.break_start =
      VirtAddr(loader ? dynamic_base(image.abi) : highest + loaded.bias).page_ceil();
  if (!image.interpreter && !in_user_space(image, loaded.entry.value)) {
    return fatal(Errno::kInval, name,
                 fmt::format("entry point {:#x} is not in user space", loaded.entry.value));
  }
  return loaded;
}

ExecOutcome<LoadedElf> load_elf_interpreter(AddressSpace& memory, const ElfImage& image,
                                            const ObjectRef& file, std::uint64_t program_bias,
                                            const std::string& name) {
  if (auto ok = check_elf_image(image, name); !ok) return std::unexpected(ok.error());
  if (image.span() == 0) return fatal(Errno::kInval, name, "ELF interpreter without segments");
  const bool movable = image.type == ElfType::kShared;
  LoadedElf loaded;
  // Linux gives the first segment no hint when the program was relocated, its own address if not.
  if (movable && program_bias != 0) loaded.bias = 0 - image.segments.front().address;
  std::uint64_t reserve = image.span();
  for (std::size_t i = 0; i < image.segments.size(); ++i) {
    const ElfSegment& segment = image.segments[i];
    const std::uint64_t address = loaded.bias + segment.address;
    const int flags = !movable || i > 0 ? MAP_FIXED : 0;
    const auto mapped = map_segment(memory, segment, file, address, flags, reserve);
    if (!mapped) return fatal(mapped.error(), name, fmt::format("cannot map ELF segment {}", i));
    if (movable && i == 0) loaded.bias = *mapped - page_floor(segment.address);
    const std::uint64_t start = loaded.bias + segment.address;
    if (!in_user_space(image, start) || start > task_size(image.abi) - segment.memory_size) {
      return fatal(Errno::kNoMem, name, "ELF segment out of user space");
    }
    reserve = 0;
  }
  loaded.entry = VirtAddr(image.entry + loaded.bias);
  if (!in_user_space(image, loaded.entry.value)) {
    return fatal(Errno::kInval, name,
                 fmt::format("entry point {:#x} is not in user space", loaded.entry.value));
  }
  return loaded;
}

}  // namespace gonzo
