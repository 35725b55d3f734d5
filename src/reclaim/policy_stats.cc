#include <gonzo/reclaim/policy_stats.h>

namespace gonzo {

void PolicyStats::for_each(Visitor visit) const {
  visit("nr_inactive_anon", nr_inactive.anon);
  visit("nr_active_anon", nr_active.anon);
  visit("nr_inactive_file", nr_inactive.file);
  visit("nr_active_file", nr_active.file);
  visit("nr_isolated_anon", nr_isolated.anon);
  visit("nr_isolated_file", nr_isolated.file);
  visit("workingset_refault_anon", workingset_refault.anon);
  visit("workingset_refault_file", workingset_refault.file);
  visit("workingset_activate_anon", workingset_activate.anon);
  visit("workingset_activate_file", workingset_activate.file);
  visit("workingset_restore_anon", workingset_restore.anon);
  visit("workingset_restore_file", workingset_restore.file);
  visit("pgactivate", pgactivate);
  visit("pgdeactivate", pgdeactivate);
  visit("pgrefill", pgrefill.total());
  visit("pgscan_anon", pgscan.anon);
  visit("pgscan_file", pgscan.file);
  visit("pgsteal_anon", pgsteal.anon);
  visit("pgsteal_file", pgsteal.file);
  visit("pgrotated", pgrotated);
}

}  // namespace gonzo
