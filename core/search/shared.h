#pragma once
// One search of several processes: rank 0 asks, records and decides when to stop; what it wants measured all measure
// together, or several trials each in a process of its own (ahead.h).
#include "core/base/ranks.h"
#include "core/search/search.h"

namespace inc::search {

/// What each rank does: with the others, or a whole trial by itself, which gives the same but for times.
struct Part {
  Measures together;
  Evaluate alone = {};
};

/// For rank 0: every call makes the others do the same.
Measures shared(const Ranks& ranks, Part mine);
/// For rank 0, when nothing more is to be measured.
void dismiss(const Ranks& ranks);
/// For the others: measures what rank 0 wants until it dismisses them. Being interrupted ends one measure only.
void follow(const Ranks& ranks, const Part& mine);

}  // namespace inc::search
