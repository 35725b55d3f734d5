// The vDSO of x86-64 programs: code of the kernel's that runs in user mode, and what it reads.
// Linux: arch/x86/entry/vdso/vma.c.
#pragma once

#include <memory>
#include <span>

#include "kernel/time_source.h"
#include "kernel/vdso_clock.h"
#include <gonzo/base/address.h>
#include <gonzo/base/result.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/mm/address_space.h>

namespace gonzo {

/// The frames that all processes share. Thread-safe.
class Vdso {
 public:
  /// `frames` outlives this. Guests that do not read the host's counter make the call. ENOMEM.
  static Result<std::unique_ptr<Vdso>> create(FrameAllocator& frames, GuestTicks ticks);
  ~Vdso();
  Vdso(const Vdso&) = delete;
  Vdso& operator=(const Vdso&) = delete;

  /// Adds [vvar], [vvar_vclock] and [vdso], where there is room. The address of the ELF header
  /// (AT_SYSINFO_EHDR). ENOMEM.
  Result<VirtAddr> map_into(AddressSpace& memory) const;
  VdsoClock& clock() { return *clock_; }

  /// The ELF image that the runner carries.
  static std::span<const std::byte> image();

 private:
  explicit Vdso(GuestTicks ticks) : time_(ticks) {}

  HostTime time_;
  ObjectRef code_, data_;
  std::unique_ptr<VdsoClock> clock_;
};

}  // namespace gonzo
