// What the user who runs the guest may do beyond others.
#pragma once

namespace gonzo {

/// CAP_SYS_ADMIN is effective.
bool may_administer();

}  // namespace gonzo
