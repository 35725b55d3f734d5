// A small emulator: Unicorn's processor on Gonzo's memory. Runs a static x86-64 or i386 program.
#include <fmt/format.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "guest.h"
#include "loader.h"
#include "memory.h"

using namespace gonzo;

namespace {

constexpr const char* kUsage =
    "usage: emulator [--memory MIB] [--swap MIB] [--stats] PROGRAM [ARGUMENT...]\n"
    "Runs a static x86-64 or i386 program. Its memory is MIB MiB (16), and a swap file of MIB "
    "(0).\n";

struct Options {
  Memory::Config memory;
  bool stats = false;
  std::vector<std::string> command;
};

/// None: a number of MiB, from 1 on, it is not.
std::optional<std::uint64_t> mebibytes(const char* text) {
  char* end = nullptr;
  errno = 0;
  const unsigned long long value = text != nullptr ? std::strtoull(text, &end, 10) : 0;
  constexpr unsigned long long kMost = 1ULL << 20;
  if (value == 0 || value > kMost || errno != 0 || *end != '\0') return {};
  return value << 20;
}

std::optional<Options> parse(char** argument, char** end) {
  Options options;
  for (; argument != end && std::strncmp(*argument, "--", 2) == 0; ++argument) {
    const std::string name = *argument;
    if (name == "--stats") {
      options.stats = true;
    } else if (name == "--memory" || name == "--swap") {
      const auto bytes = mebibytes(*++argument);
      if (!bytes) {
        fmt::print(stderr, "emulator: {} wants a number of MiB\n", name);
        return {};
      }
      (name == "--swap" ? options.memory.swap_bytes : options.memory.bytes) = *bytes;
    } else {
      fmt::print(stderr, "emulator: unknown option {}\n", name);
      return {};
    }
  }
  options.command.assign(argument, end);
  return options;
}

void print_stats(Memory& memory, const ProcessorCounts& counts) {
  const SwapSpace::Totals swap = memory.swap().totals();
  fmt::print(stderr,
             "emulator: {} faults, {} pages entered into the processor's map, {} dropped from it; "
             "{} pages swapped out, {} in\n",
             counts.faults, counts.fills, counts.drops, swap.written, swap.read);
}

int fail(const std::string& name, const std::string& why) {
  fmt::print(stderr, "emulator: {}: {}\n", name, why);
  return EXIT_FAILURE;
}

int run(const Options& options) {
  const std::string& name = options.command.front();
  const auto program = open_program(name);
  if (!program) return fail(name, program.error());
  Memory::Config config = options.memory;
  config.is_i386 = program->isa == Isa::kI386;
  const auto memory = Memory::create(config);
  if (!memory) return fail(name, std::string(errno_text(memory.error())));

  Guest::Machine machine{.memory = **memory};
  int status = 0;
  std::string complaint;
  {
    const auto guest = Guest::create(machine, program->isa);
    if (guest == nullptr) return fail(name, "cannot make a processor");
    const auto stack = load_program(*program, **memory, guest->space(), options.command);
    if (!stack) return fail(name, stack.error());
    status = guest->run(program->entry, *stack);
    if (WIFSIGNALED(status)) {
      complaint = fmt::format("{} at {:#x}", strsignal(WTERMSIG(status)),
                              guest->processor().fault().address.value);
    }
    complaint += guest->space().verify();
  }
  if (options.stats) print_stats(**memory, machine.counts);
  if (!complaint.empty()) fmt::print(stderr, "emulator: {}: {}\n", name, complaint);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--help") == 0) {
    fmt::print("{}", kUsage);
    return EXIT_SUCCESS;
  }
  const auto options = parse(argv + 1, argv + argc);
  if (!options || options->command.empty()) {
    fmt::print(stderr, "{}", kUsage);
    return 2;
  }
  return run(*options);
}
