// Whole programs for the tables of figures, and the files they work on.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace gonzo::bench {

struct Program {
  std::string name;
  std::string text;
  std::string needs;    ///< what must be installed
  std::string command;  ///< for the shell; its first word is the program that is measured
  int repeats = 1;      ///< in a round: more of what is short
};

/// Input files, always the same, in a directory that goes away with this object.
class Inputs {
 public:
  Inputs();
  ~Inputs();
  Inputs(const Inputs&) = delete;
  Inputs& operator=(const Inputs&) = delete;
  std::string path(const std::string& name) const { return (directory_ / name).string(); }
  const std::filesystem::path& directory() const { return directory_; }

 private:
  std::uint64_t random();
  void write_block_file();
  void write_lines();
  void write_source();
  void write_scripts();

  std::filesystem::path directory_;
  std::uint64_t random_ = 88172645463325252ULL;
};

/// Programs whose output is of no interest, all of which work on `inputs`.
std::vector<Program> programs(const Inputs& inputs);

}  // namespace gonzo::bench
