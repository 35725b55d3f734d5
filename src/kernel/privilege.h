// What the host lets this process do beyond others. The guest's own privileges are these: it
// changes them for both.
#pragma once

namespace gonzo {

/// `capability`: CAP_* of <linux/capability.h>, below 64. Whether the calling thread has it in
/// effect.
bool has_capability(unsigned capability);

}  // namespace gonzo
