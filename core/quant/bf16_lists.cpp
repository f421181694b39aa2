#include <fmt/format.h>

#include <cstdlib>

#include "core/base/text.h"
#include "core/quant/bf16.h"

namespace inc::quant {
namespace {

using ops::Bf16Policy;

std::vector<std::string> list_of(const char* variable) {
  std::vector<std::string> out;
  const char* text = std::getenv(variable);
  std::string word;
  for (const char* c = text == nullptr ? "" : text;; ++c) {
    if (*c != ',' && *c != '\0') {
      if (*c != ' ') word += *c;
      continue;
    }
    if (!word.empty()) out.push_back(std::move(word));
    word.clear();
    if (*c == '\0') return out;
  }
}

std::vector<std::string> operator_types() {
  std::vector<std::string> out;
  for (const auto& row : ops::table())
    if (row.report_as.empty()) out.emplace_back(row.name);
  return out;
}

Bf16Policy table_policy(const std::string& op) {
  const ops::OpInfo* row = ops::find(op);
  if (row == nullptr || !row->report_as.empty())
    throw ConfigError(
        fmt::format("BF16 lists: operator type '{}' found, an ONNX operator type that is executed here expected{}", op,
                    did_you_mean(op, operator_types())));
  return row->bf16;
}

}  // namespace

Bf16Lists lists_from_environment() {
  return {list_of("INC_BF16_ALLOWLIST_ADD"),    list_of("INC_BF16_ALLOWLIST_REMOVE"), list_of("INC_BF16_INFERLIST_ADD"),
          list_of("INC_BF16_INFERLIST_REMOVE"), list_of("INC_BF16_DENYLIST_ADD"),     list_of("INC_BF16_DENYLIST_REMOVE")};
}

Bf16Policies& Bf16Policies::change(const Bf16Lists& lists) {
  auto next = changed_;
  const auto remove = [&](const std::vector<std::string>& names, Bf16Policy from, Bf16Policy to) {
    for (const std::string& op : names) {
      const Bf16Policy listed = table_policy(op);
      const auto known = changed_.find(op);
      if ((known == changed_.end() ? listed : known->second) == from) next.insert_or_assign(op, to);
    }
  };
  remove(lists.allow_remove, Bf16Policy::Allow, Bf16Policy::Deny);
  remove(lists.infer_remove, Bf16Policy::Infer, Bf16Policy::Deny);
  remove(lists.deny_remove, Bf16Policy::Deny, Bf16Policy::Infer);
  std::map<std::string, std::string_view> added;
  const auto add = [&](const std::vector<std::string>& names, Bf16Policy to, std::string_view list) {
    for (const std::string& op : names) {
      table_policy(op);
      const auto [other, fresh] = added.emplace(op, list);
      if (!fresh && other->second != list)
        throw ConfigError(
            fmt::format("BF16 lists: {} is added to the {} list and to the {} list, one expected", op, other->second, list));
      next.insert_or_assign(op, to);
    }
  };
  add(lists.allow_add, Bf16Policy::Allow, "allow");
  add(lists.infer_add, Bf16Policy::Infer, "infer");
  add(lists.deny_add, Bf16Policy::Deny, "deny");
  changed_ = std::move(next);
  return *this;
}

Bf16Policies& Bf16Policies::deny(const std::set<ir::NodeId>& nodes) {
  denied_.insert(nodes.begin(), nodes.end());
  return *this;
}

Bf16Policy Bf16Policies::of(const ir::Node& node) const {
  if (denied(node)) return Bf16Policy::Deny;
  const auto changed = changed_.find(ops::reported_type(node));
  if (changed != changed_.end()) return changed->second;
  const ops::OpInfo* row = ops::find(node.op);
  return row == nullptr ? Bf16Policy::Deny : row->bf16;
}

}  // namespace inc::quant
