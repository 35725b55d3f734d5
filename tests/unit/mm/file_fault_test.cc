// Faults on memory of an object: private and shared files, shared memory.
#include "unit/mm/guest.h"

namespace gonzo::test {
namespace {

constexpr int kReadWrite = PROT_READ | PROT_WRITE;

class FileFaultTest : public Guest {
 protected:
  void start_with_around(unsigned pages) { start({.manager = {.file_fault_around = pages}}); }
};

TEST_F(FileFaultTest, PrivateReadMapsTheCachedFrameReadOnly) {
  FakeObject& object = make_object(4);
  map_object(4, kReadWrite, MAP_PRIVATE);
  EXPECT_EQ(read_fault(page(2)), FaultOutcome::kMajor) << "the object had to read it";
  EXPECT_EQ(entry(page(2)).pfn(), object.frame_of(2));
  EXPECT_FALSE(entry(page(2)).is_writable());
  EXPECT_EQ(frame(page(2)).maps.load(), 1);
  EXPECT_EQ(frame(page(2)).refs.load(), 2) << "the object's and the entry's";
  EXPECT_EQ(space_->counts().rss_file, 1U);
  EXPECT_EQ(space_->counts().major_faults, 1U);
  EXPECT_EQ(space_->counts().minor_faults, 0U);
  EXPECT_EQ(peek(page(2)), 3);
}

TEST_F(FileFaultTest, ReadMapsWhatIsResidentAround) {
  FakeObject& object = make_object(64);
  map_object(60, PROT_READ, MAP_PRIVATE);
  object.make_resident(0, 18);
  object.make_resident(20, 4);
  EXPECT_EQ(read_fault(page(17)), FaultOutcome::kMinor);
  EXPECT_TRUE(object.asked.empty()) << "no need to ask for what is there";
  EXPECT_TRUE(entry(page(15)).is_blank()) << "outside of the aligned block";
  for (const std::uint64_t i : {16U, 17U, 20U, 21U, 22U, 23U}) {
    EXPECT_EQ(entry(page(i)).pfn(), object.frame_of(i));
    EXPECT_EQ(entry(page(i)).has(pte::kAccessed), i == 17) << i;
  }
  EXPECT_TRUE(entry(page(18)).is_blank());
  EXPECT_TRUE(entry(page(24)).is_blank());
  EXPECT_EQ(space_->counts().rss_file, 6U);
  EXPECT_EQ(space_->verify(), "");
}

TEST_F(FileFaultTest, ASequentialReadersWindowGrows) {
  start({.manager = {.file_fault_around = 4, .file_stream_around = 16}});
  make_object(64).make_resident(0, 64);
  map_object(64, PROT_READ, MAP_PRIVATE);
  const auto mapped = [&] {
    std::uint64_t pages = 0;
    while (pages < 64 && !entry(page(pages)).is_blank()) ++pages;
    return pages;
  };
  std::vector<std::uint64_t> ends;
  while (mapped() < 64) {
    EXPECT_EQ(read_fault(page(mapped())), FaultOutcome::kMinor);
    ends.push_back(mapped());
  }
  EXPECT_EQ(ends, (std::vector<std::uint64_t>{4, 8, 16, 32, 48, 64}));
}

TEST_F(FileFaultTest, ElsewhereTheWindowIsSmallAgain) {
  start({.manager = {.file_fault_around = 4, .file_stream_around = 64}});
  make_object(64).make_resident(0, 64);
  map_object(64, PROT_READ, MAP_PRIVATE);
  for (const std::uint64_t i : {0U, 4U, 41U}) read_fault(page(i));
  EXPECT_EQ(space_->counts().rss_file, 12U);
  EXPECT_FALSE(entry(page(40)).is_blank()) << "the aligned block";
  EXPECT_TRUE(entry(page(44)).is_blank());
}

TEST_F(FileFaultTest, AMissDoesNotEndAStream) {
  start({.manager = {.file_fault_around = 2, .file_stream_around = 16}});
  FakeObject& object = make_object(64);
  object.make_resident(0, 8);
  map_object(64, PROT_READ, MAP_PRIVATE);
  for (const std::uint64_t i : {0U, 2U, 4U}) read_fault(page(i));
  EXPECT_EQ(space_->counts().rss_file, 8U);
  EXPECT_EQ(read_fault(page(8)), FaultOutcome::kMajor);
  object.make_resident(8, 8);  // as read-ahead does
  EXPECT_EQ(read_fault(page(9)), FaultOutcome::kMinor);
  EXPECT_EQ(space_->counts().rss_file, 16U);
}

TEST_F(FileFaultTest, RandomAccessAsksForThePageAlone) {
  FakeObject& object = make_object(8);
  map_object(8, kReadWrite, MAP_PRIVATE);
  ASSERT_TRUE(space_->advise(page(0), 8 * kPageSize, MADV_RANDOM).has_value());
  read_fault(page(2));
  write_fault(page(4));
  using Asked = std::pair<std::uint64_t, PageIntent>;
  ASSERT_EQ(object.asked.size(), 2U);
  EXPECT_EQ(Asked(object.asked[0]), Asked(2, PageIntent::kReadAlone));
  EXPECT_EQ(Asked(object.asked[1]), Asked(4, PageIntent::kReadAlone));
}

TEST_F(FileFaultTest, AroundIsCutAtTheAreaAndKeepsOtherEntries) {
  FakeObject& object = make_object(64);
  map_object(5, kReadWrite, MAP_PRIVATE, 8);
  object.make_resident(0, 64);
  write_fault(page(3));
  const Pfn own = entry(page(3)).pfn();
  read_fault(page(0));
  EXPECT_EQ(entry(page(3)).pfn(), own);
  EXPECT_EQ(entry(page(4)).pfn(), object.frame_of(12)) << "the area starts at page 8 of the object";
  EXPECT_TRUE(entry(page(5)).is_blank());
  EXPECT_EQ(space_->counts().rss_file, 4U);
  EXPECT_EQ(space_->counts().rss_anon, 1U);
}

TEST_F(FileFaultTest, PrivateWriteCopiesAtOnce) {
  FakeObject& object = make_object(4);
  map_object(4, kReadWrite, MAP_PRIVATE);
  EXPECT_EQ(write_fault(page(1)), FaultOutcome::kMajor);
  EXPECT_NE(entry(page(1)).pfn(), object.frame_of(1));
  EXPECT_EQ(frame(page(1)).state, FrameState::kAnonymous);
  EXPECT_EQ(frame(page(1)).index, 1U);
  poke(page(1), 99);
  EXPECT_EQ(peek(page(1)), 99);
  EXPECT_EQ(peek(page(1) + 1), 2) << "the rest is the file's";
  EXPECT_EQ(*frames_->address(object.frame_of(1)), std::byte{2}) << "the file does not hear of it";
  EXPECT_EQ(frames_->frame(object.frame_of(1)).refs.load(), 1);
  EXPECT_TRUE(object.dirtied.empty());
  EXPECT_EQ(space_->counts().rss_anon, 1U);
  EXPECT_EQ(space_->counts().rss_file, 0U);
}

TEST_F(FileFaultTest, PrivateWriteAfterReadCopiesTheMappedPage) {
  FakeObject& object = make_object(4);
  map_object(4, kReadWrite, MAP_PRIVATE);
  read_fault(page(1));
  cache_.calls.clear();
  EXPECT_EQ(write_fault(page(1)), FaultOutcome::kMinor);
  EXPECT_NE(entry(page(1)).pfn(), object.frame_of(1));
  EXPECT_EQ(*bytes(page(1)), std::byte{2});
  EXPECT_EQ(frames_->frame(object.frame_of(1)).maps.load(), 0);
  EXPECT_EQ(space_->counts().rss_anon, 1U);
  EXPECT_EQ(space_->counts().rss_file, 0U);
  ASSERT_EQ(cache_.calls.size(), 1U);
  EXPECT_EQ(cache_.calls[0].second, Stricter::kGone);
}

// What is written to here and there stays the file's; what is written to page by page is copied by
// the block.
TEST_F(FileFaultTest, WritesBesideEachOtherCopyTheBlock) {
  start({.manager = {.anonymous_fault_around = 4}});
  FakeObject& object = make_object(16);
  object.make_resident(0, 16);
  map_object(16, kReadWrite, MAP_PRIVATE);
  read_fault(page(0));
  for (const std::uint64_t i : {0U, 2U, 7U}) poke(page(i), 99);
  EXPECT_EQ(space_->counts().rss_anon, 3U) << "none beside another in its block";
  poke(page(6) + 5, 98);
  EXPECT_EQ(space_->counts().rss_anon, 6U);
  for (const std::uint64_t i : {4U, 5U}) {
    EXPECT_TRUE(entry(page(i)).is_writable());
    EXPECT_EQ(peek(page(i)), i + 1) << "what the file has there";
    EXPECT_EQ(frames_->frame(object.frame_of(i)).maps.load(), 0);
  }
  EXPECT_EQ(peek(page(7)), 99);
  EXPECT_EQ(peek(page(6)), 7);
  EXPECT_EQ(peek(page(6) + 5), 98);
  EXPECT_EQ(*frames_->address(object.frame_of(6)), std::byte{7}) << "the file does not hear of it";
  EXPECT_EQ(space_->counts().rss(), 16U);
  EXPECT_EQ(space_->verify(), "");
}

TEST_F(FileFaultTest, WritesBesideEachOtherToPagesThatNobodyRead) {
  start({.manager = {.anonymous_fault_around = 4}});
  FakeObject& object = make_object(8);
  object.make_resident(0, 3);
  map_object(8, kReadWrite, MAP_PRIVATE);
  poke(page(0), 99);
  EXPECT_TRUE(entry(page(1)).is_blank());
  poke(page(1), 98);
  EXPECT_TRUE(entry(page(2)).is_writable());
  EXPECT_EQ(peek(page(2)), 3);
  EXPECT_TRUE(entry(page(3)).is_blank()) << "nothing there that could be copied";
  EXPECT_EQ(space_->counts().rss_anon, 3U);
}

TEST_F(FileFaultTest, SharedFileHearsOfTheFirstWriteOnly) {
  FakeObject& object = make_object(4);
  map_object(4, kReadWrite, MAP_SHARED);
  read_fault(page(1));
  EXPECT_FALSE(entry(page(1)).is_writable()) << "else the first write would go unseen";
  EXPECT_TRUE(object.dirtied.empty());
  cache_.calls.clear();
  EXPECT_EQ(write_fault(page(1)), FaultOutcome::kMinor);
  EXPECT_EQ(entry(page(1)).pfn(), object.frame_of(1));
  EXPECT_TRUE(entry(page(1)).is_writable() && entry(page(1)).has(pte::kDirty));
  EXPECT_EQ(object.dirtied, (std::vector<std::uint64_t>{1}));
  EXPECT_TRUE(cache_.calls.empty()) << "a laxer entry needs no invalidation";
  poke(page(1), 5);
  EXPECT_EQ(object.dirtied.size(), 1U);
}

TEST_F(FileFaultTest, SharedFileWrittenAtOnce) {
  FakeObject& object = make_object(4);
  map_object(4, kReadWrite, MAP_SHARED);
  poke(page(3), 77);
  EXPECT_EQ(*frames_->address(object.frame_of(3)), std::byte{77});
  EXPECT_EQ(object.dirtied, (std::vector<std::uint64_t>{3}));
  EXPECT_EQ(object.asked.back().second, PageIntent::kWrite);
  EXPECT_EQ(space_->counts().rss_file, 1U);
}

TEST_F(FileFaultTest, SharedMemoryIsWritableFromTheFirstRead) {
  FakeObject& object = make_object(4, FakeObject::Kind::kShmem);
  map_object(4, kReadWrite, MAP_SHARED);
  EXPECT_EQ(read_fault(page(0)), FaultOutcome::kMinor);
  EXPECT_TRUE(entry(page(0)).is_writable());
  EXPECT_FALSE(entry(page(0)).has(pte::kDirty));
  EXPECT_EQ(space_->counts().rss_shmem, 1U);
  poke(page(0), 1);
  EXPECT_EQ(object.dirtied.size(), 0U);
  ASSERT_TRUE(space_->unmap(kBase, 4 * kPageSize));
  EXPECT_EQ(object.dirtied, (std::vector<std::uint64_t>{0})) << "the dirty bit is handed on";
  EXPECT_EQ(space_->counts().rss_shmem, 0U);
}

TEST_F(FileFaultTest, UnmapHandsDirtyBitsOn) {
  FakeObject& object = make_object(8);
  map_object(8, kReadWrite, MAP_SHARED, 0);
  for (const std::uint64_t i : {1U, 4U}) poke(page(i), 1);
  read_fault(page(6));
  object.dirtied.clear();
  ASSERT_TRUE(space_->unmap(page(2), 6 * kPageSize));
  EXPECT_EQ(object.dirtied, (std::vector<std::uint64_t>{4}));
  EXPECT_EQ(frames_->frame(object.frame_of(6)).maps.load(), 0);
  EXPECT_EQ(frames_->frame(object.frame_of(6)).refs.load(), 1);
}

TEST_F(FileFaultTest, FailuresOfTheObject) {
  FakeObject& object = make_object(2);
  map_object(4, kReadWrite, MAP_PRIVATE);
  EXPECT_EQ(read_fault(page(2)), FaultOutcome::kBeyondObject) << "past the end: SIGBUS";
  EXPECT_EQ(write_fault(page(3)), FaultOutcome::kBeyondObject);
  object.failure = Errno::kIo;
  EXPECT_EQ(read_fault(page(0)), FaultOutcome::kBeyondObject);
  EXPECT_EQ(write_fault(page(0)), FaultOutcome::kBeyondObject);
  object.failure = Errno::kNoMem;
  EXPECT_EQ(read_fault(page(0)), FaultOutcome::kOutOfMemory);
  EXPECT_EQ(write_fault(page(0)), FaultOutcome::kOutOfMemory);
  EXPECT_EQ(space_->counts().rss(), 0U);
  EXPECT_EQ(space_->counts().minor_faults + space_->counts().major_faults, 0U);
  object.failure.reset();
  EXPECT_EQ(read_fault(page(0)), FaultOutcome::kMajor);
}

TEST_F(FileFaultTest, EachFailedAllocationLeavesThingsAsTheyWere) {
  for (std::uint64_t nth = 1; nth < 12; ++nth) {
    start({});
    make_object(8);
    map_object(4, kReadWrite, MAP_PRIVATE);
    frames_->fail_nth(nth);
    while (write_fault(page(0)) == FaultOutcome::kOutOfMemory) EXPECT_EQ(space_->verify(), "");
    read_fault(page(1));
    while (write_fault(page(1)) == FaultOutcome::kOutOfMemory) EXPECT_EQ(space_->verify(), "");
    EXPECT_EQ(peek(page(0)), 1);
    EXPECT_EQ(peek(page(1)), 2);
    frames_->fail_nth(0);
  }
}

TEST_F(FileFaultTest, WhereThereIsNoFrameForTheBlockThePageIsCopied) {
  for (std::uint64_t nth = 1; nth < 12; ++nth) {
    start({.manager = {.anonymous_fault_around = 4}});
    make_object(4).make_resident(0, 4);
    map_object(4, kReadWrite, MAP_PRIVATE);
    read_fault(page(0));
    poke(page(0), 99);
    frames_->fail_nth(nth);
    while (write_fault(page(1)) == FaultOutcome::kOutOfMemory) EXPECT_EQ(space_->verify(), "");
    frames_->fail_nth(0);
    EXPECT_TRUE(entry(page(1)).is_writable());
    for (std::uint64_t i = 1; i < 4; ++i) EXPECT_EQ(peek(page(i)), i + 1);
  }
}

TEST_F(FileFaultTest, ProtectionOfSharedFilesKeepsCleanPagesNotified) {
  FakeObject& object = make_object(4);
  map_object(4, kReadWrite, MAP_SHARED);
  read_fault(page(0));
  poke(page(1), 1);
  ASSERT_TRUE(space_->protect(kBase, 4 * kPageSize, PROT_NONE));
  EXPECT_TRUE(entry(page(1)).is_prot_none());
  EXPECT_EQ(write_fault(page(1)), FaultOutcome::kNoAccess);
  ASSERT_TRUE(space_->protect(kBase, 4 * kPageSize, kReadWrite));
  EXPECT_FALSE(entry(page(0)).is_writable());
  EXPECT_TRUE(entry(page(1)).is_writable()) << "dirty already: nothing to be told";
  object.dirtied.clear();
  poke(page(0), 1);
  EXPECT_EQ(object.dirtied, (std::vector<std::uint64_t>{0}));
}

}  // namespace
}  // namespace gonzo::test
