// A name that a program gave to anonymous memory. Linux: struct anon_vma_name.
#pragma once

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <string>
#include <utility>

namespace gonzo {

/// Shared by the areas that one call named, and by their parts and copies.
class AreaName : public boost::intrusive_ref_counter<AreaName> {
 public:
  explicit AreaName(std::string text) : text_(std::move(text)) {}
  const std::string& text() const { return text_; }

 private:
  const std::string text_;
};

using AreaNameRef = boost::intrusive_ptr<const AreaName>;

/// Linux: anon_vma_name_eq.
inline bool same_name(const AreaNameRef& a, const AreaNameRef& b) {
  return a == b || (a != nullptr && b != nullptr && a->text() == b->text());
}

}  // namespace gonzo
