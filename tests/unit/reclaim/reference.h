// The policies once more, the plain way: by the page's identity, with the standard's containers,
// after the papers' pseudo-code.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include <gonzo/reclaim/reclaim_policy.h>

namespace gonzo {

/// Contents: never the same number for others, even at the same place.
using Page = std::uint64_t;

class Reference {
 public:
  using Harvest = FunctionRef<References(Page)>;

  virtual ~Reference() = default;
  /// Remembers by itself whether the page has been there before.
  virtual void added(Page page, PageKind kind) = 0;
  virtual void accessed(Page page) = 0;
  virtual void removed(Page page) = 0;
  /// Chooses a page and evicts it. None: the passes that select_at_any_price makes found none.
  virtual std::optional<Page> evict(SwapRoom swap, Harvest harvest) = 0;
};

/// Null: there is none for this name. Those of one list know nothing of SwapRoom.
std::unique_ptr<Reference> make_reference(std::string_view name);
std::unique_ptr<Reference> make_linux_reference();
std::unique_ptr<Reference> make_mglru_reference();

}  // namespace gonzo
