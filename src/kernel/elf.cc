#include "kernel/elf.h"

#include <elf.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <climits>
#include <csignal>
#include <cstring>
#include <span>
#include <type_traits>

namespace gonzo {
namespace {

constexpr std::uint64_t kMostHeaderBytes = 65536;  // Linux: load_elf_phdrs

Result<std::size_t> read_from(BackingFile& file, std::uint64_t offset, std::span<std::byte> into) {
  // A file position is signed; Linux's kernel_read() refuses what does not fit.
  if (offset > static_cast<std::uint64_t>(LLONG_MAX) - into.size()) return fail(Errno::kInval);
  const std::array spans{into};
  return file.read_at(offset, spans);
}

enum class Role : std::uint8_t { kProgram, kInterpreter };

/// The headers of the two word sizes.
struct Elf32 {
  using Header = Elf32_Ehdr;
  using ProgramHeader = Elf32_Phdr;
  static constexpr std::array<std::uint16_t, 2> kMachines{EM_386, 6};  // EM_486, long ago
  static constexpr const char* kName = "i386";
};
struct Elf64 {
  using Header = Elf64_Ehdr;
  using ProgramHeader = Elf64_Phdr;
  static constexpr std::array<std::uint16_t, 1> kMachines{EM_X86_64};
  static constexpr const char* kName = "x86-64";
};

template <typename Elf>
constexpr ProgramAbi kAbi = std::is_same_v<Elf, Elf32> ? ProgramAbi::kI386 : ProgramAbi::kX8664;

/// For one word size, which the caller chose.
template <typename Elf>
class Parser {
 public:
  Parser(BackingFile& file, Role role, const std::string& name)
      : file_(file), role_(role), name_(name) {}

  ExecOutcome<ElfImage> parse();

 private:
  using ProgramHeader = typename Elf::ProgramHeader;

  std::unexpected<ExecError> refuse(Errno error, std::string_view what) const {
    return std::unexpected(ExecError{error, fmt::format("{}: {}", name_, what)});
  }
  /// What the role makes of a file that is no ELF program.
  Errno bad_format() const { return role_ == Role::kProgram ? Errno::kNoExec : Errno::kLibBad; }
  ExecOutcome<void> read_header();
  ExecOutcome<void> check_identity() const;
  ExecOutcome<void> read_program_headers();
  ExecOutcome<void> read_interpreter(const ProgramHeader& header);

  BackingFile& file_;
  const Role role_;
  const std::string& name_;
  typename Elf::Header header_{};
  std::vector<ProgramHeader> program_headers_;
  ElfImage image_{};
};

template <typename Elf>
ExecOutcome<void> Parser<Elf>::read_header() {
  const auto bytes = std::as_writable_bytes(std::span(&header_, 1));
  const auto count = read_from(file_, 0, bytes);
  if (!count)
    return refuse(count.error(), fmt::format("cannot read: {}", errno_text(count.error())));
  if (*count == bytes.size()) return check_identity();
  // A program's first bytes come zero-padded (Linux: prepare_binprm); an interpreter's do not.
  if (role_ == Role::kInterpreter) {
    return refuse(Errno::kIo, "interpreter is shorter than an ELF header");
  }
  std::ranges::fill(bytes.subspan(*count), std::byte{0});
  if (std::memcmp(header_.e_ident, ELFMAG, SELFMAG) == 0) {
    return refuse(Errno::kNoExec, "truncated ELF file: ends inside its header");
  }
  return check_identity();
}

template <typename Elf>
ExecOutcome<void> Parser<Elf>::check_identity() const {
  if (std::memcmp(header_.e_ident, ELFMAG, SELFMAG) != 0) {
    return refuse(bad_format(), "not an ELF file");
  }
  // An interpreter's type is looked at later, by load_elf_interp.
  if (header_.e_type != ET_EXEC && header_.e_type != ET_DYN && role_ == Role::kProgram) {
    return refuse(Errno::kNoExec,
                  fmt::format("ELF file is not a program (e_type is {})", header_.e_type));
  }
  if (std::ranges::find(Elf::kMachines, header_.e_machine) == Elf::kMachines.end()) {
    return refuse(bad_format(),
                  fmt::format("ELF file is for another machine (e_machine is {}, not {}, {})",
                              header_.e_machine, Elf::kMachines.front(), Elf::kName));
  }
  return {};
}

template <typename Elf>
ExecOutcome<void> Parser<Elf>::read_program_headers() {
  if (header_.e_phentsize != sizeof(ProgramHeader)) {
    return refuse(bad_format(), fmt::format("ELF program headers of {} bytes each instead of {}",
                                            header_.e_phentsize, sizeof(ProgramHeader)));
  }
  const std::uint64_t bytes = std::uint64_t{header_.e_phnum} * sizeof(ProgramHeader);
  if (bytes == 0) return refuse(bad_format(), "ELF file without program headers");
  if (bytes > kMostHeaderBytes) {
    return refuse(bad_format(),
                  fmt::format("ELF file with too many program headers ({})", header_.e_phnum));
  }
  program_headers_.resize(header_.e_phnum);
  const auto count =
      read_from(file_, header_.e_phoff, std::as_writable_bytes(std::span(program_headers_)));
  if (!count || *count != bytes) {
    return refuse(bad_format(), fmt::format("ELF program headers at {:#x} lie past the file's end",
                                            header_.e_phoff));
  }
  return {};
}

template <typename Elf>
ExecOutcome<void> Parser<Elf>::read_interpreter(const ProgramHeader& header) {
  if (header.p_filesz < 2 || header.p_filesz > PATH_MAX) {
    return refuse(Errno::kNoExec,
                  fmt::format("ELF interpreter's name has a length of {} bytes", header.p_filesz));
  }
  std::string path(header.p_filesz, '\0');
  const auto count = read_from(file_, header.p_offset, std::as_writable_bytes(std::span(path)));
  if (!count) {
    return refuse(count.error(), "ELF interpreter's name cannot be read");
  }
  if (*count != path.size()) {
    return refuse(Errno::kIo, "ELF interpreter's name lies past the file's end");
  }
  if (path.back() != '\0') {
    return refuse(Errno::kNoExec, "ELF interpreter's name does not end with a NUL");
  }
  path.resize(std::strlen(path.c_str()));
  image_.interpreter = std::move(path);
  return {};
}

template <typename Elf>
ExecOutcome<ElfImage> Parser<Elf>::parse() {
  if (auto ok = read_header(); !ok) return std::unexpected(ok.error());
  if (auto ok = read_program_headers(); !ok) return std::unexpected(ok.error());
  image_.abi = kAbi<Elf>;
  image_.type = header_.e_type == ET_EXEC  ? ElfType::kExecutable
                : header_.e_type == ET_DYN ? ElfType::kShared
                                           : ElfType::kOther;
  image_.entry = header_.e_entry;
  image_.header_offset = header_.e_phoff;
  image_.header_count = header_.e_phnum;
  for (const ProgramHeader& header : program_headers_) {
    if (header.p_type == PT_INTERP && role_ == Role::kProgram && !image_.interpreter) {
      if (auto ok = read_interpreter(header); !ok) return std::unexpected(ok.error());
    } else if (header.p_type == PT_GNU_STACK) {
      image_.stack =
          (header.p_flags & PF_X) != 0 ? ElfStack::kExecutable : ElfStack::kNotExecutable;
    } else if (header.p_type == PT_LOAD) {
      image_.segments.push_back({.offset = header.p_offset,
                                 .address = header.p_vaddr,
                                 .file_size = header.p_filesz,
                                 .memory_size = header.p_memsz,
                                 .alignment = header.p_align,
                                 .flags = header.p_flags});
    }
  }
  return std::move(image_);
}

std::unexpected<ExecError> fatal(const std::string& name, std::string_view what) {
  return std::unexpected(ExecError{Errno::kInval, fmt::format("{}: {}", name, what), SIGSEGV});
}

ExecOutcome<void> check_segment(const ElfSegment& segment, std::size_t number, ProgramAbi abi,
                                const std::string& name) {
  const std::uint64_t user_end = task_size(abi);
  if (segment.file_size > segment.memory_size) {
    return fatal(name, fmt::format("ELF segment {} has more bytes in the file ({:#x}) than in "
                                   "memory ({:#x})",
                                   number, segment.file_size, segment.memory_size));
  }
  if (segment.memory_size > user_end || segment.address >= user_end ||
      segment.address > user_end - segment.memory_size) {
    return fatal(name, fmt::format("ELF segment {} ({:#x} bytes at {:#x}) does not fit into user "
                                   "space",
                                   number, segment.memory_size, segment.address));
  }
  if (segment.file_size == 0) return {};
  if (segment.offset % kPageSize != segment.address % kPageSize) {
    return fatal(name,
                 fmt::format("ELF segment {} cannot be mapped: offset {:#x} and address {:#x} "
                             "differ within a page",
                             number, segment.offset, segment.address));
  }
  // A file position is signed.
  if (segment.offset > static_cast<std::uint64_t>(LLONG_MAX) - page_ceil(segment.file_size)) {
    return fatal(name, fmt::format("ELF segment {} lies at an impossible offset {:#x}", number,
                                   segment.offset));
  }
  return {};
}

}  // namespace

int ElfSegment::protection() const {
  return ((flags & PF_R) != 0 ? PROT_READ : 0) | ((flags & PF_W) != 0 ? PROT_WRITE : 0) |
         ((flags & PF_X) != 0 ? PROT_EXEC : 0);
}

std::uint64_t ElfImage::span() const {
  if (segments.empty()) return 0;
  std::uint64_t low = ~0ULL, high = 0;
  for (const ElfSegment& segment : segments) {
    low = std::min(low, page_floor(segment.address));
    high = std::max(high, segment.address + segment.memory_size);
  }
  return high - low;
}

std::uint64_t ElfImage::alignment() const {
  std::uint64_t largest = 0;
  for (const ElfSegment& segment : segments) {
    if (std::has_single_bit(segment.alignment)) largest = std::max(largest, segment.alignment);
  }
  return page_ceil(largest);
}

ExecOutcome<void> check_elf_image(const ElfImage& image, const std::string& name) {
  if (image.type == ElfType::kOther) return fatal(name, "ELF interpreter is not a program");
  for (std::size_t i = 0; i < image.segments.size(); ++i) {
    if (auto ok = check_segment(image.segments[i], i, image.abi, name); !ok) return ok;
  }
  return {};
}

ExecOutcome<ElfImage> parse_elf(BackingFile& file, const std::string& name) {
  // Both headers have e_machine in the same place. What is neither is refused as x86-64's.
  Elf32_Ehdr header{};
  const auto count = read_from(file, 0, std::as_writable_bytes(std::span(&header, 1)));
  if (count && std::ranges::find(Elf32::kMachines, header.e_machine) != Elf32::kMachines.end()) {
    return Parser<Elf32>(file, Role::kProgram, name).parse();
  }
  return Parser<Elf64>(file, Role::kProgram, name).parse();
}

ExecOutcome<ElfImage> parse_elf_interpreter(BackingFile& file, ProgramAbi abi,
                                            const std::string& name) {
  return abi == ProgramAbi::kI386 ? Parser<Elf32>(file, Role::kInterpreter, name).parse()
                                  : Parser<Elf64>(file, Role::kInterpreter, name).parse();
}

}  // namespace gonzo
