#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <regex>

#include "core/base/file.h"
#include "core/base/text.h"
#include "core/config/scalars.h"
#include "core/config/visit.h"

namespace inc::config {
namespace {

constexpr std::size_t kMaxPattern = 1000;

template <class T>
void read_into(const At& at, T& member, const Constraint& constraint);

class Reader {
 public:
  Reader(const Tree& map, std::string path, std::vector<NotHonoured>& not_honoured)
      : map_(map), path_(std::move(path)), not_honoured_(not_honoured) {}

  template <class T>
  void operator()(std::string_view name, T& member, std::string_view, const Constraint& constraint = {}) {
    known_.emplace_back(name);
    const Entry* entry = map_.find(name);
    if (entry == nullptr) return;
    read_into(At{entry->value, full(name), not_honoured_}, member, constraint);
  }

  void absent(std::string_view name, std::string_view why, std::string_view harmless) {
    if (const Entry* entry = given(name, harmless)) not_honoured_.push_back({full(name), std::string(why), entry->where});
  }

  void refused(std::string_view name, std::string_view why, std::string_view harmless) {
    if (const Entry* entry = given(name, harmless))
      fail_at(entry->where, fmt::format("{} is not supported: {}", full(name), why));
  }

  void check_unknown() const {
    for (const auto& entry : map_.entries) {
      const auto is = [&](const std::string& name) { return name == entry.key; };
      if (std::any_of(known_.begin(), known_.end(), is) || std::any_of(without_.begin(), without_.end(), is)) continue;
      const std::string guess = nearest(entry.key, known_);
      fail_at(entry.where,
              fmt::format("unknown key '{}' in {}; {}", entry.key.substr(0, 80), path_.empty() ? "the configuration" : path_,
                          guess.empty() ? "expected one of " + joined(known_) : "did you mean '" + guess + "'?"));
    }
  }

 private:
  std::string full(std::string_view name) const {
    return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
  }

  /// The entry of a key without a member, unless it changes nothing.
  const Entry* given(std::string_view name, std::string_view harmless) {
    without_.emplace_back(name);
    const Entry* entry = map_.find(name);
    return entry != nullptr && !is_harmless(entry->value, harmless) ? entry : nullptr;
  }

  const Tree& map_;
  std::string path_;
  std::vector<NotHonoured>& not_honoured_;
  std::vector<std::string> known_, without_;
};

template <Section T>
void read_section(const At& at, T& section) {
  if (at.tree.kind == Tree::Kind::Null) return;
  if (at.tree.kind != Tree::Kind::Map) fail_type(at, "a map");
  Reader reader(at.tree, at.path, at.not_honoured);
  fields(reader, section);
  reader.check_unknown();
}

void check_pattern(const Entry& entry, const std::string& path) {
  try {
    if (entry.key.size() > kMaxPattern)
      fail_at(entry.where, fmt::format("{}: the pattern is longer than {} characters", path, kMaxPattern));
    const std::regex pattern(entry.key);
  } catch (const std::regex_error& e) {
    fail_at(entry.where, fmt::format("{}: '{}' is not a regular expression: {}", path, entry.key, e.what()));
  }
}

RuleMap read_rules(const At& at, const Constraint& constraint) {
  RuleMap rules;
  if (at.tree.kind == Tree::Kind::Null) return rules;
  if (at.tree.kind != Tree::Kind::Map) fail_type(at, "a map");
  for (const auto& entry : at.tree.entries) {
    if (constraint.pattern_keys) check_pattern(entry, at.path);
    const std::string path = fmt::format("{}.{}", at.path, entry.key);
    read_section(At{entry.value, path, at.not_honoured}, rules.emplace_back(entry.key, OpRule{}).second);
  }
  return rules;
}

template <class T>
void read_into(const At& at, T& member, const Constraint& constraint) {
  if constexpr (kIsOptional<T>) {
    if (at.tree.kind == Tree::Kind::Null) return;
    read_into(at, member.emplace(), constraint);
  } else if constexpr (Section<T>) {
    read_section(at, member);
  } else if constexpr (std::is_same_v<T, bool>) {
    member = read_bool(at);
  } else if constexpr (std::is_same_v<T, std::int64_t>) {
    member = read_integer(at, constraint);
  } else if constexpr (std::is_same_v<T, double>) {
    member = read_number(at, constraint);
  } else if constexpr (std::is_same_v<T, std::string>) {
    member = read_text(at, constraint);
  } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    member = read_texts(at, constraint);
  } else if constexpr (std::is_same_v<T, std::vector<std::int64_t>>) {
    member = read_integers(at, constraint);
  } else if constexpr (std::is_same_v<T, std::vector<double>>) {
    member = read_numbers(at, constraint);
  } else if constexpr (std::is_same_v<T, std::vector<bool>>) {
    member = read_bools(at);
  } else if constexpr (std::is_same_v<T, Named>) {
    member = read_named(at);
  } else if constexpr (std::is_same_v<T, std::vector<Named>>) {
    member = read_named_list(at);
  } else {
    static_assert(std::is_same_v<T, RuleMap>);
    member = read_rules(at, constraint);
  }
  if constexpr (std::is_same_v<T, Dataloader>) member.where = at.tree.where;
}

/// Line and column of "file:line:column"; of an override, behind all lines.
std::pair<std::size_t, std::size_t> place_of(const std::string& where) {
  constexpr auto kBehind = std::numeric_limits<std::size_t>::max();
  const std::size_t column = where.rfind(':'), line = column == std::string::npos ? column : where.rfind(':', column - 1);
  if (where.starts_with("--set") || line == std::string::npos) return {kBehind, kBehind};
  return {std::strtoul(where.c_str() + line + 1, nullptr, 10), std::strtoul(where.c_str() + column + 1, nullptr, 10)};
}

/// Nothing, or what is wrong.
std::string fault(const MultiObjectives& several) {
  const std::size_t count = several.objective.size();
  if (count == 0) return "expected at least one objective, found none";
  if (!several.weight.empty() && several.weight.size() != count)
    return fmt::format("expected a weight for each of {} objectives, found {}", count, several.weight.size());
  if (!several.higher_is_better.empty() && several.higher_is_better.size() != count)
    return fmt::format("expected higher_is_better for each of {} objectives, found {}", count,
                       several.higher_is_better.size());
  const auto& weights = several.weight;
  if (!weights.empty() && std::all_of(weights.begin(), weights.end(), [](double weight) { return weight == 0; }))
    return "expected a weight above 0, found none";
  for (std::size_t i = 0; i < several.higher_is_better.size(); ++i)
    if (several.higher_is_better[i] && several.objective[i] != "accuracy")
      return fmt::format("expected higher_is_better False for {}, found True", several.objective[i]);
  return "";
}

void check_together(const Tree& root, const Config& config) {
  if (const auto& several = config.tuning.multi_objectives) {
    if (const std::string what = fault(*several); !what.empty())
      fail_at(root.find("tuning")->value.find("multi_objectives")->where, "tuning.multi_objectives: " + what);
  }
  const auto& criterion = config.tuning.accuracy_criterion;
  if (criterion.relative && criterion.absolute) {
    fail_at(root.find("tuning")->value.find("accuracy_criterion")->where,
            "tuning.accuracy_criterion: expected relative or absolute, found both");
  }
  if (config.graph_optimization && config.mixed_precision)
    fail_at(root.find("graph_optimization")->where,
            "graph_optimization is mixed_precision's older name: expected one, found both");
}

}  // namespace

Config read_config_text(const std::string& text, const std::filesystem::path& file, const std::vector<Override>& overrides) {
  Tree root = parse_tree(text, file.string());
  for (const auto& override : overrides) apply_override(root, override);
  Config config;
  config.file = file;
  const std::string path;
  if (root.kind != Tree::Kind::Null && root.kind != Tree::Kind::Map) fail_at(root.where, "expected a map of sections");
  read_section(At{root, path, config.not_honoured}, config);
  check_together(root, config);
  std::stable_sort(config.not_honoured.begin(), config.not_honoured.end(),
                   [](const auto& a, const auto& b) { return place_of(a.where) < place_of(b.where); });
  if (config.graph_optimization) config.mixed_precision = std::exchange(config.graph_optimization, std::nullopt);
  return config;
}

void require_honoured(const Config& config) {
  const auto& list = config.not_honoured;
  if (list.empty()) return;
  std::string text = fmt::format("{}: {} not honoured:", config.file.string(), list.size() == 1 ? "this is" : "these are");
  for (const NotHonoured& item : list) text += fmt::format("\n  {}: {}: {}", item.where, item.path, item.why);
  throw ConfigError(text);
}

Config read_config(const std::filesystem::path& file, const std::vector<Override>& overrides) {
  std::string text;
  try {
    if (std::filesystem::is_directory(file))
      throw ConfigError(fmt::format("cannot read '{}': it is a directory", file.string()));
    std::error_code unknown;
    const auto size = std::filesystem::file_size(file, unknown);
    if (!unknown && size > kMaxBytes) check_size(size, file.string());
    text = read_file(file);
  } catch (const DataError& e) {
    throw ConfigError(e.what());
  }
  return read_config_text(text, file, overrides);
}

}  // namespace inc::config
