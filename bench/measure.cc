#include "measure.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace gonzo::bench {

std::string output_of(const std::string& command) {
  std::string text;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return text;
  char block[4096];
  while (const std::size_t got = fread(block, 1, sizeof block, pipe)) text.append(block, got);
  if (const int status = pclose(pipe); status != 0) {
    fmt::print(stderr, "\nbench: '{}' failed (status {:#x})\n", command, status);
  }
  return text;
}

void sample_lines(const std::string& command, Samples& samples) {
  std::istringstream lines(output_of(command));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    double value = 0;
    if (!(words >> name >> value)) {
      fmt::print(stderr, "\nbench: {}\n", line);
    } else if (value >= 0) {
      samples[name].push_back(value);
    }
  }
}

void sample_benchmarks(const std::string& command, Samples& samples) {
  const auto report =
      nlohmann::json::parse(output_of(command + " --benchmark_format=json 2>/dev/null"));
  for (const auto& row : report.at("benchmarks")) {
    std::string name = row.at("name");
    for (const std::string_view suffix : {"/real_time", "/iterations:1"}) {
      if (name.ends_with(suffix)) name.resize(name.size() - suffix.size());
    }
    std::replace(name.begin(), name.end(), '/', '_');
    const double value = row.contains("miss_percent") ? row.at("miss_percent").get<double>()
                         : row.contains("items_per_second")
                             ? 1e9 / row.at("items_per_second").get<double>()
                             : row.at("cpu_time").get<double>();
    samples[name].push_back(value);
    if (row.contains("bytes")) {
      samples["bytes" + name.substr(name.find('_'))].push_back(row.at("bytes"));
    }
  }
}

std::optional<double> wall_of(const std::string& command) {
  const auto start = std::chrono::steady_clock::now();
  if (const int status = std::system(command.c_str()); status != 0) {
    fmt::print(stderr, "\nbench: '{}' failed (status {:#x})\n", command, status);
    return {};
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

nlohmann::json or_null(std::optional<double> value) {
  return value ? nlohmann::json(*value) : nlohmann::json();
}

std::string time_text(std::optional<double> ns) {
  if (!ns) return "-";
  if (*ns < 1e5) return fmt::format("{:.0f} ns", *ns);
  if (*ns < 1e8) return fmt::format("{:.2f} ms", *ns / 1e6);
  return fmt::format("{:.2f} s", *ns / 1e9);
}

std::string ratio_text(std::optional<double> ours, std::optional<double> native) {
  if (!ours || !native || *native <= 0) return "-";
  return fmt::format("{:.2f}", *ours / *native);
}

nlohmann::json machine() {
  std::string model = "unknown processor";
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (!line.starts_with("model name")) continue;
    model = line.substr(line.find(':') + 2);
    break;
  }
  utsname kernel = {};
  uname(&kernel);
  double load = 0;
  if (getloadavg(&load, 1) != 1) load = -1;
  const auto today = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  return {{"processor", model},
          {"cores", sysconf(_SC_NPROCESSORS_ONLN)},
          {"kernel", kernel.release},
          {"date", fmt::format("{:%F}", fmt::gmtime(today))},
          {"load", load}};
}

std::string head_text(const nlohmann::json& machine, const std::string& command) {
  return fmt::format(
      "Machine: {}, {} cores, Linux {}; load at the start {:.1f}.\nDate: {}. Command: {}.\n",
      machine.at("processor").get<std::string>(), machine.at("cores").get<int>(),
      machine.at("kernel").get<std::string>(), machine.at("load").get<double>(),
      machine.at("date").get<std::string>(), command);
}

bool is_installed(const std::string& program) {
  return std::system(fmt::format("command -v {} >/dev/null", program).c_str()) == 0;
}

void write_json(const nlohmann::json& report, const std::optional<std::string>& file) {
  if (!file) return;
  std::ofstream stream(*file);
  stream << report.dump(1) << '\n';
  if (!stream.flush()) fmt::print(stderr, "bench: cannot write {}\n", *file);
}

std::optional<std::string> take_json_option(std::vector<std::string>& arguments) {
  const auto at = std::find(arguments.begin(), arguments.end(), "--json");
  if (at == arguments.end() || at + 1 == arguments.end()) return {};
  const std::string file = *(at + 1);
  arguments.erase(at, at + 2);
  return file;
}

}  // namespace gonzo::bench
