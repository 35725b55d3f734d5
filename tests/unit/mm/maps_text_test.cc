#include "unit/mm/contracts.h"

namespace gonzo::test {
namespace {

class NamedObject final : public MappedObject {
 public:
  explicit NamedObject(ObjectName name) : name_(std::move(name)) {}
  Result<ObjectPage> get_page(std::uint64_t, PageIntent) override { return fail(Errno::kFault); }
  void get_resident(std::uint64_t, std::span<Pfn>) override {}
  bool is_resident(std::uint64_t) override { return false; }
  void mark_dirty(std::uint64_t) override {}
  Result<void> sync(std::uint64_t, std::uint64_t) override { return {}; }
  ObjectName name() const override { return name_; }
  bool is_shmem() const override { return false; }

 private:
  ObjectName name_;
};

class MapsTextTest : public Contracts {
 protected:
  void map_file(VirtAddr at, std::uint64_t pages, int protection, std::uint64_t offset,
                ObjectName name) {
    must_map({.hint = at,
              .length = pages * kPageSize,
              .protection = protection,
              .flags = MAP_PRIVATE | MAP_FIXED,
              .object = ObjectRef(new NamedObject(std::move(name))),
              .offset = offset});
  }
};

// Lines of `setarch -R cat /proc/self/maps` under Linux 6.18.
TEST_F(MapsTextTest, AsLinuxWritesIt) {
  const ObjectName cat{.device_major = 0xfe, .inode = 247134, .path = "/usr/bin/cat"};
  map_file(VirtAddr(0x555555554000), 2, PROT_READ, 0, cat);
  map_file(VirtAddr(0x555555556000), 5, PROT_READ | PROT_EXEC, 0x2000, cat);
  space_->set_bounds({.start_brk = VirtAddr(0x555555560000),
                      .brk = VirtAddr(0x555555560000),
                      .start_stack = VirtAddr(0x7fffffffe000)});
  space_->brk(VirtAddr(0x555555581000));
  must_map({.hint = VirtAddr(0x7ffff7d50000),
            .length = 0x22000,
            .protection = kReadWrite,
            .flags = kPrivate | MAP_FIXED});
  const SpecialArea vdso{2, vm_flags::kRead | vm_flags::kExec, nullptr, "[vdso]"};
  ASSERT_TRUE(space_->map_special(VirtAddr(0x7ffff7fc8000), {&vdso, 1}));
  ASSERT_TRUE(space_->map_stack(VirtAddr(0x7ffffffff000), 0x21000, false));
  EXPECT_EQ(
      space_->maps_text(),
      "555555554000-555555556000 r--p 00000000 fe:00 247134                     /usr/bin/cat\n"
      "555555556000-55555555b000 r-xp 00002000 fe:00 247134                     /usr/bin/cat\n"
      "555555560000-555555581000 rw-p 00000000 00:00 0                          [heap]\n"
      "7ffff7d50000-7ffff7d72000 rw-p 00000000 00:00 0 \n"
      "7ffff7fc8000-7ffff7fca000 r-xp 00000000 00:00 0                          [vdso]\n"
      "7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]\n");
}

TEST_F(MapsTextTest, SharedAnonymousMemoryIsDevZero) {
  map(4, kReadWrite, kSharedAnonymous);
  EXPECT_EQ(space_->maps_text(),
            "10000000-10004000 rw-s 00000000 00:01 1                                  "
            "/dev/zero (deleted)\n");
}

TEST_F(MapsTextTest, NewlinesAreEscapedAndLongNumbersPushTheNameAside) {
  map_file(VirtAddr(0x7ffff7d50000), 1, PROT_READ, 0x123456789000,
           {.device_major = 0x103,
            .device_minor = 0xabcde,
            .inode = 1234567890123456789,
            .path = "/tmp/a\nb c"});
  EXPECT_EQ(space_->maps_text(),
            "7ffff7d50000-7ffff7d51000 r--p 123456789000 103:abcde 1234567890123456789  "
            "/tmp/a\\012b c\n");
}

TEST_F(MapsTextTest, ColumnsStayWhereTheyAreFor32Bits) {
  start({.space = {.format = PagingFormat::kClassic32}});
  ASSERT_TRUE(space_->map_stack(VirtAddr(0xc0000000), 0x21000, true));
  space_->set_bounds({.start_stack = VirtAddr(0xbffff000)});
  EXPECT_EQ(space_->maps_text(),
            "bffdf000-c0000000 rwxp 00000000 00:00 0                                  [stack]\n");
}

TEST_F(MapsTextTest, StackAreaGrowsDownAndIsCounted) {
  const VirtAddr top(0x7ffffffff000);
  ASSERT_TRUE(space_->map_stack(top, 0x21000, false));
  EXPECT_EQ(space_->counts().stack, 33U);
  EXPECT_EQ(write_fault(top - 0x30000), FaultOutcome::kMinor);
  EXPECT_EQ(space_->counts().stack, 48U);
  EXPECT_EQ(error(space_->map_stack(top, kPageSize, false)), Errno::kNoMem);
}

}  // namespace
}  // namespace gonzo::test
