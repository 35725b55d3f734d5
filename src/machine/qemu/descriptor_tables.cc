#include "machine/qemu/descriptor_tables.h"

#include <cstring>

#include "machine/qemu/stub_image.h"

namespace gonzo {
namespace {

// Flat segments, accessed already: the processor need not write to the table.
constexpr std::uint64_t kKernelCode32 = 0x00cf9b000000ffff, kKernelCode64 = 0x00af9b000000ffff,
                        kKernelData = 0x00cf93000000ffff, kUserCode32 = 0x00cffb000000ffff,
                        kUserData = 0x00cff3000000ffff, kUserCode64 = 0x00affb000000ffff;

/// Its limit tells processor and node, 0 and 0, by LSL (Linux: GDT_ENTRY_CPUNODE).
constexpr std::uint64_t kCpuNode = 0x0040f50000000000;

constexpr unsigned kInterruptGate = 0xe, kTaskState = 0x9;
constexpr unsigned kPresent = 0x80;
constexpr unsigned kUserLevel = 3;
constexpr unsigned kBreakpoint = 3, kOverflow = 4;
constexpr unsigned kFirstLine = 0x20, kLines = 16, kExceptions = 32;
constexpr std::uint64_t kVectorBytes = 16;
constexpr std::size_t kIoMapOffset = 102;

class Tables {
 public:
  Tables(std::span<std::byte> page, PagingFormat format, VirtAddr base)
      : page_(page), is_long_(!is_32bit(format)), base_(base.value) {}

  void write(const gonzo_qemu_stub& stub) {
    write_segments();
    for (unsigned vector = 0; vector < kExceptions; ++vector) {
      // INT3 and INTO are the user's to execute; any other INT of his is #GP.
      const bool by_user = vector == kBreakpoint || vector == kOverflow;
      gate(vector, stub.vectors + vector * kVectorBytes, by_user ? kUserLevel : 0);
    }
    for (unsigned line = 0; line < kLines; ++line) gate(kFirstLine + line, stub.spurious, 0);
    gate(GONZO_QEMU_KICK, stub.kick, 0);
    gate(GONZO_QEMU_INT80, stub.int80, kUserLevel);
    write_task();
  }

 private:
  template <typename T>
  void put(std::size_t at, T value) {
    std::memcpy(page_.data() + at, &value, sizeof value);
  }
  void segment(unsigned selector, std::uint64_t descriptor) {
    put(GONZO_QEMU_GDT + (selector & ~7U), descriptor);
  }

  void write_segments() {
    segment(GONZO_QEMU_KERNEL_CODE32, kKernelCode32);
    segment(GONZO_QEMU_KERNEL_CODE64, kKernelCode64);
    segment(GONZO_QEMU_KERNEL_DATA, kKernelData);
    segment(GONZO_QEMU_USER_CODE32, kUserCode32);
    segment(GONZO_QEMU_USER_DATA, kUserData);
    segment(GONZO_QEMU_USER_CODE64, is_long_ ? kUserCode64 : 0);
    segment(GONZO_QEMU_CPU_NODE, kCpuNode);
    const std::uint64_t task = base_ + GONZO_QEMU_TABLES + GONZO_QEMU_TSS;
    segment(GONZO_QEMU_TSS_SELECTOR, (GONZO_QEMU_TSS_BYTES - 1) | (task & 0xffffff) << 16 |
                                         std::uint64_t{kPresent | kTaskState} << 40 |
                                         (task >> 24 & 0xff) << 56);
    if (is_long_) segment(GONZO_QEMU_TSS_SELECTOR + 8, task >> 32);
  }

  void gate(unsigned vector, std::uint64_t target, unsigned level) {
    const std::uint64_t selector = is_long_ ? GONZO_QEMU_KERNEL_CODE64 : GONZO_QEMU_KERNEL_CODE32;
    const std::uint64_t type = kPresent | level << 5 | kInterruptGate;
    const std::uint64_t low =
        (target & 0xffff) | selector << 16 | type << 40 | (target >> 16 & 0xffff) << 48;
    if (is_long_) {
      put(GONZO_QEMU_IDT + 16 * vector, low);
      put(GONZO_QEMU_IDT + 16 * vector + 8, target >> 32);
    } else {
      put(GONZO_QEMU_IDT + 8 * vector, low);
    }
  }

  /// Where a trap's stack begins; no port is the user's.
  void write_task() {
    const std::uint64_t stack = base_ + GONZO_QEMU_STACK_END;
    if (is_long_) {
      put(GONZO_QEMU_TSS + 4, stack);
    } else {
      put(GONZO_QEMU_TSS + 4, static_cast<std::uint32_t>(stack));
      put(GONZO_QEMU_TSS + 8, std::uint32_t{GONZO_QEMU_KERNEL_DATA});
    }
    put(GONZO_QEMU_TSS + kIoMapOffset, std::uint16_t{GONZO_QEMU_TSS_BYTES});
  }

  std::span<std::byte> page_;
  bool is_long_;
  std::uint64_t base_;
};

// Of a segment descriptor.
constexpr std::uint64_t kDescriptorPresent = 1ULL << 47, kDescriptorSegment = 1ULL << 44,
                        kDescriptorCode = 1ULL << 43, kDescriptorReadWrite = 1ULL << 41,
                        kDescriptorLevel = 3ULL << 45;
constexpr unsigned kLocalTable = 4;

/// 0: there is none for a user.
std::uint64_t descriptor_of(std::uint16_t selector, const TlsDescriptors& tls) {
  if ((selector & kLocalTable) != 0) return 0;
  switch (selector | kUserLevel) {
    case GONZO_QEMU_USER_CODE32:
    case GONZO_QEMU_USER_CODE64:
      return kUserCode32;
    case GONZO_QEMU_USER_DATA:
      return kUserData;
    default:
      break;
  }
  const unsigned entry = selector >> 3;
  if (entry < segment::kFirstTls || entry >= segment::kFirstTls + segment::kTlsEntries) return 0;
  const std::uint64_t descriptor = tls[entry - segment::kFirstTls];
  constexpr std::uint64_t kNeeded = kDescriptorPresent | kDescriptorSegment | kDescriptorLevel;
  return (descriptor & kNeeded) == kNeeded ? descriptor : 0;
}

}  // namespace

void write_descriptor_tables(std::span<std::byte> page, PagingFormat format, VirtAddr base) {
  static_assert(GONZO_QEMU_IDT + 16 * GONZO_QEMU_IDT_ENTRIES <= GONZO_QEMU_TSS);
  Tables(page, format, base).write(stub_addresses(format));
}

void write_tls(std::span<std::byte> page, const TlsDescriptors& descriptors) {
  static_assert(segment::kFirstTls + segment::kTlsEntries <= GONZO_QEMU_GDT_ENTRIES);
  std::memcpy(page.data() + GONZO_QEMU_GDT + sizeof(std::uint64_t) * segment::kFirstTls,
              descriptors.data(), sizeof descriptors);
}

bool is_loadable(std::uint16_t selector, const TlsDescriptors& descriptors) {
  if (selector <= kUserLevel) return true;
  const std::uint64_t descriptor = descriptor_of(selector, descriptors);
  return descriptor != 0 &&
         ((descriptor & kDescriptorCode) == 0 || (descriptor & kDescriptorReadWrite) != 0);
}

bool is_stack_segment(std::uint16_t selector, const TlsDescriptors& descriptors) {
  const std::uint64_t descriptor = descriptor_of(selector, descriptors);
  return (selector & kUserLevel) == kUserLevel && (descriptor & kDescriptorReadWrite) != 0 &&
         (descriptor & kDescriptorCode) == 0;
}

}  // namespace gonzo
