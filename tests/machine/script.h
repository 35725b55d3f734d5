// A guest's accesses, written once: assembled for a machine with a processor, interpreted for one
// without.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <gonzo/machine/soft_machine.h>

namespace gonzo {

/// Loads leave their value in r12. After its last step a script makes system call kEnd for ever.
class Script {
 public:
  static constexpr std::uint32_t kEnd = 9999;
  /// What memory that a script executes must hold: jmp *%rbx.
  static constexpr std::byte kReturn[] = {std::byte{0xff}, std::byte{0xe3}};

  enum class Kind : std::uint8_t {
    kLoad,
    kStore,
    kLoadByte,
    kStoreByte,
    kExecute,
    kSyscall,
    kDivideByZero,
    kUndefined,
    kPrivileged,
    kLoop,
  };
  struct Step {
    Kind kind;
    std::uint64_t address = 0;
    std::uint64_t value = 0;
  };

  Script& load(std::uint64_t address) { return add({Kind::kLoad, address}); }
  Script& load_byte(std::uint64_t address) { return add({Kind::kLoadByte, address}); }
  Script& store(std::uint64_t address, std::uint64_t value) {
    return add({Kind::kStore, address, value});
  }
  Script& store_byte(std::uint64_t address, std::uint8_t value) {
    return add({Kind::kStoreByte, address, value});
  }
  Script& execute(std::uint64_t address) { return add({Kind::kExecute, address}); }
  Script& syscall(std::uint32_t number) { return add({Kind::kSyscall, 0, number}); }
  Script& divide_by_zero() { return add({Kind::kDivideByZero}); }
  Script& undefined() { return add({Kind::kUndefined}); }
  Script& privileged() { return add({Kind::kPrivileged}); }
  /// Never ends.
  Script& loop() { return add({Kind::kLoop}); }

  const std::vector<Step>& steps() const { return steps_; }
  /// x86-64 code, position-independent.
  std::vector<std::byte> assemble() const;
  /// 32-bit code for this address, which calls by INT 0x80. Loads leave the upper half of their
  /// value in edx, the lower in ebp.
  std::vector<std::byte> assemble_i386(std::uint32_t address) const;
  std::unique_ptr<SoftProgram> interpret() const;

 private:
  Script& add(Step step) {
    steps_.push_back(step);
    return *this;
  }
  std::vector<Step> steps_;
};

}  // namespace gonzo
