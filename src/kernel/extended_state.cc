#include "kernel/extended_state.h"

#include <cpuid.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>

namespace gonzo {
namespace {

// The standard form: 512 bytes as FXSAVE writes them, the header, then the other components.
constexpr std::size_t kControlWord = 0, kStatusWord = 2, kMxcsr = 24, kMxcsrMask = 28;
constexpr std::size_t kSoftware = 464, kLegacyEnd = 512;
constexpr std::size_t kHeader = 512, kHeaderEnd = 576;
constexpr std::size_t kSmallest = kHeaderEnd;

constexpr std::uint64_t kX87AndSse = 3;
constexpr std::uint16_t kInitialControlWord = 0x37f;
constexpr std::uint32_t kInitialMxcsr = 0x1f80, kUsualMxcsrMask = 0xffbf;

/// What Linux writes over the bytes that software may use.
struct SoftwareBytes {
  std::uint32_t magic1 = 0;
  std::uint32_t extended_size = 0;  ///< the closing magic word included
  std::uint64_t features = 0;
  std::uint32_t state_size = 0;
  std::array<std::uint32_t, 7> padding{};
};
static_assert(sizeof(SoftwareBytes) == kLegacyEnd - kSoftware);
constexpr std::uint32_t kMagic1 = 0x46505853, kMagic2 = 0x46505845;

template <typename T>
T load(std::span<const std::byte> bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

template <typename T>
void store(std::span<std::byte> bytes, std::size_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(T));
}

/// XCR0: what the host lets processes save.
std::uint64_t enabled_features() {
  std::uint32_t low = 0, high = 0;
  asm("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low | (std::uint64_t{high} << 32);
}

bool host_has_xsave() {
  std::uint32_t a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_OSXSAVE) != 0;
}

/// Where each component ends; 0: the host does not have it.
using ComponentEnds = std::array<std::size_t, 63>;

ComponentEnds read_component_ends() {
  ComponentEnds ends{};
  if (!host_has_xsave()) return ends;
  const std::uint64_t enabled = enabled_features();
  for (unsigned i = 2; i < ends.size(); ++i) {
    std::uint32_t bytes = 0, offset = 0, c = 0, d = 0;
    if (((enabled >> i) & 1) == 0) continue;
    if (__get_cpuid_count(0xd, i, &bytes, &offset, &c, &d) != 0) ends[i] = offset + bytes;
  }
  return ends;
}

std::uint64_t features_within(std::size_t size) {
  // A fact of the processor. Asked once: in a virtual machine CPUID may cost microseconds.
  static const ComponentEnds kEnds = read_component_ends();
  std::uint64_t fitting = kX87AndSse;
  for (unsigned i = 2; i < kEnds.size(); ++i) {
    if (kEnds[i] != 0 && kEnds[i] <= size) fitting |= std::uint64_t{1} << i;
  }
  return fitting;
}

}  // namespace

ExtendedState::ExtendedState(std::span<std::byte> bytes)
    : bytes_(bytes.size() >= kSmallest ? bytes : std::span<std::byte>{}) {
  if (exists()) features_ = features_within(bytes_.size());
}

std::uint64_t ExtendedState::frame_bytes() const {
  return exists() ? bytes_.size() + sizeof(kMagic2) : 0;
}

Result<void> ExtendedState::save(AddressSpace& memory, VirtAddr to) const {
  const SoftwareBytes software{.magic1 = kMagic1,
                               .extended_size = static_cast<std::uint32_t>(frame_bytes()),
                               .features = features_,
                               .state_size = static_cast<std::uint32_t>(bytes_.size())};
  const auto present = load<std::uint64_t>(bytes_, kHeader);
  GONZO_TRY(memory.copy_out(to, bytes_.first(kSoftware)));
  GONZO_TRY(memory.store(to + kSoftware, software));
  // Handlers may look at x87 and SSE without asking whether they are in their initial state.
  GONZO_TRY(memory.store(to + kHeader, (present & features_) | kX87AndSse));
  GONZO_TRY(memory.copy_out(to + kHeader + 8, bytes_.subspan(kHeader + 8)));
  return memory.store(to + bytes_.size(), kMagic2);
}

Result<void> ExtendedState::restore(AddressSpace& memory, VirtAddr from) {
  GONZO_ASSIGN(const auto software, memory.load<SoftwareBytes>(from + kSoftware));
  std::vector<std::byte> state(bytes_.size());
  const std::span<std::byte> area(state);
  bool complete = software.magic1 == kMagic1 && software.state_size >= kSmallest &&
                  software.state_size <= bytes_.size() &&
                  software.extended_size >= software.state_size;
  if (complete) {
    GONZO_ASSIGN(const auto magic2, memory.load<std::uint32_t>(from + software.state_size));
    complete = magic2 == kMagic2;
  }
  // Without the magic words only the part that FXSAVE knows is to be believed.
  GONZO_TRY(memory.copy_in(area.first(complete ? software.state_size : kLegacyEnd), from));
  std::uint64_t present = kX87AndSse;
  if (complete) {
    const bool reserved_clear =
        std::ranges::all_of(area.subspan(kHeader + 8, kHeaderEnd - kHeader - 8),
                            [](std::byte b) { return b == std::byte{0}; });
    present = load<std::uint64_t>(area, kHeader);
    if (!reserved_clear || (present & ~features_) != 0) return fail(Errno::kInval);
    present &= software.features;
  }
  const auto machine_mask = load<std::uint32_t>(bytes_, kMxcsrMask);
  const auto mask = machine_mask != 0 ? machine_mask : kUsualMxcsrMask;
  if ((load<std::uint32_t>(area, kMxcsr) & ~mask) != 0) return fail(Errno::kInval);
  store(area, kHeader, present);
  store(area, kMxcsrMask, machine_mask);
  std::ranges::copy(area.first(kSoftware), bytes_.begin());
  std::ranges::copy(area.subspan(kLegacyEnd), bytes_.begin() + kLegacyEnd);
  return {};
}

void ExtendedState::reset() {
  if (!exists()) return;
  const auto mask = load<std::uint32_t>(bytes_, kMxcsrMask);
  std::ranges::fill(bytes_.first(kSoftware), std::byte{0});
  std::ranges::fill(bytes_.subspan(kLegacyEnd), std::byte{0});
  store(bytes_, kControlWord, kInitialControlWord);
  // Loaded whether or not the header calls SSE initial.
  store(bytes_, kMxcsr, kInitialMxcsr);
  store(bytes_, kMxcsrMask, mask);
}

int float_exception_code(std::span<const std::byte> state, FloatUnit unit) {
  if (state.size() < kLegacyEnd) return 0;
  unsigned raised = 0;
  if (unit == FloatUnit::kX87) {
    const unsigned masked = load<std::uint16_t>(state, kControlWord);
    raised = load<std::uint16_t>(state, kStatusWord) & ~masked;
  } else {
    const auto mxcsr = load<std::uint32_t>(state, kMxcsr);
    raised = mxcsr & ~(mxcsr >> 7);
  }
  if ((raised & 0x01) != 0) return FPE_FLTINV;
  if ((raised & 0x04) != 0) return FPE_FLTDIV;
  if ((raised & 0x08) != 0) return FPE_FLTOVF;
  if ((raised & 0x12) != 0) return FPE_FLTUND;  // denormal or underflow
  if ((raised & 0x20) != 0) return FPE_FLTRES;
  return 0;
}

}  // namespace gonzo
