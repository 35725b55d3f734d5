// Code for a real processor, for what a script cannot say. Position-independent; each piece ends in
// a system call whose number tells how it went.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace gonzo {

namespace guest_code {
inline constexpr std::uint32_t kGood = 1;
inline constexpr std::uint32_t kBad = 2;

/// Fills all registers, loads from (%rdi), makes system call 3 and checks all registers. kGood or
/// kBad.
std::span<const std::byte> keep_registers();
/// The same for some vector registers of 256 bits and the x87 stack.
std::span<const std::byte> keep_vectors();
/// rbx := %fs:0, r12 := %gs:0; kGood. Then FS base := rdi, GS base := rsi by instruction; kGood.
std::span<const std::byte> bases();
/// Waits until the word at %rdi is %rsi, then kGood.
std::span<const std::byte> wait_for_word();
/// Adds 1 to the word at %rdi, locked, %rsi times; kGood.
std::span<const std::byte> count_up();
/// int $0x80 with eax = 20; then kGood.
std::span<const std::byte> old_syscall();
/// The low half of xmm0 is moved to rbx; kGood.
std::span<const std::byte> read_vector();
/// Jumps to %rdi with all other registers as they are.
std::span<const std::byte> jump();
/// Stores %rsi at (%rdi) and makes a system call, for ever.
std::span<const std::byte> store_and_call();
}  // namespace guest_code

}  // namespace gonzo
