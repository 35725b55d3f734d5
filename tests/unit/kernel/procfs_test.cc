// Our files of /proc beside the host's own: the same lines, fields and widths, our figures.
#include "kernel/procfs.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <sstream>

#include "kernel/exec.h"
#include "unit/kernel/soft_world.h"

namespace gonzo {
namespace {

std::string read_all(int fd) {
  std::string text;
  std::array<char, 4096> part;
  for (ssize_t count = 0; (count = ::read(fd, part.data(), part.size())) > 0;) {
    text.append(part.data(), static_cast<std::size_t>(count));
  }
  return text;
}

std::string read_host(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// Each number with the blanks before it becomes one 0, so that only the shape is left.
std::string shape(const std::string& line) {
  std::string result;
  for (const char letter : line) {
    const bool digit = letter >= '0' && letter <= '9';
    if (digit && result.ends_with('0')) continue;
    if (digit) {
      while (result.ends_with(' ')) result.pop_back();
    }
    result += digit ? '0' : letter;
  }
  return result;
}

class ProcfsTest : public testing::Test {
 protected:
  ProcfsTest() {
    const auto start = exec_program(
        world.process(),
        {.path = "/bin/cat", .arguments = {"cat", "a b", ""}, .environment = {"A=1", "B=2"}});
    EXPECT_TRUE(start.has_value());
    task = &world.start(*start);
  }
  std::string text(const std::string& path) {
    const auto node = find_proc(*task, path);
    if (!node) return "not ours";
    const auto file = node->open(O_RDONLY);
    EXPECT_TRUE(file.has_value());
    return read_all((*file)->host_fd());
  }
  std::map<std::string, std::string> status() {
    std::map<std::string, std::string> values;
    for (const std::string& line : lines_of(text("/proc/self/status"))) {
      const auto colon = line.find(':');
      values[line.substr(0, colon)] = line.substr(colon + 1);
    }
    return values;
  }

  SoftWorld world;
  Task* task = nullptr;
};

TEST_F(ProcfsTest, StatusHasTheHostsLinesAndOurFigures) {
  const auto ours = lines_of(text("/proc/self/status"));
  const auto theirs = lines_of(read_host("/proc/self/status"));
  ASSERT_EQ(ours.size(), theirs.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    EXPECT_EQ(ours[i].substr(0, ours[i].find(':')), theirs[i].substr(0, theirs[i].find(':')));
    if (theirs[i].ends_with(" kB")) {
      EXPECT_EQ(shape(ours[i]), shape(theirs[i]));
      EXPECT_EQ(ours[i].size(), ours[i].find('\t') + 1 + 8 + 3) << "eight columns and the unit";
    }
  }
  auto values = status();
  EXPECT_EQ(values["Name"], "\tcat");
  EXPECT_EQ(values["Pid"], "\t1");
  EXPECT_EQ(values["Threads"], "\t1");
  EXPECT_EQ(values["SigBlk"], "\t0000000000000000");
  const AddressSpaceCounts counts = task->memory().counts();
  EXPECT_EQ(std::stoull(values["VmSize"]), counts.total * 4);
  EXPECT_EQ(std::stoull(values["VmRSS"]), counts.rss() * 4);
  EXPECT_EQ(std::stoull(values["VmRSS"]), std::stoull(values["RssAnon"]) +
                                              std::stoull(values["RssFile"]) +
                                              std::stoull(values["RssShmem"]));
  EXPECT_EQ(values["VmStk"], "\t     132 kB");
}

TEST_F(ProcfsTest, StatHas52FieldsAndStatm7) {
  const std::string ours = text("/proc/self/stat");
  const std::string theirs = read_host("/proc/self/stat");
  const auto blanks = [](const std::string& each) { return std::ranges::count(each, ' '); };
  EXPECT_EQ(blanks(ours), blanks(theirs));
  EXPECT_THAT(ours, testing::StartsWith("1 (cat) R "));
  EXPECT_TRUE(ours.ends_with("\n") && !ours.ends_with(" \n"));
  EXPECT_THAT(ours, testing::HasSubstr(
                        " " + std::to_string(task->memory().bounds().start_stack.value) + " "));
  const std::string statm = text("/proc/self/statm");
  EXPECT_EQ(shape(statm), shape(read_host("/proc/self/statm")));
  EXPECT_THAT(statm, testing::StartsWith(std::to_string(task->memory().counts().total) + " "));
}

TEST_F(ProcfsTest, LimitsAreLinedUpAsTheHosts) {
  const auto ours = lines_of(text("/proc/self/limits"));
  const auto theirs = lines_of(read_host("/proc/self/limits"));
  ASSERT_EQ(ours.size(), theirs.size());
  EXPECT_EQ(ours[0], theirs[0]);
  for (std::size_t i = 0; i < ours.size(); ++i) {
    EXPECT_EQ(ours[i].size(), theirs[i].size());
    EXPECT_EQ(ours[i].substr(0, 26), theirs[i].substr(0, 26));
    EXPECT_EQ(ours[i].substr(68), theirs[i].substr(68));
  }
}

TEST_F(ProcfsTest, MeminfoIsThatOfOurMachine) {
  const auto ours = lines_of(text("/proc/meminfo"));
  const auto theirs = lines_of(read_host("/proc/meminfo"));
  ASSERT_EQ(ours.size(), theirs.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    EXPECT_EQ(ours[i].substr(0, 16), theirs[i].substr(0, 16));
    EXPECT_EQ(ours[i].size(),
              std::max<std::size_t>(theirs[i].ends_with("kB") ? 27 : 24,
                                    ours[i].starts_with("Vmalloc") ? ours[i].size() : 0))
        << ours[i];
  }
  EXPECT_EQ(ours[0], "MemTotal:          65536 kB");
}

TEST_F(ProcfsTest, ArgumentsEnvironmentAndNameAreAsTheGuestHasThem) {
  using std::string_literals::operator""s;
  EXPECT_EQ(text("/proc/self/cmdline"), "cat\0a b\0\0"s);
  EXPECT_EQ(text("/proc/self/environ"), "A=1\0B=2\0"s);
  EXPECT_EQ(text("/proc/self/comm"), "cat\n");
  EXPECT_EQ(text("/proc/self/auxv").size(), world.process().image().auxv.size() * 8);
  EXPECT_EQ(text("/proc/self/maps"), world.memory().maps_text());
}

TEST_F(ProcfsTest, ATitleWrittenOverTheArgumentsIsTheCommandLine) {
  using std::string_literals::operator""s;
  const SegmentBounds bounds = task->memory().bounds();
  const auto write = [&](VirtAddr at, std::string_view bytes) {
    ASSERT_TRUE(task->memory().copy_out(at, std::as_bytes(std::span(bytes))).has_value());
  };
  write(bounds.arg_start, "a title that is longer than argv\0"s);
  EXPECT_EQ(text("/proc/self/cmdline").substr(0, 17), "a title that is l");
  EXPECT_EQ(text("/proc/self/cmdline").back(), '\0');
}

TEST_F(ProcfsTest, PathsAreFoundByAllTheirNames) {
  const std::string statm = text("/proc/self/statm");
  for (const char* path : {"/proc/1/statm", "//proc/./self//statm", "/proc/thread-self/statm",
                           "/proc/self/task/1/statm", "/proc/1/task/1/statm"}) {
    EXPECT_EQ(text(path), statm) << path;
  }
  for (const char* path :
       {"", "/", "/proc", "/proc/", "/proc/self/", "proc/self/maps", "/proc/2/maps",
        "/proc/cpuinfo", "/proc/self/nothing", "/proc/self/maps/x", "/procself", "/dev/null",
        "/dev/fd", "/proc/self/fd", "/proc/self/fd/x", "/proc/self/fd/-1", "/tmp", "/d", "/."}) {
    const auto node = find_proc(*task, path);
    EXPECT_TRUE(!node || std::string_view(path) == "/proc/self/") << path;
  }
  EXPECT_EQ(find_proc(*task, "/proc/self")->target(), "1");
  EXPECT_EQ(find_proc(*task, "/proc/thread-self")->target(), "1/task/1");
  EXPECT_EQ(find_proc(*task, "/proc/self/exe")->target(), world.process().image().path);
}

TEST_F(ProcfsTest, DescriptorsLinkToTheGuestsFiles) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  const auto read_end = std::make_shared<OpenFile>(ends[0]);
  const auto write_end = std::make_shared<OpenFile>(ends[1]);
  ASSERT_TRUE(task->files().insert_at(0, read_end, CloseOnExec::kNo).has_value());
  for (const char* path : {"/proc/self/fd/0", "/dev/fd/0", "/dev/stdin"}) {
    const auto node = find_proc(*task, path);
    ASSERT_TRUE(node);
    EXPECT_TRUE(node->is_link());
    EXPECT_THAT(node->target(), testing::StartsWith("pipe:["));
    EXPECT_EQ(node->host_path(), "/proc/self/fd/" + std::to_string(ends[0]));
  }
  const auto missing = find_proc(*task, "/dev/stderr");
  ASSERT_TRUE(missing);
  EXPECT_EQ(::access(missing->host_path().c_str(), F_OK), -1);
}

TEST_F(ProcfsTest, AFileIsReadOnlyAndMadeAnewWhenReadFromTheStart) {
  const auto node = find_proc(*task, "/proc/self/comm");
  EXPECT_EQ(node->open(O_WRONLY).error(), Errno::kAcces);
  EXPECT_EQ(node->open(O_RDWR).error(), Errno::kAcces);
  EXPECT_EQ(node->open(O_RDONLY | O_DIRECTORY).error(), Errno::kNotDir);
  const OpenFileRef file = node->open(O_RDONLY).value();
  EXPECT_EQ(::write(file->host_fd(), "x", 1), -1);
  EXPECT_EQ(read_all(file->host_fd()), "cat\n");
  world.process().image().name = "dog";
  file->about_to_read(std::nullopt);
  lseek(file->host_fd(), 0, SEEK_SET);
  EXPECT_EQ(read_all(file->host_fd()), "cat\n") << "read from elsewhere, it stays";
  lseek(file->host_fd(), 0, SEEK_SET);
  file->about_to_read(std::nullopt);
  EXPECT_EQ(read_all(file->host_fd()), "dog\n");
  world.process().image().name = "cat";
  file->about_to_read(0);
  std::array<char, 4> text{};
  EXPECT_EQ(pread(file->host_fd(), text.data(), 4, 0), 4);
  EXPECT_EQ(std::string_view(text.data(), 4), "cat\n");
  struct stat status{};
  ASSERT_EQ(fstat(file->host_fd(), &status), 0);
  file->amend_stat(status);
  EXPECT_EQ(status.st_size, 0);
  EXPECT_EQ(status.st_mode, S_IFREG | 0644U);
  EXPECT_EQ(status.st_dev, node->stat().st_dev);
}

}  // namespace
}  // namespace gonzo
