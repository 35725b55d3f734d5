// What exec leaves of a thread's capabilities. Linux: cap_bprm_creds_from_file
// (security/commoncap.c).
#pragma once

namespace gonzo {

/// The calling host thread gives up what an exec of the host's would take from it; whether there
/// was something. What that would give back, a program that has given up some stays without.
bool leave_capabilities_at_exec();

}  // namespace gonzo
