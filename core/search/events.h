#pragma once
// Events as lines of text: one JSON object each, with a checksum. Numbers come back as they were, to the last bit.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/search/search.h"

namespace inc::search {

/// What a run is about, as names and texts in a fixed order: everything that decides what its trials are and how they end.
struct RunIdentity {
  std::vector<std::pair<std::string, std::string>> facts;
  bool operator==(const RunIdentity&) const = default;
  /// nullptr where there is no such fact.
  const std::string* find(std::string_view name) const noexcept;
};

/// What differs, for people: "model_hash: 12 there, 34 here"; of texts of several lines the first lines that differ. Empty
/// when nothing does.
std::string difference(const RunIdentity& there, const RunIdentity& here);

using Event = std::variant<RunIdentity, Observation, Sensitivity>;

/// One line, its end included: {"event":{"kind":"run" | "trial" | "sensitivity",…},"check":"…"}. Bytes of a text that are
/// not UTF-8 are replaced.
std::string line_of(const Event& event);
/// Nothing when the line, given without its end, is damaged or no such event.
std::optional<Event> event_of(std::string_view line);

}  // namespace inc::search
