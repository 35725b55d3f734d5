// The rows of the tables of figures.
#pragma once
#include <array>

namespace gonzo::bench {

struct Row {
  const char* name;  ///< as guest_ops and core_bench print it
  const char* text;
};

constexpr std::array kOperations = std::to_array<Row>({
    {"touch_fresh", "first touch in order, never-used frames, a page"},
    {"touch_recycled", "first touch in order, recycled frames, a page"},
    {"touch_one_thread", "the same by one thread of several"},
    {"touch_two_threads", "the same by two threads at once"},
    {"touch_random", "first touch at random, 256 MiB, a page"},
    {"zero_page_read", "first read (zero page), a page"},
    {"file_private_read", "cached private file, read, a page"},
    {"cow_fault", "copy on write by a child, a page"},
    {"write_after_fork", "write after a fork whose child has ended, a page"},
    {"read_after_fork", "read after such a fork, a page"},
    {"map_unmap", "mmap + munmap of 64 KiB"},
    {"map_among_1000", "the same among 1,000 areas"},
    {"map_among_100000", "the same among 100,000 areas"},
    {"map_among_1000000", "the same among 1,000,000 areas"},
    {"protect_middle", "mprotect in the middle, and back"},
    {"brk_up_down", "brk up and down by 64 KiB"},
    {"remap_grow", "mremap of 64 KiB in place to 128, and back"},
    {"remap_move", "mremap of 64 KiB to another place, and back"},
    {"dont_need", "write 64 KiB, a page a fault, and DONTNEED it"},
    {"lock_unlock", "mlock and munlock of 64 KiB that are there"},
    {"lock_fresh", "mlock of 64 KiB that are not there yet"},
    {"find_10", "find among 10 areas (guest: madvise)"},
    {"find_1000", "find among 1,000 areas"},
    {"find_50000", "find among 50,000 areas"},
    {"find_100000", "find among 100,000 areas"},
    {"fork_1", "fork, 1 MiB resident"},
    {"fork_64", "fork, 64 MiB resident"},
    {"fork_1024", "fork, 1 GiB resident"},
    {"fork_written", "fork, 1 GiB, all written to since the last"},
    {"process_1", "fork + exit + wait, 1 MiB resident"},
    {"process_64", "fork + exit + wait, 64 MiB resident"},
    {"thread_create_join", "thread: create, exit, join"},
    {"pipe_ping_pong", "a byte to another process and back (pipes)"},
    {"signal_self", "kill(self), handler, sigreturn"},
    {"segv_protect", "mprotect, SIGSEGV, handler's mprotect, return"},
    {"read_clock", "clock_gettime"},
    {"null_syscall", "null system call"},
});

}  // namespace gonzo::bench
