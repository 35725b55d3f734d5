// What an ELF file says, checked as far as Linux checks it. Linux: fs/binfmt_elf.c; the format:
// System V ABI, chapter 4 and 5, and its AMD64 supplement.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernel/exec_error.h"
#include "kernel/program_abi.h"
#include <gonzo/base/address.h>
#include <gonzo/cache/backing_file.h>

namespace gonzo {

enum class ElfType : std::uint8_t {
  kExecutable,  ///< ET_EXEC: fixed addresses
  kShared,      ///< ET_DYN: relocatable, a PIE or a loader
  kOther,       ///< an interpreter may come this far with it, but check_elf_image() refuses it
};

/// PT_GNU_STACK's word. Without one, an x86-64 stack is not executable, and all that an i386
/// program can read is (Linux: elf_read_implies_exec).
enum class ElfStack : std::uint8_t { kDefault, kExecutable, kNotExecutable };

/// PT_LOAD, all in bytes.
struct ElfSegment {
  std::uint64_t offset, address, file_size, memory_size, alignment;
  std::uint32_t flags;     ///< PF_R, PF_W, PF_X
  int protection() const;  ///< PROT_*
};

struct ElfImage {
  ProgramAbi abi;
  ElfType type;
  std::uint64_t entry;
  std::uint64_t header_offset;  ///< of the program headers
  std::uint16_t header_count;
  std::vector<ElfSegment> segments;
  std::optional<std::string> interpreter;  ///< the first PT_INTERP's path
  ElfStack stack = ElfStack::kDefault;

  /// From the lowest segment's page to the highest one's last byte; 0 when there is none (Linux:
  /// total_mapping_size).
  std::uint64_t span() const;
  /// The largest power of two among the segments' alignments, at least a page or 0 (Linux:
  /// maximum_alignment).
  std::uint64_t alignment() const;
};

/// Reads and checks the headers; `name` is for the texts. What Linux would refuse in execve is
/// refused with its errno: ENOEXEC, ELIBBAD or EIO for an interpreter, or what the host answered to
/// the read. What it accepts is accepted: overlapping or unordered segments, other word sizes or
/// byte orders in e_ident (e_machine decides), segments past the end of the file.
ExecOutcome<ElfImage> parse_elf(BackingFile& file, const std::string& name);
/// The same for the interpreter of a program of `abi`.
ExecOutcome<ElfImage> parse_elf_interpreter(BackingFile& file, ProgramAbi abi,
                                            const std::string& name);

/// What Linux finds only past the point of no return (`signal` is set in every error): segments
/// that cannot be mapped, an interpreter's type.
ExecOutcome<void> check_elf_image(const ElfImage& image, const std::string& name);

}  // namespace gonzo
