#include "programs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace gonzo::bench {

Inputs::Inputs() {
  char name[] = "/tmp/gonzo-bench-XXXXXX";
  if (mkdtemp(name) == nullptr) std::perror(name), std::exit(1);
  directory_ = name;
  write_block_file();
  write_lines();
  write_source();
  write_scripts();
}

Inputs::~Inputs() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::uint64_t Inputs::random() {
  return random_ ^= random_ << 13, random_ ^= random_ >> 7, random_ ^= random_ << 17;
}

void Inputs::write_block_file() {
  std::ofstream big(directory_ / "big", std::ios::binary);
  std::string block(1 << 20, '\0');
  for (int i = 0; i < 100; ++i) {
    for (char& c : block) c = static_cast<char>(random());
    big.write(block.data(), static_cast<std::streamsize>(block.size()));
  }
}

void Inputs::write_lines() {
  std::ofstream lines(directory_ / "lines");
  for (int i = 0; i < 2'500'000; ++i) {
    lines << fmt::format("{:019d}\n", random() % 1'000'000'000'000ULL);
  }
}

// 2,000 lines of C: functions of ten lines each, which call each other.
void Inputs::write_source() {
  constexpr int kFunctions = 199;
  std::ofstream source(directory_ / "source.c");
  source << "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
            "struct item { struct item* next; long key; char name[24]; };\n"
            "static struct item* head;\nlong step_0(long x) {\n  return x + 1;\n}\n\n";
  for (int i = 1; i <= kFunctions; ++i) {
    const auto callee = random() % static_cast<std::uint64_t>(i);
    source << fmt::format(
        "long step_{0}(long x) {{\n"
        "  struct item* found = head;\n"
        "  while (found && found->key != x % {2}) found = found->next;\n"
        "  if (!found && (found = calloc(1, sizeof *found))) {{\n"
        "    snprintf(found->name, sizeof found->name, \"%ld in {0}\", x);\n"
        "    found->key = x % {2}, found->next = head, head = found;\n"
        "  }}\n"
        "  for (int i = 0; i < {3}; i++) x = x * 31 + (i ^ {2}) + found->name[i & 15];\n"
        "  return x & 1 ? step_{1}(x >> 1) : x + (long)strlen(found->name);\n}}\n",
        i, callee, random() % 1000 + 7, random() % 60 + 4);
  }
  source << fmt::format("int main(void) {{ return (int)step_{}(1) & 127; }}\n", kFunctions);
}

void Inputs::write_scripts() {
  std::ofstream(directory_ / "forks.sh")
      << "i=0 sum=0\nwhile [ $i -lt 200 ]; do\n  sum=$((sum + $(echo $i))) i=$((i + 1))\ndone\n"
         "[ $sum -eq 19900 ]\n";
  std::ofstream(directory_ / "second.py") << "counts, text, total = {}, [], 0\n"
                                             "for i in range(2_500_000):\n"
                                             "    key = i * 7919 % 10007\n"
                                             "    counts[key] = counts.get(key, 0) + i\n"
                                             "    if i % 16 == 0:\n"
                                             "        text.append(str(key))\n"
                                             "    total += len(text) ^ key\n"
                                             "assert len(counts) == 10007, total\n";
  std::ofstream inserts(directory_ / "inserts.sql");
  inserts << "DROP TABLE IF EXISTS items;\n"
             "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, value INTEGER);\nBEGIN;\n";
  for (int i = 0; i < 200'000; ++i) {
    inserts << fmt::format("INSERT INTO items VALUES ({0}, 'item {0}', {1});\n", i,
                           random() % 100'003);
  }
  inserts << "COMMIT;\n";
}

std::vector<Program> programs(const Inputs& inputs) {
  return {
      {"true", "true (dynamic)", "true", "/bin/true", 5},
      {"busybox_true", "busybox true (static)", "/bin/busybox", "/bin/busybox true", 5},
      {"python_start", "python3 -c pass", "python3", "python3 -c pass", 5},
      {"python_second", "python3, a second of computing", "python3",
       "python3 " + inputs.path("second.py")},
      {"gcc", "gcc -O2 -c of 2,000 lines", "gcc",
       fmt::format("gcc -O2 -c {} -o {}", inputs.path("source.c"), inputs.path("source.o"))},
      {"sqlite", "sqlite3, 200,000 inserts into a file", "sqlite3",
       fmt::format("sqlite3 {} '.read {}'", inputs.path("db"), inputs.path("inserts.sql"))},
      {"sort", "sort of 50 MB, one thread", "sort",
       "sort --parallel=1 " + inputs.path("lines") + " -o /dev/null"},
      {"sha256sum", "sha256sum of 100 MB", "sha256sum",
       "sha256sum " + inputs.path("big") + " >/dev/null"},
      {"forks", "sh, a script with 200 forks", "sh", "/bin/sh " + inputs.path("forks.sh"), 2},
  };
}

}  // namespace gonzo::bench
