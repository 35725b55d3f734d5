// Page-table entries in words: the names of the Intel SDM (vol. 3A, 4.3-4.5) for their bits,
// Linux's for the levels.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <gonzo/paging/table_path.h>

namespace gonzo {

/// "4-level", "PAE" ...
std::string_view format_name(PagingFormat format);
/// "PGD" for the root, "PTE" for the last.
std::string_view level_name(PagingFormat format, unsigned level);
/// The bits that are set and have a meaning at that level, lowest first: "P", "R/W", "U/S" ... What
/// is no mapping is one word: "blank", "guard", "swap".
std::vector<std::string_view> entry_flags(PagingFormat format, const TableStep& step);
/// In hexadecimal, as wide as the format's entries.
std::string raw_text(PagingFormat format, Entry entry);

}  // namespace gonzo
