#include "app/allocators.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "core/base/text.h"

namespace inc::app {
namespace {

using Names = std::vector<std::string>;

void add(Names& all, const std::string& folder) {
  if (!folder.empty() && std::find(all.begin(), all.end(), folder) == all.end()) all.push_back(folder);
}

/// "include" lines name /etc/ld.so.conf.d/*.conf.
void add_configured(const Host& host, Names& all) {
  Names files{"/etc/ld.so.conf"};
  for (const std::string& name : host.entries("/etc/ld.so.conf.d"))
    if (name.ends_with(".conf")) files.push_back("/etc/ld.so.conf.d/" + name);
  for (const std::string& file : files)
    for (const std::string& line : host.lines(file))
      if (line.starts_with('/')) add(all, line.substr(0, line.find_first_of(" \t#")));
}

Names folders(const Host& host, const std::map<std::string, std::string>& variables) {
  Names all;
  if (const auto path = variables.find("LD_LIBRARY_PATH"); path != variables.end()) {
    std::istringstream parts(path->second);
    for (std::string part; std::getline(parts, part, ':');) add(all, part);
  }
  if (const auto conda = variables.find("CONDA_PREFIX"); conda != variables.end()) add(all, conda->second + "/lib");
  add_configured(host, all);
  for (const char* usual :
       {"/usr/local/lib", "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"})
    add(all, usual);
  return all;
}

}  // namespace

Known<std::string> find_allocator(const Host& host, const std::map<std::string, std::string>& variables,
                                  const std::string& name) {
  const Names all = folders(host, variables);
  const Names stems = name == "tcmalloc" ? Names{"libtcmalloc_minimal.so", "libtcmalloc.so"} : Names{"lib" + name + ".so"};
  for (const std::string& folder : all)
    for (const std::string& file : host.entries(folder))
      for (const std::string& stem : stems)
        if (file == stem || file.starts_with(stem + ".")) return folder + "/" + file;
  return Known<std::string>::unknown(fmt::format("lib{}.so: not in {}", name, joined(all)));
}

}  // namespace inc::app
