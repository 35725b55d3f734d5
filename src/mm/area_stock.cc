#include "mm/area_stock.h"

#include <memory>
#include <utility>

#include "frame/object_memory.h"
#include <gonzo/base/check.h>

namespace gonzo {

AreaStock::~AreaStock() {
  while (count_ > 0) free_object(memory_[--count_], cache_);
}

Result<void> AreaStock::reserve(unsigned areas) {
  GONZO_CHECK(areas <= kMost);
  while (count_ < areas) {
    GONZO_ASSIGN(memory_[count_], allocate_object<Vma>(cache_));
    ++count_;
  }
  return {};
}

Vma& AreaStock::make(AddressRange range, VmaAttributes attributes) {
  GONZO_CHECK(count_ > 0);
  return *std::construct_at(memory_[--count_], range, std::move(attributes));
}

void AreaStock::destroy(Vma& vma) { end_object(&vma, cache_); }

}  // namespace gonzo
