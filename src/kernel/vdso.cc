#include "kernel/vdso.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "kernel/kernel_pages.h"
#include <gonzo/base/check.h>

extern "C" {
extern const std::byte gonzo_vdso_start[];
extern const std::byte gonzo_vdso_end[];
}

namespace gonzo {

std::span<const std::byte> Vdso::image() { return {gonzo_vdso_start, gonzo_vdso_end}; }

Result<std::unique_ptr<Vdso>> Vdso::create(FrameAllocator& frames, GuestTicks ticks) {
  std::unique_ptr<Vdso> made(new Vdso(ticks));
  GONZO_ASSIGN(const auto code, KernelPages::create(frames, GONZO_VDSO_PAGES));
  made->code_ = code;
  GONZO_CHECK(image().size() <= code->bytes().size());
  std::ranges::copy(image(), code->bytes().begin());

  GONZO_ASSIGN(const auto data, KernelPages::create(frames, 1));
  made->data_ = data;
  static_assert(sizeof(gonzo_clock_page) <= kPageSize);
  made->clock_ = std::make_unique<VdsoClock>(
      made->time_, *reinterpret_cast<gonzo_clock_page*>(data->bytes().data()));
  return made;
}

Vdso::~Vdso() = default;

/// The pages of [vvar] that we have no use for, and those of paravirtual clocks, are there to make
/// room: touching them is SIGBUS, as it is on Linux where they are not in use.
Result<VirtAddr> Vdso::map_into(AddressSpace& memory) const {
  using namespace vm_flags;
  constexpr std::uint64_t kData = kRead | kMayRead | kIo | kDontDump | kPfnMap;
  constexpr std::uint64_t kCode = kRead | kExec | kMayRead | kMayWrite | kMayExec;
  const std::array areas{
      SpecialArea{GONZO_VVAR_PAGES, kData, data_, "[vvar]"},
      SpecialArea{GONZO_VCLOCK_PAGES, kData, KernelPages::none(), "[vvar_vclock]"},
      SpecialArea{GONZO_VDSO_PAGES, kCode, code_, "[vdso]"},
  };
  GONZO_ASSIGN(const VirtAddr start, memory.map_special(VirtAddr(), areas));
  return start + (GONZO_VVAR_PAGES + GONZO_VCLOCK_PAGES) * kPageSize;
}

}  // namespace gonzo
