#pragma once
// Where OpenMP binds its threads.
#include <vector>

namespace inc {

/// The CPUs of all places, sorted; empty where threads are not bound (OMP_PROC_BIND, OMP_PLACES, GOMP_CPU_AFFINITY). The
/// runtime binds the first thread to the first place when it is loaded: the affinity mask of this process then says less
/// than it may use.
std::vector<int> openmp_places();

}  // namespace inc
