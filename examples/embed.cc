// An address space without a machine: what an emulator embeds. Maps memory, faults it in, forks,
// and looks at both sides.
#include <fmt/format.h>
#include <linux/mman.h>
#include <sys/mman.h>

#include <cstdlib>
#include <span>

#include <gonzo/mm/address_space.h>

using namespace gonzo;

namespace {

Result<void> show() {
  // Guest-physical memory is whatever the embedder has: here 64 MiB of its own.
  constexpr std::size_t kBytes = std::size_t{64} << 20;
  void* host = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (host == MAP_FAILED) return fail_from_host();
  const std::span memory(static_cast<std::byte*>(host), kBytes);

  GONZO_ASSIGN(const auto frames, FrameAllocator::create({.memory = memory}));
  GONZO_ASSIGN(const auto manager, MemoryManager::create(*frames, {}));
  NoTranslationCache cache;  // an emulator's software TLB would be told here what to forget
  GONZO_ASSIGN(const auto parent, AddressSpace::create(*manager, cache, {}));

  GONZO_ASSIGN(const VirtAddr start, parent->map({.length = 4 * kPageSize,
                                                  .protection = PROT_READ | PROT_WRITE,
                                                  .flags = MAP_PRIVATE | MAP_ANONYMOUS}));
  GONZO_TRY(parent->store(start, 42));  // the kernel's access; a guest's own would call fault()
  {
    GONZO_ASSIGN(const auto child, parent->fork(cache));
    GONZO_TRY(child->store(start, 7));  // copy on write
    GONZO_ASSIGN(const int ours, parent->load<int>(start));
    GONZO_ASSIGN(const int theirs, child->load<int>(start));
    fmt::print("parent {}, child {}, resident {} and {} pages\n", ours, theirs,
               parent->counts().rss(), child->counts().rss());
  }
  // A real x86 entry, as a processor would read it.
  const Entry entry = parent->page_table().find(start).load();
  fmt::print("{}page table root: frame {:#x}; entry {:#x}: frame {:#x}\n", parent->maps_text(),
             parent->page_table().root().value, entry.raw(), entry.pfn().value);
  return {};
}

}  // namespace

int main() {
  const Result<void> result = show();
  if (!result) fmt::print(stderr, "embed: {}\n", errno_text(result.error()));
  return result ? EXIT_SUCCESS : EXIT_FAILURE;
}
