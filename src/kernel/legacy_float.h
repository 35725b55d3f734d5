// The x87 state as FSAVE writes it, which i386's signal frames hold before the newer form.
// Linux: struct fregs_state, convert_from_fxsr, convert_to_fxsr (arch/x86/kernel/fpu/regset.c).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace gonzo {

struct LegacyFloat {
  std::uint32_t control, status, tags;
  std::uint32_t instruction, instruction_segment, operand, operand_segment;
  std::array<std::array<std::byte, 10>, 8> registers;
  std::uint16_t status_again, magic;  ///< magic 0: the state as FXSAVE writes it follows
};
static_assert(sizeof(LegacyFloat) == 112);

/// `state`: at least the 512 bytes of FXSAVE.
LegacyFloat to_legacy_float(std::span<const std::byte> state, std::uint16_t code_segment,
                            std::uint16_t data_segment);
void apply_legacy_float(std::span<std::byte> state, const LegacyFloat& legacy);

}  // namespace gonzo
