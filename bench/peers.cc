// The rows of the bench table side by side: native, Gonzo, and what else runs unmodified Linux
// programs in user space, where it is installed; taking turns, as medians. All is measured inside:
// a program's time is from a fork to its end, seen by a program that runs there too. Only the last
// row is seen from outside.
//   bench_peers GONZO GUEST_OPS [ROUNDS] [--json FILE]
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "measure.h"
#include "programs.h"
#include "rows.h"

namespace gonzo::bench {
namespace {

constexpr const char* kStart = "start";
constexpr int kLimitSeconds = 900;

struct Peer {
  std::string name;
  std::string needs;    ///< the program
  std::string package;  ///< Debian's
  /// Starts a shell script there, which follows.
  std::string shell;
  /// For what runs one program only: goes before each command.
  std::string prefix;
  /// Whether `shell` starts a kernel whose first program is the script.
  enum class Kind { kProgram, kKernel } kind = Kind::kProgram;
  /// Whether it must have pipes for standard streams: runsc gives the files that it finds there to
  /// the user nobody, /dev/null too.
  enum class Streams { kAny, kPipes } streams = Streams::kAny;
};

// Those that run everything on one processor anyway are kept on one, which suits them.
std::vector<Peer> peers(const std::string& gonzo) {
  const char* const rootless = geteuid() == 0 ? "" : "--rootless ";
  return {
      {"native", "sh", "", "/bin/sh", ""},
      {"Gonzo", "sh", "", gonzo + " run --memory 4G -- /bin/sh", ""},
      {"UML", "linux.uml", "user-mode-linux",
       "taskset -c 0 linux.uml mem=3G root=/dev/root rootfstype=hostfs rw quiet con=null con0=null "
       "init=",
       "", Peer::Kind::kKernel},
      {"gVisor", "runsc", "runsc",
       fmt::format("taskset -c 0 runsc --platform=ptrace --network=none {}do /bin/sh", rootless),
       "", Peer::Kind::kProgram, Peer::Streams::kPipes},
      {"qemu-user", "qemu-x86_64", "qemu-user", "/bin/sh", "qemu-x86_64 "},
      {"valgrind", "valgrind", "valgrind", "/bin/sh",
       "valgrind --tool=none -q --trace-children=yes "},
  };
}

/// A program as `peer` is to run it. What translates one program only must be told to gcc, which
/// starts others: `wrapper` is how.
std::string command_for(const Peer& peer, const Program& program, const std::string& wrapper) {
  std::string command = program.command;
  if (peer.needs == "qemu-x86_64" && command.starts_with("gcc ")) {
    std::ofstream(wrapper) << "#!/bin/sh\nwhat=$(command -v \"$1\")\nshift\n"
                           << "exec " << peer.prefix << "\"$what\" \"$@\"\n";
    std::filesystem::permissions(wrapper, std::filesystem::perms::owner_all);
    command.insert(4, "-wrapper " + wrapper + " ");
  }
  const auto space = command.find(' ');
  const std::string first = command.substr(0, space);
  const std::string rest = space == std::string::npos ? "" : command.substr(space);
  return fmt::format("{}$(command -v {}){}", peer.prefix, first, rest);
}

/// Writes the script that measures everything inside `peer`.
void write_batch(const std::filesystem::path& batch, const Peer& peer, const std::string& guest_ops,
                 const std::vector<Program>& all, const std::string& results) {
  std::ofstream script(batch);
  script << "#!/bin/sh\nexport PATH=" << std::getenv("PATH") << '\n';
  if (peer.kind == Peer::Kind::kKernel) {
    script << "mount -t proc proc /proc\nmount -t devtmpfs dev /dev\nexec >" << results << '\n';
  }
  for (const Row& row : kOperations) {
    script << fmt::format("{}{} {} 2>/dev/null\n", peer.prefix, guest_ops, row.name);
  }
  for (const Program& program : all) {
    if (!is_installed(program.needs)) continue;
    for (int i = 0; i < program.repeats; ++i) {
      script << fmt::format("{} --time {} /bin/sh -c \"exec {}\"\n", guest_ops, program.name,
                            command_for(peer, program, batch.string() + ".wrapper"));
    }
  }
  if (peer.kind == Peer::Kind::kKernel) script << "sync\necho o >/proc/sysrq-trigger\nsleep 60\n";
}

std::string with_streams(const Peer& peer, const std::string& command) {
  return peer.streams == Peer::Streams::kPipes ? "true | " + command + " 2>&1 | cat" : command;
}

/// The cheapest thing that `peer` can be asked to do, from outside.
std::string start_command(const Peer& peer, const std::filesystem::path& directory) {
  if (!peer.prefix.empty()) return peer.prefix + "/bin/true";
  const auto nothing = directory / "nothing.sh";
  {
    std::ofstream script(nothing);
    script << "#!/bin/sh\n";
    if (peer.kind == Peer::Kind::kKernel) {
      script << "mount -t proc proc /proc\n/bin/true\necho o >/proc/sysrq-trigger\nsleep 60\n";
    }
  }
  if (peer.kind == Peer::Kind::kProgram) {
    const std::string shell = " /bin/sh";
    return peer.shell.ends_with(shell)
               ? peer.shell.substr(0, peer.shell.size() - shell.size()) + " /bin/true"
               : "/bin/true";
  }
  std::filesystem::permissions(nothing, std::filesystem::perms::owner_all);
  return peer.shell + nothing.string() + " </dev/null >/dev/null 2>&1";
}

void measure(const Peer& peer, const std::string& guest_ops, const std::vector<Program>& all,
             const std::filesystem::path& directory, Samples& samples) {
  const auto batch = directory / "batch.sh";
  const auto results = directory / "results";
  write_batch(batch, peer, guest_ops, all, results.string());
  std::filesystem::permissions(batch, std::filesystem::perms::owner_all);
  const std::string limit = fmt::format("timeout -k 5 {} ", kLimitSeconds);
  if (peer.kind == Peer::Kind::kKernel) {
    std::ofstream(results).close();
    if (wall_of(limit + peer.shell + batch.string() + " </dev/null >/dev/null 2>&1")) {
      sample_lines("cat " + results.string(), samples);
    }
  } else {
    sample_lines(with_streams(peer, limit + peer.shell + " " + batch.string()), samples);
  }
  for (int i = 0; i < 3; ++i) {
    if (const auto ns = wall_of(with_streams(peer, limit + start_command(peer, directory)))) {
      samples[kStart].push_back(*ns);
    }
  }
}

struct Column {
  Peer peer;
  Samples samples;
};

nlohmann::json print_row(const std::string& name, const std::string& text,
                         const std::vector<Column>& columns) {
  nlohmann::json row = {{"name", name}, {"text", text}, {"unit", "ns"}};
  fmt::print("| {:<46} |", text);
  for (const Column& column : columns) {
    const auto value = median(column.samples, name);
    row[column.peer.name] = value ? nlohmann::json(*value) : nlohmann::json();
    fmt::print(" {:>9} |", time_text(value));
  }
  fmt::print(" {:>7} |\n",
             ratio_text(median(columns[1].samples, name), median(columns[0].samples, name)));
  return row;
}

nlohmann::json print_table(const std::vector<Program>& all, const std::vector<Column>& columns) {
  auto rows = nlohmann::json::array();
  fmt::print("| {:<46} |", "operation");
  for (const Column& column : columns) fmt::print(" {:>9} |", column.peer.name);
  fmt::print(" {:>7} |\n|{:-<48}|", "Gonzo/n", "");
  for (std::size_t i = 0; i < columns.size(); ++i) fmt::print("{:->10}:|", "");
  fmt::print("{:->8}:|\n", "");
  for (const Row& row : kOperations) {
    if (median(columns[0].samples, row.name))
      rows.push_back(print_row(row.name, row.text, columns));
  }
  for (const Program& program : all) {
    rows.push_back(print_row(
        program.name, is_installed(program.needs) ? program.text : program.text + ": not installed",
        columns));
  }
  rows.push_back(print_row(kStart, "from outside: start to end of true", columns));
  return rows;
}

/// Where Gonzo is behind those that manage memory themselves. The others translate code, and leave
/// memory to the host.
void print_behind(const nlohmann::json& rows, const std::vector<Column>& columns) {
  for (const Column& column : columns) {
    if (column.peer.name != "UML" && column.peer.name != "gVisor") continue;
    int compared = 0;
    std::string behind;
    for (const auto& row : rows) {
      const auto& theirs = row.at(column.peer.name);
      const auto& ours = row.at("Gonzo");
      if (theirs.is_null() || ours.is_null()) continue;
      ++compared;
      const double factor = ours.get<double>() / theirs.get<double>();
      if (factor <= 1) continue;
      behind += fmt::format("{}{} ({:.1f}x)", behind.empty() ? "" : "; ",
                            row.at("text").get<std::string>(), factor);
    }
    fmt::print("Behind {} in, of {} rows: {}.\n", column.peer.name, compared,
               behind.empty() ? "none" : behind);
  }
}

int run(std::vector<std::string> arguments) {
  const auto json_file = take_json_option(arguments);
  if (arguments.size() < 2) {
    fmt::print(stderr, "usage: bench_peers GONZO GUEST_OPS [ROUNDS] [--json FILE]\n");
    return 2;
  }
  const std::string gonzo = std::filesystem::absolute(arguments[0]).string();
  const std::string guest_ops = std::filesystem::absolute(arguments[1]).string();
  const int rounds = arguments.size() > 2 ? std::max(1, std::atoi(arguments[2].c_str())) : 3;

  nlohmann::json report = {{"machine", machine()}, {"rounds", rounds}};
  const Inputs inputs;
  const std::vector<Program> all = programs(inputs);
  std::vector<Column> columns;
  std::string missing;
  for (const Peer& peer : peers(gonzo)) {
    if (is_installed(peer.needs)) {
      columns.push_back({peer, {}});
    } else {
      missing += fmt::format("{} is not installed: apt-get install {}\n", peer.name, peer.package);
    }
  }
  for (int round = 0; round < rounds; ++round) {
    for (Column& column : columns) {
      fmt::print(stderr, "\rbench: round {} of {}: {:<10}", round + 1, rounds, column.peer.name);
      measure(column.peer, guest_ops, all, inputs.directory(), column.samples);
    }
  }
  fmt::print(stderr, "\n");

  fmt::print("{}", head_text(report["machine"], "make bench-peers"));
  fmt::print(
      "Medians of {} rounds that took turns. UML (User-mode Linux) and gVisor (runsc,\n"
      "--platform=ptrace) are kept on one processor, which suits them; valgrind is "
      "--tool=none.\n{}\n",
      rounds, missing);
  report["rows"] = print_table(all, columns);
  fmt::print("\n");
  print_behind(report["rows"], columns);
  write_json(report, json_file);
  return 0;
}

}  // namespace
}  // namespace gonzo::bench

int main(int argc, char** argv) {
  return gonzo::bench::run(std::vector<std::string>(argv + 1, argv + argc));
}
