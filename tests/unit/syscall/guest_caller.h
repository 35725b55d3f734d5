// A guest without a program: its memory, its descriptors, and its system calls.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <concepts>
#include <memory>
#include <string>
#include <string_view>

#include "syscall/syscalls.h"
#include "unit/kernel/fake_thread.h"
#include "unit/kernel/soft_world.h"

namespace gonzo {

class GuestCaller {
 public:
  GuestCaller() : task_(&world_.start(std::make_unique<FakeThread>())) {
    auto made = Syscalls::create(nullptr);
    EXPECT_TRUE(made.has_value());
    syscalls_ = std::move(*made);
  }

  Task& task() { return *task_; }
  AddressSpace& memory() { return world_.memory(); }
  FileTable& files() { return world_.process().files(); }
  Syscalls& syscalls() { return *syscalls_; }

  template <typename... Argument>
  std::int64_t call(std::uint64_t number, Argument... arguments) {
    return syscalls_->answer(*task_, number, {raw_value(arguments)...});
  }

  VirtAddr map(std::uint64_t pages, int protection = PROT_READ | PROT_WRITE) {
    const auto at = memory().map({.length = pages * kPageSize,
                                  .protection = protection,
                                  .flags = MAP_PRIVATE | MAP_ANONYMOUS});
    EXPECT_TRUE(at.has_value());
    return *at;
  }
  /// `pages` that are there, and one after them that is not.
  VirtAddr map_before_hole(std::uint64_t pages) {
    const VirtAddr at = map(pages + 1);
    EXPECT_TRUE(memory().unmap(at + pages * kPageSize, kPageSize).has_value());
    return at;
  }
  VirtAddr put(std::string_view text) {
    const VirtAddr at = map(page_ceil(text.size() + 1) / kPageSize);
    write(at, text);
    return at;
  }
  void write(VirtAddr at, std::string_view text) {
    EXPECT_TRUE(memory().copy_out(at, std::as_bytes(std::span(text))).has_value());
  }
  std::string text(VirtAddr at, std::size_t size) {
    std::string result(size, '\0');
    EXPECT_TRUE(memory().copy_in(std::as_writable_bytes(std::span(result)), at).has_value());
    return result;
  }
  template <typename T>
  T load(VirtAddr at) {
    const auto value = memory().load<T>(at);
    EXPECT_TRUE(value.has_value());
    return value.value_or(T{});
  }
  std::uint64_t resident() { return memory().counts().rss(); }

  /// A guest descriptor of a host file.
  int open(const char* path, int flags = O_RDONLY) {
    return adopt(::open(path, flags | O_CLOEXEC));
  }
  int adopt(int host_fd) {
    EXPECT_GE(host_fd, 0);
    const auto fd = files().insert(std::make_shared<OpenFile>(host_fd), CloseOnExec::kNo);
    EXPECT_TRUE(fd.has_value());
    return fd.value_or(-1);
  }
  int adopt_at(int host_fd, int number) {
    EXPECT_TRUE(files()
                    .insert_at(number, std::make_shared<OpenFile>(host_fd), CloseOnExec::kNo)
                    .has_value());
    return number;
  }

 private:
  static std::uint64_t raw_value(VirtAddr address) { return address.value; }
  template <typename Integer>
    requires std::convertible_to<Integer, long>
  static std::uint64_t raw_value(Integer value) {
    return static_cast<std::uint64_t>(value);
  }

  SoftWorld world_;
  Task* task_;
  std::unique_ptr<Syscalls> syscalls_;
};

inline constexpr VirtAddr kUnmapped{0x1000'0000};

}  // namespace gonzo
