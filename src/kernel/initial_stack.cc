#include "kernel/initial_stack.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>

namespace gonzo {
namespace {

constexpr std::uint64_t kMostStringBytes = 32 * kPageSize;     // MAX_ARG_STRLEN, with the NUL
constexpr std::uint64_t kMostArgumentBytes = 6ULL << 20;       // three quarters of _STK_LIM
constexpr std::uint64_t kLeastArgumentBytes = 32 * kPageSize;  // ARG_MAX
constexpr std::uint64_t kStackExpansion = 32 * kPageSize;
/// Of the kernel, which is a 64-bit one: its end marker, and what it counts for each string.
constexpr std::uint64_t kPointer = sizeof(std::uint64_t);

ExecOutcome<std::uint64_t> string_bytes(const std::vector<std::string>& strings) {
  std::uint64_t total = 0;
  for (const std::string& string : strings) {
    if (string.size() + 1 > kMostStringBytes) {
      return std::unexpected(ExecError{
          Errno::kTooBig, fmt::format("an argument of {} bytes is longer than the limit of {}",
                                      string.size(), kMostStringBytes - 1)});
    }
    total += string.size() + 1;
  }
  return total;
}

/// Fills a buffer that ends at the stack's top from its end downwards.
class Builder {
 public:
  Builder(VirtAddr top, std::uint64_t bytes) : top_(top), buffer_(bytes), position_(bytes) {}

  VirtAddr address() const { return top_ - (buffer_.size() - position_); }
  VirtAddr push(std::span<const std::byte> bytes) {
    position_ -= bytes.size();
    std::ranges::copy(bytes, buffer_.begin() + static_cast<std::ptrdiff_t>(position_));
    return address();
  }
  VirtAddr push_string(std::string_view string) {
    position_ -= 1;  // the NUL: the buffer is zero
    return push(std::as_bytes(std::span(string)));
  }
  void move_to(VirtAddr address) { position_ = buffer_.size() - (top_ - address); }
  std::vector<std::byte> take() && {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(position_));
    return std::move(buffer_);
  }

 private:
  const VirtAddr top_;
  std::vector<std::byte> buffer_;
  std::uint64_t position_;
};

/// The strings in memory order, the addresses in theirs.
std::vector<std::uint64_t> push_strings(Builder& builder, const std::vector<std::string>& strings) {
  std::vector<std::uint64_t> addresses(strings.size());
  for (std::size_t i = strings.size(); i-- > 0;) {
    addresses[i] = builder.push_string(strings[i]).value;
  }
  return addresses;
}

void push_words(Builder& builder, std::span<const std::uint64_t> words, ProgramAbi abi) {
  if (abi == ProgramAbi::kX8664) {
    builder.push(std::as_bytes(words));
    return;
  }
  const std::vector<std::uint32_t> narrow(words.begin(), words.end());
  builder.push(std::as_bytes(std::span(narrow)));
}

std::uint64_t size_bound(const InitialStack& stack) {
  std::uint64_t bytes = 1024;  // platform, random bytes, execfn's NUL, rounding
  bytes += stack.file_name.size();
  for (const auto* strings : {&stack.arguments, &stack.environment}) {
    for (const std::string& string : *strings) bytes += string.size() + 1 + kPointer;
  }
  return bytes + (stack.auxv.size() + 1) * 2 * kPointer;
}

}  // namespace

ExecOutcome<void> check_argument_size(const InitialStack& stack, std::uint64_t stack_limit) {
  const auto arguments = string_bytes(stack.arguments);
  if (!arguments) return std::unexpected(arguments.error());
  const auto environment = string_bytes(stack.environment);
  if (!environment) return std::unexpected(environment.error());
  const std::uint64_t limit =
      std::max(std::min(kMostArgumentBytes, stack_limit / 4), kLeastArgumentBytes);
  const std::uint64_t pointers =
      (std::max<std::uint64_t>(stack.arguments.size(), 1) + stack.environment.size()) * kPointer;
  const std::uint64_t used =
      *arguments + *environment + stack.file_name.size() + 1 + kPointer + pointers;
  if (used > limit) {
    return std::unexpected(ExecError{
        Errno::kTooBig,
        fmt::format("arguments and environment take {} bytes, {} are allowed", used, limit)});
  }
  return {};
}

StackImage build_stack(const InitialStack& stack) {
  const VirtAddr top = stack_top(stack.abi);
  Builder builder(top, size_bound(stack));
  StackImage image;
  builder.move_to(top - kPointer);  // the end marker
  const VirtAddr file_name = builder.push_string(stack.file_name);
  image.env_end = builder.address();
  const auto environment = push_strings(builder, stack.environment);
  image.env_start = image.arg_end = builder.address();
  const auto arguments = push_strings(builder, stack.arguments);
  image.arg_start = image.strings_start = builder.address();

  builder.move_to(VirtAddr(builder.address().value & ~15ULL));
  const VirtAddr platform = builder.push_string(platform_name(stack.abi));
  const VirtAddr random = builder.push(stack.random_bytes);

  for (const AuxEntry& entry : stack.auxv) {
    std::uint64_t value = entry.value;
    if (entry.type == AT_RANDOM) value = random.value;
    if (entry.type == AT_EXECFN) value = file_name.value;
    if (entry.type == AT_PLATFORM) value = platform.value;
    image.auxv.insert(image.auxv.end(), {entry.type, value});
  }
  image.auxv.insert(image.auxv.end(), {AT_NULL, 0});

  std::vector<std::uint64_t> table{arguments.size()};
  table.insert(table.end(), arguments.begin(), arguments.end());
  table.push_back(0);
  table.insert(table.end(), environment.begin(), environment.end());
  table.push_back(0);
  table.insert(table.end(), image.auxv.begin(), image.auxv.end());
  const std::uint64_t bytes = table.size() * pointer_bytes(stack.abi);
  image.stack_pointer = VirtAddr((random.value - bytes) & ~15ULL);
  builder.move_to(image.stack_pointer + bytes);
  push_words(builder, table, stack.abi);
  image.bytes = std::move(builder).take();
  return image;
}

std::uint64_t initial_stack_bytes(ProgramAbi abi, VirtAddr strings_start,
                                  std::uint64_t stack_limit) {
  // Linux starts with one page and grows it down to the page of the lowest string.
  const std::uint64_t used = std::max(stack_top(abi) - strings_start.page_floor(), kPageSize);
  return std::min(page_floor(stack_limit), used + kStackExpansion);
}

}  // namespace gonzo
