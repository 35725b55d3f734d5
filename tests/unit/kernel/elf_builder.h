// Small ELF files, right until a test makes them wrong.
#pragma once

#include <elf.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace gonzo {

struct ElfBuilder {
  static constexpr std::size_t kCodeOffset = 0x1000;

  Elf64_Ehdr header{};
  std::vector<Elf64_Phdr> programs;
  std::vector<std::byte> body;  ///< from kCodeOffset on
  std::string interpreter;      ///< put at 0x800 when a PT_INTERP is there
  std::size_t cut_at = SIZE_MAX;

  explicit ElfBuilder(std::uint16_t type = ET_EXEC) {
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = type;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_ehsize = sizeof(header);
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phoff = sizeof(header);
    const std::uint64_t base = type == ET_EXEC ? 0x400000 : 0;
    header.e_entry = base + kCodeOffset;
    // mov $60, %eax; xor %edi, %edi; syscall: exit(0).
    for (const int byte : {0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05}) {
      body.push_back(static_cast<std::byte>(byte));
    }
    body.resize(0x400);
    add_load(0, base, kCodeOffset + body.size(), kCodeOffset + body.size(), PF_R | PF_X);
  }

  Elf64_Phdr& add_load(std::uint64_t offset, std::uint64_t address, std::uint64_t file_size,
                       std::uint64_t memory_size, std::uint32_t flags) {
    programs.push_back({.p_type = PT_LOAD,
                        .p_flags = flags,
                        .p_offset = offset,
                        .p_vaddr = address,
                        .p_paddr = address,
                        .p_filesz = file_size,
                        .p_memsz = memory_size,
                        .p_align = 0x1000});
    return programs.back();
  }
  Elf64_Phdr& add_interpreter(const std::string& path) {
    interpreter = path;
    programs.push_back(
        {.p_type = PT_INTERP, .p_flags = PF_R, .p_offset = 0x800, .p_filesz = path.size() + 1});
    return programs.back();
  }
  Elf64_Phdr& add_stack(std::uint32_t flags) {
    programs.push_back({.p_type = PT_GNU_STACK, .p_flags = flags});
    return programs.back();
  }

  /// The same for i386: what does not fit is cut off.
  std::vector<std::byte> bytes_i386() const {
    Elf32_Ehdr final{};
    std::memcpy(final.e_ident, header.e_ident, sizeof final.e_ident);
    if (final.e_ident[EI_CLASS] == ELFCLASS64) final.e_ident[EI_CLASS] = ELFCLASS32;
    final.e_type = header.e_type;
    final.e_machine = header.e_machine == EM_X86_64 ? std::uint16_t{EM_386} : header.e_machine;
    final.e_version = header.e_version;
    final.e_entry = static_cast<std::uint32_t>(header.e_entry);
    final.e_phoff =
        header.e_phoff == sizeof header ? sizeof final : static_cast<std::uint32_t>(header.e_phoff);
    final.e_ehsize = header.e_ehsize;
    final.e_phentsize =
        header.e_phentsize == sizeof(Elf64_Phdr) ? sizeof(Elf32_Phdr) : header.e_phentsize;
    final.e_phnum =
        header.e_phnum != 0 ? header.e_phnum : static_cast<std::uint16_t>(programs.size());
    if (header.e_phnum == PN_XNUM) final.e_phnum = 0;
    std::vector<std::byte> file(kCodeOffset + body.size());
    std::memcpy(file.data(), &final, sizeof final);
    std::size_t at = sizeof final;
    for (const Elf64_Phdr& wide : programs) {
      const Elf32_Phdr narrow{.p_type = wide.p_type,
                              .p_offset = static_cast<std::uint32_t>(wide.p_offset),
                              .p_vaddr = static_cast<std::uint32_t>(wide.p_vaddr),
                              .p_paddr = static_cast<std::uint32_t>(wide.p_paddr),
                              .p_filesz = static_cast<std::uint32_t>(wide.p_filesz),
                              .p_memsz = static_cast<std::uint32_t>(wide.p_memsz),
                              .p_flags = wide.p_flags,
                              .p_align = static_cast<std::uint32_t>(wide.p_align)};
      if (at + sizeof narrow > file.size()) break;
      std::memcpy(file.data() + at, &narrow, sizeof narrow);
      at += sizeof narrow;
    }
    std::memcpy(file.data() + 0x800, interpreter.c_str(), interpreter.size() + 1);
    std::memcpy(file.data() + kCodeOffset, body.data(), body.size());
    if (cut_at < file.size()) file.resize(cut_at);
    return file;
  }

  std::vector<std::byte> bytes() const {
    Elf64_Ehdr final = header;
    if (final.e_phnum == 0) final.e_phnum = static_cast<std::uint16_t>(programs.size());
    if (header.e_phnum == PN_XNUM) final.e_phnum = 0;
    std::vector<std::byte> file(kCodeOffset + body.size());
    std::memcpy(file.data(), &final, sizeof(final));
    std::memcpy(file.data() + sizeof(final), programs.data(), programs.size() * sizeof(Elf64_Phdr));
    std::memcpy(file.data() + 0x800, interpreter.c_str(), interpreter.size() + 1);
    std::memcpy(file.data() + kCodeOffset, body.data(), body.size());
    if (cut_at < file.size()) file.resize(cut_at);
    return file;
  }
};

}  // namespace gonzo
