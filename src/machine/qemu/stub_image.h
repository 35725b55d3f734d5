// The code that the runner carries for the emulated processor.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>

#include "machine/qemu/stub/mailbox.h"
#include <gonzo/paging/paging_format.h>

extern "C" {
extern const std::byte gonzo_qemu_stub64_start[], gonzo_qemu_stub64_end[];
extern const std::byte gonzo_qemu_stub32_start[], gonzo_qemu_stub32_end[];
extern const std::byte gonzo_qemu_rom_start[], gonzo_qemu_rom_end[];
}

namespace gonzo {

/// Ring 0 of a processor with tables of this format.
inline std::span<const std::byte> stub_image(PagingFormat format) {
  return is_32bit(format) ? std::span(gonzo_qemu_stub32_start, gonzo_qemu_stub32_end)
                          : std::span(gonzo_qemu_stub64_start, gonzo_qemu_stub64_end);
}

/// The page that the processor starts in.
inline std::span<const std::byte> rom_image() { return {gonzo_qemu_rom_start, gonzo_qemu_rom_end}; }

inline gonzo_qemu_stub stub_addresses(PagingFormat format) {
  gonzo_qemu_stub addresses;
  std::memcpy(&addresses, stub_image(format).data(), sizeof addresses);
  return addresses;
}

}  // namespace gonzo
