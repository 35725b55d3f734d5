// The segments, gates and task of a processor whose ring 0 is the stub. Intel SDM vol. 3A, 3.4.5,
// 6.11, 6.14.1, 7.2.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <gonzo/base/address.h>
#include <gonzo/machine/machine.h>
#include <gonzo/paging/paging_format.h>

namespace gonzo {

/// Fills the page of tables of an entry area that starts at `base`.
void write_descriptor_tables(std::span<std::byte> page, PagingFormat format, VirtAddr base);

using TlsDescriptors = std::array<std::uint64_t, segment::kTlsEntries>;

/// A thread's own entries of the GDT.
void write_tls(std::span<std::byte> page, const TlsDescriptors& descriptors);

/// Whether a user may load this selector into DS, ES, FS or GS; what may not would be a fault of
/// the stub's.
bool is_loadable(std::uint16_t selector, const TlsDescriptors& descriptors);
/// The same for SS.
bool is_stack_segment(std::uint16_t selector, const TlsDescriptors& descriptors);

}  // namespace gonzo
