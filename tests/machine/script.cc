#include "machine/script.h"

#include <initializer_list>

namespace gonzo {
namespace {

class Assembler {
 public:
  void bytes(std::initializer_list<unsigned> values) {
    for (const unsigned value : values) code_.push_back(static_cast<std::byte>(value));
  }
  void immediate(std::uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; ++i) code_.push_back(static_cast<std::byte>(value >> (8 * i)));
  }
  void rax(std::uint64_t value) {
    bytes({0x48, 0xb8});
    immediate(value, 8);
  }
  void rcx(std::uint64_t value) {
    bytes({0x48, 0xb9});
    immediate(value, 8);
  }
  void syscall(std::uint64_t number) {
    bytes({0xb8});
    immediate(number, 4);
    bytes({0x0f, 0x05});
  }
  void eax(std::uint64_t value) {
    bytes({0xb8});
    immediate(value, 4);
  }
  void int80(std::uint64_t number) {
    eax(number);
    bytes({0xcd, 0x80});
  }
  std::size_t size() const { return code_.size(); }
  std::vector<std::byte> take() { return std::move(code_); }

 private:
  std::vector<std::byte> code_;
};

void assemble_step(Assembler& to, const Script::Step& step) {
  switch (step.kind) {
    case Script::Kind::kLoad:
      to.rax(step.address);
      to.bytes({0x4c, 0x8b, 0x20});  // mov (%rax), %r12
      break;
    case Script::Kind::kLoadByte:
      to.rax(step.address);
      to.bytes({0x44, 0x0f, 0xb6, 0x20});  // movzbl (%rax), %r12d
      break;
    case Script::Kind::kStore:
      to.rax(step.address);
      to.rcx(step.value);
      to.bytes({0x48, 0x89, 0x08});  // mov %rcx, (%rax)
      break;
    case Script::Kind::kStoreByte:
      to.rax(step.address);
      to.rcx(step.value);
      to.bytes({0x88, 0x08});  // mov %cl, (%rax)
      break;
    case Script::Kind::kExecute:
      to.rax(step.address);
      to.bytes({0x48, 0x8d, 0x1d, 2, 0, 0, 0});  // lea 2(%rip), %rbx
      to.bytes({0xff, 0xe0});                    // jmp *%rax
      break;
    case Script::Kind::kSyscall:
      to.syscall(step.value);
      break;
    case Script::Kind::kDivideByZero:
      to.bytes({0x31, 0xc9, 0x31, 0xd2, 0x31, 0xc0});  // xor of ecx, edx, eax
      to.bytes({0xf7, 0xf1});                          // div %ecx
      break;
    case Script::Kind::kUndefined:
      to.bytes({0x0f, 0x0b});  // ud2
      break;
    case Script::Kind::kPrivileged:
      to.bytes({0xf4, 0x90});  // hlt; nop, for the length of the others
      break;
    case Script::Kind::kLoop:
      to.bytes({0xeb, 0xfe});  // jmp to itself
      break;
  }
}

void assemble_step_i386(Assembler& to, const Script::Step& step, std::uint32_t base) {
  switch (step.kind) {
    case Script::Kind::kLoad:
      to.eax(step.address);
      to.bytes({0x8b, 0x28, 0x8b, 0x50, 4});  // mov (%eax), %ebp; mov 4(%eax), %edx
      break;
    case Script::Kind::kLoadByte:
      to.eax(step.address);
      to.bytes({0x0f, 0xb6, 0x28, 0x31, 0xd2});  // movzbl (%eax), %ebp; xor %edx, %edx
      break;
    case Script::Kind::kStore:
      to.eax(step.address);
      to.bytes({0xc7, 0x00});  // movl $, (%eax)
      to.immediate(step.value, 4);
      to.bytes({0xc7, 0x40, 4});  // movl $, 4(%eax)
      to.immediate(step.value >> 32, 4);
      break;
    case Script::Kind::kStoreByte:
      to.eax(step.address);
      to.bytes({0xc6, 0x00});  // movb $, (%eax)
      to.immediate(step.value, 1);
      break;
    case Script::Kind::kExecute:
      to.eax(step.address);
      to.bytes({0xbb});  // mov $, %ebx
      to.immediate(base + to.size() + 6, 4);
      to.bytes({0xff, 0xe0});  // jmp *%eax
      break;
    case Script::Kind::kSyscall:
      to.int80(step.value);
      break;
    default:
      assemble_step(to, step);  // the same bytes
      break;
  }
}

class Interpreter final : public SoftProgram {
 public:
  explicit Interpreter(std::vector<Script::Step> steps) : steps_(std::move(steps)) {}

  SoftStep next(CpuRegisters& registers) override {
    if (at_ == steps_.size()) return syscall(registers, Script::kEnd);
    const Script::Step& step = steps_[at_];
    const VirtAddr address(step.address);
    if (step.kind != Script::Kind::kLoop) ++at_;
    switch (step.kind) {
      case Script::Kind::kLoad:
        return {.kind = SoftStep::Kind::kRead, .size = 8, .address = address};
      case Script::Kind::kLoadByte:
        return {.kind = SoftStep::Kind::kRead, .size = 1, .address = address};
      case Script::Kind::kStore:
        return {SoftStep::Kind::kWrite, 0, 8, address, step.value};
      case Script::Kind::kStoreByte:
        return {SoftStep::Kind::kWrite, 0, 1, address, step.value};
      case Script::Kind::kExecute:
        return {.kind = SoftStep::Kind::kExecute, .size = 2, .address = address};
      case Script::Kind::kSyscall:
        return syscall(registers, step.value);
      case Script::Kind::kDivideByZero:
        return {.kind = SoftStep::Kind::kException, .vector = 0};
      case Script::Kind::kUndefined:
        return {.kind = SoftStep::Kind::kException, .vector = 6};
      case Script::Kind::kPrivileged:
        return {.kind = SoftStep::Kind::kException, .vector = 13};
      case Script::Kind::kLoop:
        break;
    }
    return {};
  }

  void loaded(CpuRegisters& registers, std::uint64_t value) override { registers.r12 = value; }

 private:
  static SoftStep syscall(CpuRegisters& registers, std::uint64_t number) {
    registers.rax = number;
    return {.kind = SoftStep::Kind::kSyscall};
  }

  std::vector<Script::Step> steps_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<std::byte> Script::assemble() const {
  Assembler to;
  for (const Step& step : steps_) assemble_step(to, step);
  to.syscall(kEnd);
  to.bytes({0xeb, 0xf7});  // back to the system call
  return to.take();
}

std::vector<std::byte> Script::assemble_i386(std::uint32_t address) const {
  Assembler to;
  for (const Step& step : steps_) assemble_step_i386(to, step, address);
  to.int80(kEnd);
  to.bytes({0xeb, 0xf7});  // back to the system call
  return to.take();
}

std::unique_ptr<SoftProgram> Script::interpret() const {
  return std::make_unique<Interpreter>(steps_);
}

}  // namespace gonzo
