// Prints one table: each operation on the core, under `gonzo run`, and natively on the host kernel,
// all measured in this run, taking turns, as medians; then the kinds of VMA index.
//   bench_table GONZO CORE_BENCH GUEST_OPS INDEX_BENCH [ROUNDS]
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace {

using Samples = std::map<std::string, std::vector<double>>;

std::string output_of(const std::string& command) {
  std::string text;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return text;
  char block[4096];
  while (const std::size_t got = fread(block, 1, sizeof block, pipe)) text.append(block, got);
  if (const int status = pclose(pipe); status != 0) {
    fmt::print(stderr, "bench: '{}' failed (status {})\n", command, status);
  }
  return text;
}

void sample_guest(const std::string& command, Samples& samples) {
  std::istringstream lines(output_of(command));
  std::string name;
  double value = 0;
  while (lines >> name >> value) samples[name].push_back(value);
}

/// Nanoseconds by name, and bytes where a benchmark tells them; a benchmark that counts items
/// (pages) gives the time of one.
void sample_core(const std::string& program, double seconds, Samples& samples) {
  const auto report = nlohmann::json::parse(output_of(fmt::format(
      "{} --benchmark_format=json --benchmark_min_time={} 2>/dev/null", program, seconds)));
  for (const auto& row : report.at("benchmarks")) {
    std::string name = row.at("name");
    std::replace(name.begin(), name.end(), '/', '_');
    const double value = row.contains("items_per_second")
                             ? 1e9 / row.at("items_per_second").get<double>()
                             : row.at("cpu_time").get<double>();
    samples[name].push_back(value);
    if (row.contains("bytes")) {
      samples["bytes" + name.substr(name.find('_'))].push_back(row.at("bytes"));
    }
  }
}

double wall_of(const std::string& command) {
  const auto start = std::chrono::steady_clock::now();
  if (const int status = std::system(command.c_str()); status != 0) {
    fmt::print(stderr, "bench: '{}' failed (status {})\n", command, status);
  }
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
}

std::optional<double> median(const Samples& samples, const std::string& name) {
  const auto found = samples.find(name);
  if (found == samples.end() || found->second.empty()) return {};
  std::vector<double> values = found->second;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::string time_text(std::optional<double> ns) {
  if (!ns || *ns < 0) return "-";
  if (*ns < 1e5) return fmt::format("{:.0f} ns", *ns);
  if (*ns < 1e8) return fmt::format("{:.2f} ms", *ns / 1e6);
  return fmt::format("{:.2f} s", *ns / 1e9);
}

/// The same with a digit more for what is short.
std::string short_time(std::optional<double> ns) {
  return ns && *ns >= 0 && *ns < 10 ? fmt::format("{:.1f} ns", *ns) : time_text(ns);
}

std::string ratio_text(std::optional<double> ours, std::optional<double> native) {
  if (!ours || !native || *native <= 0) return "-";
  return fmt::format("{:.2f}", *ours / *native);
}

std::string indexed(const std::string& name, const char* kind, const std::string& count) {
  return name + "_" + kind + "_" + count;
}

struct Row {
  const char* name;
  const char* text;
};

constexpr Row kOperations[] = {
    {"touch_fresh", "first touch in order, never-used frames, a page"},
    {"touch_recycled", "first touch in order, recycled frames, a page"},
    {"touch_random", "first touch at random, 256 MiB, a page"},
    {"zero_page_read", "first read (zero page), a page"},
    {"file_private_read", "cached private file, read, a page"},
    {"map_unmap", "mmap + munmap of 64 KiB"},
    {"map_among_1000", "the same among 1,000 areas"},
    {"map_among_100000", "the same among 100,000 areas"},
    {"map_among_1000000", "the same among 1,000,000 areas"},
    {"protect_middle", "mprotect in the middle, and back"},
    {"brk_up_down", "brk up and down by 64 KiB"},
    {"remap_grow", "mremap of 64 KiB in place to 128, and back"},
    {"remap_move", "mremap of 64 KiB to another place, and back"},
    {"dont_need", "write 64 KiB, a page a fault, and DONTNEED it"},
    {"lock_unlock", "mlock and munlock of 64 KiB that are there"},
    {"lock_fresh", "mlock of 64 KiB that are not there yet"},
    {"fork_1", "fork, 1 MiB resident"},
    {"fork_64", "fork, 64 MiB resident"},
    {"fork_1024", "fork, 1 GiB resident"},
    {"find_10", "find among 10 areas (guest: madvise)"},
    {"find_1000", "find among 1,000 areas"},
    {"find_50000", "find among 50,000 areas"},
    {"find_100000", "find among 100,000 areas"},
    {"null_syscall", "null system call"},
};

struct Program {
  const char* name;
  const char* text;
  std::string command;
};

/// Input files for the whole programs, in a directory that goes away with this object.
class Inputs {
 public:
  Inputs() {
    char name[] = "/tmp/gonzo-bench-XXXXXX";
    if (mkdtemp(name) == nullptr) std::perror(name), std::exit(1);
    directory_ = name;
    std::ofstream big(directory_ / "big", std::ios::binary);
    std::string block(1 << 20, '\0');
    std::uint64_t x = 88172645463325252ULL;
    const auto random = [&x] { return x ^= x << 13, x ^= x >> 7, x ^= x << 17; };
    for (int i = 0; i < 100; ++i) {
      for (char& c : block) c = static_cast<char>(random());
      big.write(block.data(), static_cast<std::streamsize>(block.size()));
    }
    std::ofstream lines(directory_ / "lines");
    for (int i = 0; i < 2'500'000; ++i)
      lines << fmt::format("{:019d}\n", random() % 1'000'000'000'000ULL);
  }
  ~Inputs() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  Inputs(const Inputs&) = delete;
  Inputs& operator=(const Inputs&) = delete;
  std::string path(const char* name) const { return (directory_ / name).string(); }

 private:
  std::filesystem::path directory_;
};

void print_row(const char* text, std::optional<double> core, std::optional<double> run,
               std::optional<double> native) {
  fmt::print("| {:<48} | {:>9} | {:>9} | {:>9} | {:>6} | {:>6} |\n", text, time_text(core),
             time_text(run), time_text(native), ratio_text(core, native), ratio_text(run, native));
}

/// The kinds of VMA index against each other.
void print_indexes(const std::string& program) {
  constexpr Row kMeasures[] = {
      {"find", "find"},
      {"find_look", "find, and look at the area"},
      {"gap", "gap search, top-down"},
      {"insert_erase", "erase + insert"},
      {"churn", "erase + gap search + insert"},
      {"iterate", "iteration, an area"},
      {"bytes", "bytes of the index, an area"},
  };
  constexpr const char* kKinds[] = {"rbtree", "avl", "btree"};
  Samples samples;
  sample_core(program, 0.05, samples);
  fmt::print("\n| {:<30} | {:>9} | {:>9} | {:>9} | {:>9} |\n", "VMA index", "areas", kKinds[0],
             kKinds[1], kKinds[2]);
  fmt::print("|{:-<32}|{:->10}:|{:->10}:|{:->10}:|{:->10}:|\n", "", "", "", "", "");
  for (const Row& row : kMeasures) {
    for (const std::string count : {"10", "1000", "100000", "1000000"}) {
      fmt::print("| {:<30} | {:>9} |", row.text, count);
      for (const char* kind : kKinds) {
        const auto value = median(samples, indexed(row.name, kind, count));
        const bool bytes = std::string_view(row.name) == "bytes";
        fmt::print(" {:>9} |", bytes && value ? fmt::format("{:.0f}", *value) : short_time(value));
      }
      fmt::print("\n");
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    fmt::print(stderr, "usage: bench_table GONZO CORE_BENCH GUEST_OPS INDEX_BENCH [ROUNDS]\n");
    return 2;
  }
  const std::string gonzo = std::string(argv[1]) + " run -- ";
  const std::string core_bench = argv[2];
  const std::string guest_ops = argv[3];
  const std::string index_bench = argv[4];
  const int rounds = argc > 5 ? std::max(1, std::atoi(argv[5])) : 5;

  const Inputs inputs;
  const std::vector<Program> programs = {
      {"true", "start to end of true (dynamic)", "/bin/true"},
      {"busybox_true", "start to end of busybox true (static)", "/bin/busybox true"},
      {"sha256sum", "sha256sum of 100 MB", "sha256sum " + inputs.path("big") + " >/dev/null"},
      {"sort", "sort of 50 MB, one thread",
       "sort --parallel=1 " + inputs.path("lines") + " -o /dev/null"},
  };

  Samples native, core, run;
  for (int round = 0; round < rounds; ++round) {
    fmt::print(stderr, "\rbench: round {} of {}", round + 1, rounds);
    sample_guest(guest_ops, native);
    sample_guest(gonzo + guest_ops, run);
    sample_guest(guest_ops + " trap_floor", native);
    sample_core(core_bench, 0.2, core);
    for (const Program& program : programs) {
      for (int i = 0; i < 3; ++i) {
        native[program.name].push_back(wall_of(program.command));
        run[program.name].push_back(wall_of(gonzo + program.command));
      }
    }
  }
  fmt::print(stderr, "\n");

  fmt::print(
      "Medians of {} rounds that took turns. Ratios: time over native; below 1 is faster.\n\n",
      rounds);
  fmt::print("| {:<48} | {:>9} | {:>9} | {:>9} | {:>6} | {:>6} |\n", "operation", "core",
             "gonzo run", "native", "core/n", "run/n");
  fmt::print("|{:-<50}|{:->10}:|{:->10}:|{:->10}:|{:->7}:|{:->7}:|\n", "", "", "", "", "", "");
  for (const Row& row : kOperations) {
    print_row(row.text, median(core, row.name), median(run, row.name), median(native, row.name));
  }
  for (const Program& program : programs) {
    print_row(program.text, {}, median(run, program.name), median(native, program.name));
  }
  fmt::print("\nThe floor of a trapped system call (SIGSYS + sigreturn in one process): {}\n",
             time_text(median(native, "trap_floor")));
  print_indexes(index_bench);
  return 0;
}
