// Any file may be given to exec: it is refused with a reason, or mapped, and each page of what was
// mapped can be touched without harm to us.
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <sstream>
#include <string>

#include "fuzz/bytes_file.h"
#include "kernel/elf.h"
#include "kernel/elf_loader.h"
#include <gonzo/cache/page_cache.h>
#include <gonzo/mm/address_space.h>

namespace {

using namespace gonzo;

constexpr std::size_t kMemoryBytes = std::size_t{4} << 20;
constexpr std::uint64_t kMostTouched = 64;  // pages of each area

void expect_nothing(const std::string& wrong) {
  if (wrong.empty()) return;
  fmt::print(stderr, "{}\n", wrong);
  std::abort();
}

/// What an area has to give may be nothing (SIGBUS), but nothing else may go wrong.
void touch(AddressSpace& memory) {
  std::istringstream lines(memory.maps_text());
  for (std::string line; std::getline(lines, line);) {
    std::uint64_t start = 0, end = 0;
    char dash = 0;
    std::istringstream(line) >> std::hex >> start >> dash >> end;
    end = std::min(end, start + kMostTouched * kPageSize);
    for (VirtAddr at(start); at < VirtAddr(end); at += kPageSize) {
      for (const Access how : {Access::kRead, Access::kWrite, Access::kExecute}) {
        memory.fault(at, how);
      }
    }
  }
}

void load(AddressSpace& memory, const CachedFileRef& object, const ElfImage& image) {
  if (!check_elf_image(image, "fuzz")) return;
  const auto program = load_elf_program(memory, image, object, "fuzz");
  if (program) load_elf_interpreter(memory, image, object, program->bias, "fuzz");
  touch(memory);
  expect_nothing(memory.verify());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto file = std::make_shared<fuzz::BytesFile>(std::span(data, size));
  const auto image = parse_elf(*file, "fuzz");
  if (!image) {
    if (image.error().text.empty()) std::abort();
    return 0;
  }
  void* const memory =
      ::mmap(nullptr, kMemoryBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 0;
  {
    const auto frames =
        FrameAllocator::create({.memory = {static_cast<std::byte*>(memory), kMemoryBytes}}).value();
    {
      const auto manager = MemoryManager::create(*frames, {}).value();
      PageCache cache(*frames, {});
      NoTranslationCache translations;
      const auto space = AddressSpace::create(*manager, translations, {}).value();
      load(*space, cache.open(file).value(), *image);
    }
    expect_nothing(frames->check_all_free());
  }
  ::munmap(memory, kMemoryBytes);
  return 0;
}
