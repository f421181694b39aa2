#pragma once
// Memory allocators that can be preloaded.
#include <map>
#include <string>

#include "app/host.h"

namespace inc::app {

/// The library of "jemalloc" or "tcmalloc", where the loader would look for it: LD_LIBRARY_PATH, CONDA_PREFIX/lib, the
/// directories of /etc/ld.so.conf and the usual ones. The reason names all of them.
Known<std::string> find_allocator(const Host& host, const std::map<std::string, std::string>& variables,
                                  const std::string& name);

}  // namespace inc::app
