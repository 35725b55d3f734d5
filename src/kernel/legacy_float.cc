#include "kernel/legacy_float.h"

#include <cstring>

namespace gonzo {
namespace {

// Offsets in the area that FXSAVE writes (Intel SDM vol. 1, table 10-2).
constexpr std::size_t kControl = 0, kStatus = 2, kTags = 4, kOpcode = 6, kInstruction = 8,
                      kOperand = 16, kRegisters = 32, kRegisterBytes = 16;
constexpr std::uint32_t kHighOnes = 0xffff0000;

enum Tag : std::uint32_t { kValid, kZero, kSpecial, kEmpty };

template <typename T>
T load(std::span<const std::byte> bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}
template <typename T>
void store(std::span<std::byte> bytes, std::size_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

Tag tag_of(std::span<const std::byte> state, unsigned stack_register) {
  const std::size_t at = kRegisters + stack_register * kRegisterBytes;
  const auto significand = load<std::uint64_t>(state, at);
  const unsigned exponent = load<std::uint16_t>(state, at + 8) & 0x7fff;
  if (exponent == 0x7fff) return kSpecial;
  if (exponent == 0) return significand == 0 ? kZero : kSpecial;
  return significand >> 63 != 0 ? kValid : kSpecial;
}

/// Two bits a register, from one (Linux: twd_fxsr_to_i387).
std::uint32_t full_tags(std::span<const std::byte> state) {
  const unsigned used = load<std::uint8_t>(state, kTags);
  const unsigned top = load<std::uint16_t>(state, kStatus) >> 11 & 7;
  std::uint32_t tags = kHighOnes;
  for (unsigned i = 0; i < 8; ++i) {
    const Tag tag = (used >> i & 1) != 0 ? tag_of(state, (i - top) & 7) : kEmpty;
    tags |= tag << (2 * i);
  }
  return tags;
}

std::uint8_t short_tags(std::uint32_t tags) {
  unsigned used = 0;
  for (unsigned i = 0; i < 8; ++i) {
    if ((tags >> (2 * i) & 3) != kEmpty) used |= 1U << i;
  }
  return static_cast<std::uint8_t>(used);
}

}  // namespace

LegacyFloat to_legacy_float(std::span<const std::byte> state, std::uint16_t code_segment,
                            std::uint16_t data_segment) {
  LegacyFloat legacy{.control = load<std::uint16_t>(state, kControl) | kHighOnes,
                     .status = load<std::uint16_t>(state, kStatus) | kHighOnes,
                     .tags = full_tags(state),
                     .instruction = load<std::uint32_t>(state, kInstruction),
                     .instruction_segment = code_segment,
                     .operand = load<std::uint32_t>(state, kOperand),
                     .operand_segment = data_segment | kHighOnes,
                     .registers = {},
                     .status_again = load<std::uint16_t>(state, kStatus),
                     .magic = 0};
  for (unsigned i = 0; i < legacy.registers.size(); ++i) {
    std::memcpy(legacy.registers[i].data(), state.data() + kRegisters + i * kRegisterBytes,
                legacy.registers[i].size());
  }
  return legacy;
}

void apply_legacy_float(std::span<std::byte> state, const LegacyFloat& legacy) {
  store(state, kControl, static_cast<std::uint16_t>(legacy.control));
  store(state, kStatus, static_cast<std::uint16_t>(legacy.status));
  store(state, kTags, std::uint16_t{short_tags(legacy.tags)});
  store(state, kOpcode, static_cast<std::uint16_t>(legacy.instruction_segment >> 16));
  store(state, kInstruction, std::uint64_t{legacy.instruction});
  store(state, kOperand, std::uint64_t{legacy.operand});
  for (unsigned i = 0; i < legacy.registers.size(); ++i) {
    std::memcpy(state.data() + kRegisters + i * kRegisterBytes, legacy.registers[i].data(),
                legacy.registers[i].size());
  }
}

}  // namespace gonzo
