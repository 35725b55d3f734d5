// Our files of /proc beside the host's own: the same lines, fields and widths, our figures.
#include "kernel/procfs.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>

#include "kernel/exec.h"
#include "kernel/kernel_file.h"
#include "unit/kernel/soft_world.h"

namespace gonzo {
namespace {

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
    buffer = world.memory()
                 .map({.length = kBufferBytes,
                       .protection = PROT_READ | PROT_WRITE,
                       .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE})
                 .value();
  }
  OpenFileRef open(const std::string& path, int flags = O_RDONLY) {
    const auto node = find_proc(*task, path);
    if (!node || !node->is_ours()) return nullptr;
    const auto file = node->open(flags);
    EXPECT_TRUE(file.has_value());
    return file.value_or(nullptr);
  }
  /// Through guest memory, as read(2) has it.
  std::string read(KernelFile& file, std::uint64_t length,
                   std::optional<std::uint64_t> offset = std::nullopt) {
    const auto count = file.read(world.memory(), buffer, std::min(length, kBufferBytes), offset);
    EXPECT_TRUE(count.has_value());
    std::string bytes(count.value_or(0), '\0');
    EXPECT_TRUE(world.memory().copy_in(std::as_writable_bytes(std::span(bytes)), buffer));
    return bytes;
  }
  Result<std::uint64_t> write(KernelFile& file, std::string_view bytes) {
    EXPECT_TRUE(world.memory().copy_out(buffer, std::as_bytes(std::span(bytes))));
    return file.write(world.memory(), buffer, bytes.size(), std::nullopt);
  }
  std::string text(const std::string& path) {
    const OpenFileRef file = open(path);
    if (file == nullptr) return "not ours";
    std::string all;
    for (std::string part; !(part = read(*file->kernel_file(), kBufferBytes)).empty();) all += part;
    return all;
  }
  std::vector<std::string> listing(const std::string& path) {
    std::vector<std::string> names;
    const OpenFileRef file = open(path, O_RDONLY | O_DIRECTORY);
    if (file == nullptr) return names;
    EXPECT_TRUE(file->kernel_file()->list([&](const DirectoryEntry& entry, std::uint64_t) {
      names.push_back(entry.name);
      return true;
    }));
    return names;
  }
  std::map<std::string, std::string> status() {
    std::map<std::string, std::string> values;
    for (const std::string& line : lines_of(text("/proc/self/status"))) {
      const auto colon = line.find(':');
      values[line.substr(0, colon)] = line.substr(colon + 1);
    }
    return values;
  }

  static constexpr std::uint64_t kBufferBytes = 65536;
  SoftWorld world;
  Task* task = nullptr;
  VirtAddr buffer;
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
  EXPECT_THAT(ours,
              testing::HasSubstr(fmt::format(" {} ", task->memory().bounds().start_stack.value)));
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
  for (const char* path :
       {"/proc/1/statm", "//proc/./self//statm", "/proc/thread-self/statm", "/proc/self/../1/statm",
        "/proc/self/task/1/statm", "/proc/1/task/1/statm", "/proc/self/root/proc/self/statm"}) {
    EXPECT_EQ(text(path), statm) << path;
  }
  for (const char* path : {"", "/", "proc/self/maps", "/proc/cpuinfo", "/proc/sys/vm/swappiness",
                           "/procself", "/dev/null", "/tmp", "/d", "/."}) {
    EXPECT_FALSE(find_proc(*task, path)) << path;
  }
  // The host's files are the runner's, whatever the guest calls itself.
  for (const auto& [path, host] :
       std::map<std::string, std::string>{{"/proc/1", "/proc/self"},
                                          {"/proc/self/", "/proc/self"},
                                          {"/proc/1/cgroup", "/proc/self/cgroup"},
                                          {"/proc/1/ns/mnt", "/proc/self/ns/mnt"},
                                          {"/proc/self/nothing", "/proc/self/nothing"},
                                          {"/proc/1/task/1/maps", "/proc/thread-self/maps"}}) {
    EXPECT_EQ(find_proc(*task, path)->host_path(), host) << path;
  }
  for (const char* path : {"/proc/2/maps", "/proc/2", "/proc/self/fd/x", "/proc/self/fd/-1",
                           "/proc/self/fd/77", "/proc/self/task/2/maps", "/proc/self/map_files",
                           "/proc/self/fdinfo/77", "/proc/1/io", "/proc/self/task/1/sched"}) {
    const auto node = find_proc(*task, path);
    ASSERT_TRUE(node) << path;
    EXPECT_EQ(::access(node->host_path().c_str(), F_OK), -1) << path;
  }
  EXPECT_EQ(find_proc(*task, "/proc/self")->target(), "1");
  EXPECT_EQ(find_proc(*task, "/proc/thread-self")->target(), "1/task/1");
  EXPECT_EQ(find_proc(*task, "/proc/self/exe")->target(), world.process().image().path);
  EXPECT_EQ(find_proc(*task, "/proc/kpagecount")->open(O_RDONLY).error(), Errno::kAcces);
}

TEST_F(ProcfsTest, OtherProcessesAreThereAndOnlyTheGuests) {
  auto made = world.process().fork(2, {});
  ASSERT_TRUE(made.has_value());
  const std::shared_ptr<Process> child = std::move(*made);
  ProcessTable& table = world.system().processes();
  table.add_child(child, world.process(), ProcessTable::Kinship::kChild, SIGCHLD);
  auto made_task = Task::create(*child, 2, std::unique_ptr<MachineThread>());
  ASSERT_TRUE(made_task.has_value());
  std::shared_ptr<Task> sibling = std::move(*made_task);
  ASSERT_TRUE(child->attach(*sibling));
  table.add_task(sibling);
  sibling->set_name("child");

  EXPECT_THAT(listing("/proc"), testing::IsSupersetOf({"1", "2"}));
  EXPECT_EQ(text("/proc/2/comm"), "child\n");
  EXPECT_EQ(text("/proc/2/maps"), child->memory().maps_text());
  EXPECT_THAT(text("/proc/2/stat"), testing::StartsWith("2 (child) R 1 1 1 "));
  EXPECT_EQ(text("/proc/2/cmdline"), text("/proc/1/cmdline"));
  const OpenFileRef comm = open("/proc/2/comm", O_RDWR), maps = open("/proc/2/maps");
  EXPECT_EQ(write(*comm->kernel_file(), "x").error(), Errno::kInval);

  // A zombie has a name, but no memory.
  child->detach(*sibling);
  table.remove_task(*sibling);
  sibling.reset();
  child->release();
  table.exited(*child, {}, {});
  EXPECT_EQ(text("/proc/2/comm"), "child\n");
  EXPECT_THAT(text("/proc/2/stat"), testing::StartsWith("2 (child) Z 1 "));
  EXPECT_THAT(text("/proc/2/status"), testing::Not(testing::HasSubstr("VmSize")));
  EXPECT_EQ(read(*maps->kernel_file(), 100, 0), "");
  EXPECT_EQ(find_proc(*task, "/proc/2/mem")->open(O_RDONLY).error(), Errno::kSrch);
  EXPECT_THAT(listing("/proc"), testing::Contains("2"));

  ASSERT_TRUE(table.try_wait(1, {}).has_value());
  EXPECT_THAT(listing("/proc"), testing::Not(testing::Contains("2")));
  EXPECT_EQ(maps->kernel_file()->read(world.memory(), buffer, 1, 0).error(), Errno::kSrch);
  EXPECT_EQ(::access(find_proc(*task, "/proc/2/stat")->host_path().c_str(), F_OK), -1);
}

TEST_F(ProcfsTest, TheRunnersNameBecomesTheGuests) {
  const std::string runner = "/proc/" + std::to_string(getpid());
  EXPECT_EQ(to_guest_name(*task, runner), "/proc/1");
  EXPECT_EQ(to_guest_name(*task, runner + "/maps"), "/proc/1/maps");
  EXPECT_EQ(to_guest_name(*task, runner + "/task/" + std::to_string(gettid()) + "/maps"),
            "/proc/1/task/1/maps");
  EXPECT_EQ(to_guest_name(*task, runner + "1/maps"), runner + "1/maps");
  EXPECT_EQ(to_guest_name(*task, "/tmp"), "/tmp");
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

TEST_F(ProcfsTest, AFileOfOursIsFoundAgainThroughItsDescriptor) {
  ASSERT_TRUE(task->files().insert_at(5, open("/proc/self/maps"), CloseOnExec::kNo).has_value());
  const auto node = find_proc(*task, "/proc/self/fd/5");
  ASSERT_TRUE(node);
  EXPECT_TRUE(node->is_alias());
  EXPECT_EQ(node->target(), "/proc/1/maps");
}

TEST_F(ProcfsTest, DirectoriesListWhatTheGuestHas) {
  ASSERT_TRUE(
      task->files()
          .insert_at(7, std::make_shared<OpenFile>(::open("/dev/null", O_RDONLY)), CloseOnExec::kNo)
          .has_value());
  EXPECT_THAT(listing("/proc/self/fd"), testing::ElementsAre(".", "..", "7"));
  EXPECT_THAT(listing("/proc/1/fdinfo"), testing::ElementsAre(".", "..", "7"));
  EXPECT_THAT(listing("/proc/self/task"), testing::ElementsAre(".", "..", "1"));
  const auto all = listing("/proc");
  EXPECT_THAT(all, testing::IsSupersetOf({".", "..", "meminfo", "self", "1"}));
  const auto is_number = [](const std::string& name) { return std::isdigit(name[0]) != 0; };
  EXPECT_EQ(std::ranges::count_if(all, is_number), 1);
  const OpenFileRef directory = open("/proc/self/fd", O_RDONLY);
  EXPECT_EQ(directory->kernel_file()->read(world.memory(), buffer, 8, 0).error(), Errno::kIsDir);
  const auto none = [](const DirectoryEntry&, std::uint64_t) { return false; };
  EXPECT_EQ(open("/proc/self/maps")->kernel_file()->list(none).error(), Errno::kNotDir);
}

TEST_F(ProcfsTest, TextIsMadeAnewWhenReadFromTheStart) {
  EXPECT_EQ(find_proc(*task, "/proc/self/comm")->open(O_RDONLY | O_DIRECTORY).error(),
            Errno::kNotDir);
  const OpenFileRef opened = open("/proc/self/comm");
  KernelFile& file = *opened->kernel_file();
  EXPECT_EQ(write(file, "x").error(), Errno::kBadF);
  EXPECT_EQ(read(file, 2), "ca");
  task->set_name("dog");
  EXPECT_EQ(read(file, 9), "t\n") << "read in pieces, it is of one moment";
  EXPECT_EQ(read(file, 9), "");
  EXPECT_EQ(file.seek(0, SEEK_SET).value(), 0U);
  EXPECT_EQ(read(file, 9), "dog\n");
  task->set_name("cat");
  EXPECT_EQ(read(file, 9, 0), "cat\n");
  EXPECT_EQ(file.seek(0, SEEK_CUR).value(), 4U) << "a read elsewhere does not move it";
  EXPECT_EQ(file.seek(0, SEEK_END).error(), Errno::kInval);
  EXPECT_EQ(file.seek(-1, SEEK_SET).error(), Errno::kInval);
  EXPECT_EQ(open("/proc/self/environ")->kernel_file()->seek(0, SEEK_END).value(), 0U);
  EXPECT_EQ(file.read(world.memory(), VirtAddr(8), 4, 0).error(), Errno::kFault);
}

TEST_F(ProcfsTest, TheNameCanBeWritten) {
  const OpenFileRef file = open("/proc/self/comm", O_RDWR);
  EXPECT_EQ(write(*file->kernel_file(), "0123456789012345678").value(), 19U);
  EXPECT_EQ(text("/proc/self/comm"), "012345678901234\n");
  EXPECT_EQ(file->kernel_file()->write(world.memory(), buffer, 1, 0).error(), Errno::kSPipe);
}

TEST_F(ProcfsTest, ClearRefsTakesANumber) {
  const OpenFileRef file = open("/proc/self/clear_refs", O_WRONLY);
  KernelFile& clear = *file->kernel_file();
  for (const char* good : {"1", "2\n", "3", "4", "5", " 1 ", "+1", "01"}) {
    EXPECT_EQ(write(clear, good).value_or(0), std::string_view(good).size()) << good;
  }
  for (const char* bad : {"", "0", "6", "-1", "x", "0x1", "1 2"}) {
    EXPECT_EQ(write(clear, bad).error(), Errno::kInval) << bad;
  }
  EXPECT_EQ(clear.seek(5, SEEK_SET).value(), 0U);
}

TEST_F(ProcfsTest, PagemapHasAWordAPage) {
  const OpenFileRef file = open("/proc/self/pagemap");
  KernelFile& pagemap = *file->kernel_file();
  const std::uint64_t at = buffer.page_number() * 8;
  std::uint64_t word = 0;
  const std::string bytes = read(pagemap, 16, at);
  ASSERT_EQ(bytes.size(), 16U);
  std::memcpy(&word, bytes.data(), sizeof word);
  EXPECT_EQ(word >> 55, 0x102U) << "present and exclusive";
  const auto count = [&](std::uint64_t length, std::uint64_t offset) {
    return pagemap.read(world.memory(), buffer, length, offset);
  };
  EXPECT_EQ(count(7, at).error(), Errno::kInval);
  EXPECT_EQ(count(8, at + 4).error(), Errno::kInval);
  const std::uint64_t end = world.memory().page_table().user_end().page_number() * 8;
  EXPECT_EQ(count(64, end - 8).value(), 8U);
  EXPECT_EQ(count(64, end).value(), 0U);
  EXPECT_EQ(count(64, 1ULL << 60).value(), 0U);
  EXPECT_EQ(count(kBufferBytes, at).value(), kBufferBytes);
}

TEST_F(ProcfsTest, MemIsTheMemoryAtItsAddress) {
  const OpenFileRef file = open("/proc/self/mem", O_RDWR);
  KernelFile& mem = *file->kernel_file();
  const VirtAddr text_start = world.memory().bounds().start_code;
  ASSERT_EQ(mem.seek(static_cast<std::int64_t>(text_start.value), SEEK_SET).value(),
            text_start.value);
  EXPECT_EQ(write(mem, "gonzo").value(), 5U) << "into a read-only text";
  EXPECT_EQ(read(mem, 5, text_start.value), "gonzo");
  EXPECT_EQ(mem.seek(0, SEEK_CUR).value(), text_start.value + 5);
  EXPECT_EQ(mem.read(world.memory(), buffer, 4, 0).error(), Errno::kIo);
  EXPECT_EQ(mem.read(world.memory(), VirtAddr(8), 4, text_start.value).error(), Errno::kFault);
  EXPECT_EQ(mem.read(world.memory(), VirtAddr(8), 4, 0).error(), Errno::kIo);
  EXPECT_EQ(mem.write(world.memory(), VirtAddr(8), 4, 0).error(), Errno::kFault);
  EXPECT_EQ(mem.read(world.memory(), buffer, 0, 0).value(), 0U);
  EXPECT_EQ(mem.seek(-4096, SEEK_SET).value(), ~0ULL - 4095);
}

/// The keys of lines "key value", or up to a colon.
std::vector<std::string> keys(const std::string& text) {
  std::vector<std::string> result;
  for (const std::string& line : lines_of(text)) {
    const auto start = line.find_first_not_of(' ');
    result.push_back(line.substr(0, line.find_first_of(" :", start)));
  }
  return result;
}

TEST_F(ProcfsTest, TheMachinesFramesAddUp) {
  std::map<std::string, std::uint64_t> vmstat;
  std::istringstream stream(text("/proc/vmstat"));
  for (std::string name; stream >> name;) stream >> vmstat[name];
  EXPECT_EQ(keys(text("/proc/vmstat")), keys(read_host("/proc/vmstat")));

  const FrameStats stats = world.system().frames().stats();
  EXPECT_EQ(vmstat["nr_free_pages"], stats.free);
  EXPECT_EQ(vmstat["nr_anon_pages"], task->memory().counts().rss_anon);
  EXPECT_EQ(vmstat["nr_mapped"], task->memory().counts().rss_file);
  EXPECT_EQ(vmstat["nr_page_table_pages"], task->memory().counts().table_frames);
  EXPECT_EQ(vmstat["nr_free_pages"] + vmstat["nr_anon_pages"] + vmstat["nr_file_pages"] +
                vmstat["nr_page_table_pages"] +
                stats.by_state[static_cast<std::size_t>(FrameState::kReserved)] +
                stats.by_state[static_cast<std::size_t>(FrameState::kKernel)] +
                stats.by_state[static_cast<std::size_t>(FrameState::kSlab)],
            stats.total);
}

TEST_F(ProcfsTest, ZoneinfoAndBuddyinfoAgree) {
  const auto ours = lines_of(text("/proc/zoneinfo"));
  const auto theirs = lines_of(read_host("/proc/zoneinfo"));
  ASSERT_FALSE(ours.empty());
  EXPECT_EQ(ours[0], theirs[0]);
  // The first zone, up to its lists, has the host's rows.
  std::uint64_t free = 0, in_lists = 0;
  for (std::size_t i = 0; i < ours.size() && !ours[i].starts_with("  pagesets"); ++i) {
    EXPECT_EQ(shape(ours[i].substr(0, 20)), shape(theirs[i].substr(0, 20)));
  }
  for (const std::string& line : ours) {
    if (line.starts_with("  pages free")) free += std::stoull(line.substr(16));
    if (line.starts_with("              count:")) in_lists += std::stoull(line.substr(20));
  }
  EXPECT_EQ(free, world.system().frames().stats().free);

  std::uint64_t in_blocks = 0;
  for (const std::string& line : lines_of(text("/proc/buddyinfo"))) {
    EXPECT_EQ(line.size(), 22 + 7 * 11U) << line;
    std::istringstream numbers(line.substr(22));
    for (unsigned order = 0; order <= kMaxOrder; ++order) {
      std::uint64_t blocks = 0;
      numbers >> blocks;
      in_blocks += blocks << order;
    }
  }
  EXPECT_EQ(in_blocks + in_lists, free);
}

TEST_F(ProcfsTest, SettingsAreThoseOfTheMachine) {
  EXPECT_EQ(text("/proc/sys/vm/max_map_count"), "65530\n");
  EXPECT_EQ(text("/proc/sys/vm/mmap_min_addr"), "65536\n");
  EXPECT_THAT(lines_of(text("/proc/swaps")), testing::ElementsAre(testing::StartsWith("Filename")));
}

TEST_F(ProcfsTest, AFreshProcesssScoreIsTwoThirds) {
  EXPECT_THAT(text("/proc/self/oom_score"), testing::AnyOf("666\n", "667\n", "668\n", "669\n",
                                                           "670\n", "671\n", "672\n", "673\n"));
}

}  // namespace
}  // namespace gonzo
