// Real files of the host, alone and under the cache.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <set>
#include <vector>

#include "unit/cache/cache_fixture.h"
#include <gonzo/cache/host_file.h>

namespace gonzo {
namespace {

class HostFiles : public test::CacheTest {
 protected:
  HostFiles() {
    std::string name = (std::filesystem::temp_directory_path() / "gonzo-cache-XXXXXX").string();
    directory_ = mkdtemp(name.data());
  }
  ~HostFiles() override { std::filesystem::remove_all(directory_); }

  std::string path(const std::string& name) const { return directory_ / name; }
  std::string write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }
  static std::string contents(const std::string& name) {
    std::ifstream in(name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static Result<std::shared_ptr<HostFile>> host_file(const std::string& name, int flags) {
    const int descriptor = ::open(name.c_str(), flags | O_CLOEXEC);
    EXPECT_GE(descriptor, 0) << name;
    auto file = HostFile::open(descriptor);
    ::close(descriptor);
    return file;
  }
  CachedFileRef cached(const std::string& name, int flags) {
    auto opened = cache_->open(*host_file(name, flags));
    EXPECT_TRUE(opened.has_value());
    return *opened;
  }

  std::filesystem::path directory_;
};

TEST_F(HostFiles, ReadsIntoManySpansAndStopsAtTheEnd) {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes.push_back(static_cast<char>(i % 251));
  const auto file = *host_file(write("f", bytes), O_RDONLY);
  std::string into(2000, '?');
  std::vector<std::span<std::byte>> spans;
  const auto all = std::as_writable_bytes(std::span(into));
  for (std::size_t at = 0; at < 2000; at += 10) spans.push_back(all.subspan(at, 10));
  const auto read = file->read_at(5, spans);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(*read, 995U);
  EXPECT_EQ(into.substr(0, 995), bytes.substr(5));
  EXPECT_EQ(into[995], '?');
  EXPECT_EQ(*file->read_at(1000, spans), 0U);
  EXPECT_EQ(error_of(file->read_at(~0ULL, spans)), Errno::kFBig);
}

TEST_F(HostFiles, WritesManySpans) {
  const std::string name = write("f", "0123456789");
  const auto file = *host_file(name, O_RDWR);
  const std::string bytes(1000, 'w');
  std::vector<std::span<const std::byte>> spans;
  const auto all = std::as_bytes(std::span(bytes));
  for (std::size_t at = 0; at < 1000; at += 10) spans.push_back(all.subspan(at, 10));
  ASSERT_TRUE(file->write_at(4, spans).has_value());
  EXPECT_TRUE(file->flush().has_value());
  EXPECT_EQ(contents(name), "0123" + bytes);
  EXPECT_EQ(*file->size(), 1004U);
  const auto reader = *host_file(name, O_RDONLY);
  EXPECT_FALSE(reader->is_writable());
  EXPECT_EQ(error_of(reader->write_at(0, spans)), Errno::kBadF);
}

TEST_F(HostFiles, TellsWhatStatTells) {
  const std::string name = write("f", "abc");
  const auto file = *host_file(name, O_RDONLY);
  struct stat host;
  ASSERT_EQ(stat(name.c_str(), &host), 0);
  EXPECT_EQ(file->identity().inode, host.st_ino);
  const auto status = file->status();
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->size, 3U);
  EXPECT_EQ(status->links, 1U);
  EXPECT_EQ(status->modified_ns, host.st_mtim.tv_sec * 1'000'000'000 + host.st_mtim.tv_nsec);
  const timespec old[2] = {{.tv_sec = 1, .tv_nsec = 2}, {.tv_sec = 3, .tv_nsec = 4}};
  ASSERT_EQ(utimensat(AT_FDCWD, name.c_str(), old, 0), 0);
  EXPECT_EQ(file->status()->modified_ns, 3'000'000'004);
  EXPECT_FALSE(file->status()->same_stamp(*status));
}

TEST_F(HostFiles, ASettledFileDoesNotChangeUnseen) {
  const std::string name = write("f", "abc");
  const auto reader = *host_file(name, O_RDONLY);
  const auto writer = *host_file(name, O_RDWR);
  const auto bytes = std::as_bytes(std::span("xyz", 3));
  for (int i = 0; i < 2000; ++i) {
    const FileStatus before = *reader->status();
    ASSERT_TRUE(writer->write_at(0, {&bytes, 1}).has_value());
    ASSERT_FALSE(reader->status()->unchanged_since(before)) << i;
  }
  EXPECT_TRUE((*host_file("/bin/sh", O_RDONLY))->status()->settled);
}

TEST_F(HostFiles, ThePathFollowsTheFile) {
  const std::string name = write("f", "abc");
  const auto file = *host_file(name, O_RDONLY);
  EXPECT_EQ(file->path(), name);
  std::filesystem::rename(name, path("g"));
  EXPECT_EQ(file->path(), path("g"));
  std::filesystem::remove(path("g"));
  EXPECT_EQ(file->path(), path("g") + " (deleted)");
  EXPECT_EQ(file->status()->links, 0U);
}

TEST_F(HostFiles, OnlyReadableRegularFiles) {
  EXPECT_EQ(error_of(host_file(directory_, O_RDONLY)), Errno::kNoDev);
  EXPECT_EQ(error_of(host_file("/dev/null", O_RDWR)), Errno::kNoDev);
  EXPECT_EQ(error_of(host_file(write("f", "x"), O_WRONLY)), Errno::kAcces);
  EXPECT_EQ(error_of(host_file(path("f"), O_PATH)), Errno::kBadF);
  EXPECT_EQ(error_of(HostFile::open(-1)), Errno::kBadF);
}

TEST_F(HostFiles, TheCallersOffsetAndDescriptorAreItsOwn) {
  const std::string name = write("f", "abcdef");
  const int descriptor = ::open(name.c_str(), O_RDWR);
  ASSERT_EQ(lseek(descriptor, 2, SEEK_SET), 2);
  const auto file = *HostFile::open(descriptor);
  EXPECT_EQ(*file->size(), 6U);
  EXPECT_EQ(lseek(descriptor, 0, SEEK_CUR), 2);
  ::close(descriptor);
  EXPECT_EQ(*file->size(), 6U);
}

TEST_F(HostFiles, AppendModeDoesNotRedirectWriteback) {
  const std::string name = write("f", "abcdef");
  auto file = cached(name, O_RDWR | O_APPEND);
  poke(*file, 0, 1, 'X');
  ASSERT_TRUE(file->sync(0, 1).has_value());
  EXPECT_EQ(contents(name), "aXcdef");
}

TEST_F(HostFiles, HardLinksShareTheirPages) {
  const std::string one = write("one", std::string(5000, 'a'));
  std::filesystem::create_hard_link(one, path("two"));
  auto first = cached(one, O_RDONLY);
  auto second = cached(path("two"), O_RDWR);
  EXPECT_EQ(first, second);
  const ObjectPage page = take(*first, 1);
  poke(*second, 1, 3, 'X');
  EXPECT_EQ(byte_of(page, 3), 'X');
  EXPECT_EQ(byte_of(page, 5000 - kPageSize - 1), 'a');
  EXPECT_EQ(byte_of(page, 5000 - kPageSize), 0);
  let_go(page);
  ASSERT_TRUE(second->sync(0, 2).has_value());
  EXPECT_EQ(contents(one)[kPageSize + 3], 'X');
  EXPECT_EQ(contents(one).size(), 5000U);
}

TEST_F(HostFiles, TruncationAndGrowthByOthers) {
  const std::string name = write("f", std::string(3 * kPageSize, 'a'));
  auto file = cached(name, O_RDONLY);
  const ObjectPage first = take(*file, 0);
  peek(*file, 2);
  ASSERT_EQ(::truncate(name.c_str(), 100), 0);
  EXPECT_EQ(error_of(file->get_page(2, PageIntent::kRead)), Errno::kFault);
  EXPECT_EQ(byte_of(first, 99), 'a');
  EXPECT_EQ(byte_of(first, 100), 0);
  std::ofstream(name, std::ios::app) << std::string(2 * kPageSize, 'b');
  EXPECT_EQ(peek(*file, 2, 0), 'b');
  EXPECT_EQ(byte_of(first, 100), 'b');
  let_go(first);
}

TEST_F(HostFiles, AnUnlinkedFileLivesWhileCached) {
  const std::string name = write("f", std::string(100 * kPageSize, 'a'));
  auto file = cached(name, O_RDWR);
  std::filesystem::remove(name);
  EXPECT_EQ(peek(*file, 90), 'a');
  EXPECT_EQ(file->name().path, name + " (deleted)");
  poke(*file, 0, 0, 'x');
  EXPECT_TRUE(file->sync(0, 1).has_value());
  file.reset();
  cache_->trim();
  EXPECT_EQ(cache_->stats().files, 0U);
}

}  // namespace
}  // namespace gonzo
