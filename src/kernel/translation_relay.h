// Joins an address space to the machine's space that is made from its page tables.
#pragma once

#include <gonzo/paging/translation_cache.h>

namespace gonzo {

/// An address space needs its translation cache at birth, a machine's space needs the page tables:
/// this stands between. Set up and taken down while nothing runs in the address space.
class TranslationRelay final : public TranslationCache {
 public:
  void connect(TranslationCache* target) { target_ = target; }
  void invalidate(AddressRange range, Stricter what) override {
    if (target_ != nullptr) target_->invalidate(range, what);
  }

 private:
  TranslationCache* target_ = nullptr;
};

}  // namespace gonzo
