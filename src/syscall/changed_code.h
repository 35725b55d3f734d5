// Files whose pages somebody executes, written to around their mappings.
#pragma once

#include <gonzo/cache/cached_file.h>
#include <gonzo/mm/memory_manager.h>

namespace gonzo {

/// The kernel has changed these bytes in the file's pages. Those that a translator may have made
/// code of leave the page tables: the next fetch maps them anew, and then the machine is told.
/// Linux: flush_dcache_page, for processors whose instruction cache does not see stores. Not under
/// the lock of an address space.
void follow_code(MemoryManager& manager, CachedFile& file, ByteRange changed);

}  // namespace gonzo
