#include "loader.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <span>

#include <gonzo/cache/host_file.h>

using namespace gonzo;

namespace {

std::unexpected<std::string> refuse(const char* why) { return std::unexpected<std::string>(why); }
std::unexpected<std::string> refuse(const char* what, Errno error) {
  return std::unexpected(std::string(what) + ": " + std::string(errno_text(error)));
}

bool read_all(int descriptor, void* to, std::size_t bytes, std::uint64_t offset) {
  return pread(descriptor, to, bytes, static_cast<off_t>(offset)) == static_cast<ssize_t>(bytes);
}

template <typename Header, typename Segment, typename Word>
struct Layout {
  using ElfHeader = Header;
  using ElfSegment = Segment;
  using StackWord = Word;
};
using Layout64 = Layout<Elf64_Ehdr, Elf64_Phdr, std::uint64_t>;
using Layout32 = Layout<Elf32_Ehdr, Elf32_Phdr, std::uint32_t>;

int protection_of(std::uint32_t flags) {
  return ((flags & PF_R) != 0 ? PROT_READ : 0) | ((flags & PF_W) != 0 ? PROT_WRITE : 0) |
         ((flags & PF_X) != 0 ? PROT_EXEC : 0);
}

template <typename ElfSegment>
Result<void> map_segment(AddressSpace& space, const ElfSegment& segment, const ObjectRef& file) {
  const std::uint64_t start = page_floor(segment.p_vaddr);
  const std::uint64_t file_end = std::uint64_t{segment.p_vaddr} + segment.p_filesz;
  const std::uint64_t end = page_ceil(std::uint64_t{segment.p_vaddr} + segment.p_memsz);
  const int protection = protection_of(segment.p_flags);
  if (segment.p_filesz != 0) {
    GONZO_TRY(space.map({.hint = VirtAddr(start),
                         .length = page_ceil(file_end) - start,
                         .protection = protection,
                         .flags = MAP_PRIVATE | MAP_FIXED_NOREPLACE,
                         .object = file,
                         .offset = page_floor(segment.p_offset)}));
  }
  if (segment.p_memsz == segment.p_filesz) return {};
  // bss: the rest of the file's last page, and pages of zeros.
  const std::uint64_t zeros = segment.p_filesz != 0 ? page_ceil(file_end) : start;
  if (segment.p_filesz != 0 && zeros != file_end) {
    GONZO_TRY(space.clear(VirtAddr(file_end), zeros - file_end));
  }
  if (zeros == end) return {};
  GONZO_TRY(space.map({.hint = VirtAddr(zeros),
                       .length = end - zeros,
                       .protection = protection,
                       .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE}));
  return {};
}

/// argc, argv, envp and the auxiliary vector below the strings, as the System V ABI says.
template <typename Word>
class Stack {
 public:
  Stack(AddressSpace& space, std::uint64_t top) : space_(space), top_(top) {}

  Result<std::uint64_t> push_bytes(std::span<const std::byte> bytes) {
    top_ -= bytes.size();
    GONZO_TRY(space_.copy_out(VirtAddr(top_), bytes));
    return top_;
  }
  Result<std::uint64_t> push_words(const std::vector<Word>& words) {
    top_ = (top_ & ~std::uint64_t{15}) - (words.size() * sizeof(Word) + 15) / 16 * 16;
    GONZO_TRY(space_.copy_out(VirtAddr(top_), std::as_bytes(std::span(words))));
    return top_;
  }

 private:
  AddressSpace& space_;
  std::uint64_t top_;
};

template <typename Layout>
Result<std::uint64_t> make_stack(AddressSpace& space, const typename Layout::ElfHeader& header,
                                 std::uint64_t headers, const std::vector<std::string>& arguments) {
  using Word = typename Layout::StackWord;
  constexpr std::uint64_t kTop64 = 0x7fff'ffff'e000, kTop32 = 0xbfff'f000, kRoom = 132 << 10;
  const std::uint64_t top = sizeof(Word) == 8 ? kTop64 : kTop32;
  GONZO_TRY(space.map_stack(VirtAddr(top), kRoom, false));
  Stack<Word> stack(space, top);
  std::vector<Word> words{static_cast<Word>(arguments.size())};
  for (const std::string& each : arguments) {
    GONZO_ASSIGN(const std::uint64_t at,
                 stack.push_bytes(std::as_bytes(std::span(each.c_str(), each.size() + 1))));
    words.push_back(static_cast<Word>(at));
  }
  // The same in each run: nothing here is random.
  const std::array<std::byte, 16> random{};
  GONZO_ASSIGN(const std::uint64_t random_at, stack.push_bytes(random));
  const auto add = [&](std::initializer_list<std::uint64_t> more) {
    for (const std::uint64_t each : more) words.push_back(static_cast<Word>(each));
  };
  add({0, 0});  // the end of argv; no environment
  add({AT_PHDR, headers, AT_PHENT, header.e_phentsize, AT_PHNUM, header.e_phnum});
  add({AT_PAGESZ, kPageSize, AT_ENTRY, header.e_entry, AT_RANDOM, random_at, AT_CLKTCK, 100});
  add({AT_UID, 0, AT_EUID, 0, AT_GID, 0, AT_EGID, 0, AT_SECURE, 0, AT_NULL, 0});
  return stack.push_words(words);
}

template <typename Layout>
std::expected<std::uint64_t, std::string> load(const Program& program, Memory& memory,
                                               AddressSpace& space,
                                               const std::vector<std::string>& arguments) {
  typename Layout::ElfHeader header;
  if (!read_all(program.descriptor, &header, sizeof header, 0)) return refuse("cut short");
  std::vector<typename Layout::ElfSegment> segments(header.e_phnum);
  if (header.e_phentsize != sizeof segments[0] ||
      !read_all(program.descriptor, segments.data(), segments.size() * sizeof segments[0],
                header.e_phoff)) {
    return refuse("no program headers");
  }
  auto host_file = HostFile::open(program.descriptor);
  if (!host_file) return refuse("cannot read it", host_file.error());
  const auto file = memory.files().open(*host_file);
  if (!file) return refuse("cannot cache it", file.error());

  std::uint64_t heap = 0, headers = 0;
  for (const auto& each : segments) {
    if (each.p_type == PT_INTERP) return refuse("not statically linked");
    if (each.p_type != PT_LOAD) continue;
    if (const auto done = map_segment(space, each, *file); !done) {
      return refuse("cannot map a segment", done.error());
    }
    heap = std::max<std::uint64_t>(heap, std::uint64_t{each.p_vaddr} + each.p_memsz);
    if (each.p_offset == 0) headers = each.p_vaddr + header.e_phoff;
  }
  space.set_bounds({.start_brk = VirtAddr(page_ceil(heap)), .brk = VirtAddr(page_ceil(heap))});
  const auto stack = make_stack<Layout>(space, header, headers, arguments);
  if (!stack) return refuse("cannot make a stack", stack.error());
  return *stack;
}

}  // namespace

std::expected<Program, std::string> open_program(const std::string& path) {
  Program program{.descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (program.descriptor < 0) return refuse("cannot open it", static_cast<Errno>(errno));
  Elf64_Ehdr header{};  // the part that both have in common, and e_entry
  if (!read_all(program.descriptor, &header, sizeof(Elf32_Ehdr), 0) ||
      std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
    return refuse("not an ELF program");
  }
  if (header.e_type != ET_EXEC) return refuse("not a program with fixed addresses (-static)");
  if (header.e_machine == EM_X86_64) {
    program.entry = header.e_entry;
  } else if (header.e_machine == EM_386) {
    program.isa = Isa::kI386;
    program.entry = reinterpret_cast<const Elf32_Ehdr&>(header).e_entry;
  } else {
    return refuse("not for x86");
  }
  return program;
}

std::expected<std::uint64_t, std::string> load_program(const Program& program, Memory& memory,
                                                       AddressSpace& space,
                                                       const std::vector<std::string>& arguments) {
  return program.isa == Isa::kX8664 ? load<Layout64>(program, memory, space, arguments)
                                    : load<Layout32>(program, memory, space, arguments);
}
