// What the tables of figures share: samples, medians, their texts, and the machine they are of.
#pragma once
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace gonzo::bench {

/// Nanoseconds (or bytes) by the name of what was measured.
using Samples = std::map<std::string, std::vector<double>>;

/// What a shell command prints; a failure is told on stderr.
std::string output_of(const std::string& command);

/// Adds the "NAME NANOSECONDS" lines that a command prints; below 0 means that it could not be
/// measured, and is left out. Other lines go to stderr.
void sample_lines(const std::string& command, Samples& samples);

/// Runs a program of Google Benchmark's. Nanoseconds by name, with "_" for "/", of one item where
/// items are counted; bytes where they are told, percent where misses are.
void sample_benchmarks(const std::string& command, Samples& samples);

/// Nanoseconds from the start of a shell command to its end; none if it fails, which is told on
/// stderr.
std::optional<double> wall_of(const std::string& command);

std::optional<double> median(const Samples& samples, const std::string& name);

nlohmann::json or_null(std::optional<double> value);

/// "-" for what was not measured.
std::string time_text(std::optional<double> ns);
std::string ratio_text(std::optional<double> ours, std::optional<double> native);

/// Processor, cores, kernel, date and load of the machine, as the tables' heads tell them.
nlohmann::json machine();

/// The lines above a table. `command`: what to type to get it.
std::string head_text(const nlohmann::json& machine, const std::string& command);

/// Whether PATH has a program of this name.
bool is_installed(const std::string& program);

/// Writes `report` to the file that a command line ends with ("--json FILE"), if it does.
void write_json(const nlohmann::json& report, const std::optional<std::string>& file);

/// Takes "--json FILE" out of a command line.
std::optional<std::string> take_json_option(std::vector<std::string>& arguments);

}  // namespace gonzo::bench
