#pragma once
// One search of several processes: rank 0 asks, records and decides when to stop; what it wants measured all measure
// together.
#include "core/base/ranks.h"
#include "core/search/search.h"

namespace inc::search {

/// For rank 0: every call makes the others do the same. `mine` is what each rank does.
Measures shared(const Ranks& ranks, Measures mine);
/// For rank 0, when nothing more is to be measured.
void dismiss(const Ranks& ranks);
/// For the others: measures what rank 0 wants until it dismisses them. Being interrupted ends one measure only.
void follow(const Ranks& ranks, const Measures& mine);

}  // namespace inc::search
