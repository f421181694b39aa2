#include "core/search/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/log.h"

namespace inc::search {
namespace {

using Json = nlohmann::ordered_json;

std::string checksum(const std::string& text) {
  return Hash64().add(std::string_view(text)).hex();
}

/// {"event":…,"check":"…"}: the checksum is over the line without it.
std::string sealed(const Json& event) {
  const std::string body = event.dump(-1, ' ', false, Json::error_handler_t::replace);
  return Json{{"event", event}, {"check", checksum(body)}}.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::optional<Json> unsealed(std::string_view line) {
  const Json whole = Json::parse(line, nullptr, false);
  if (!whole.is_object() || !whole.contains("event") || !whole.contains("check") || !whole["check"].is_string())
    return std::nullopt;
  if (checksum(whole["event"].dump()) != whole["check"].get<std::string>()) return std::nullopt;
  return whole["event"];
}

/// JSON knows no NaN and no infinity: texts.
Json number(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

double number_from(const Json& json) {
  if (!json.is_string()) return json.get<double>();
  const auto& text = json.get_ref<const std::string&>();
  return text == "nan" ? std::nan("") : text == "inf" ? HUGE_VAL : -HUGE_VAL;
}

Json to_json(const RunIdentity& id) {
  return {{"kind", "run"},
          {"model_hash", id.model_hash},
          {"data_hash", id.data_hash},
          {"space_hash", id.space_hash},
          {"strategy", id.strategy},
          {"version", id.version},
          {"seed", id.seed}};
}

Json to_json(const Observation& seen) {
  return {{"kind", "trial"},
          {"point", seen.point},
          {"failed", seen.state == TrialState::Failed},
          {"accuracy", number(seen.accuracy)},
          {"accuracy_low", number(seen.accuracy_low)},
          {"accuracy_high", number(seen.accuracy_high)},
          {"loss", number(seen.loss)},
          {"met", seen.met},
          {"cost", number(seen.cost)},
          {"latency_ms", number(seen.latency_ms)},
          {"model_bytes", number(seen.model_bytes)},
          {"footprint_bytes", number(seen.footprint_bytes)},
          {"seconds", number(seen.seconds)},
          {"full_evaluations", number(seen.full_evaluations)},
          {"divergence", number(seen.divergence)},
          {"why_failed", seen.why_failed}};
}

Observation observation_from(const Json& json) {
  Observation seen;
  seen.point = json.at("point").get<Point>();
  seen.state = json.at("failed").get<bool>() ? TrialState::Failed : TrialState::Complete;
  seen.accuracy = number_from(json.at("accuracy"));
  seen.accuracy_low = number_from(json.at("accuracy_low"));
  seen.accuracy_high = number_from(json.at("accuracy_high"));
  seen.loss = number_from(json.at("loss"));
  seen.met = json.at("met").get<bool>();
  seen.cost = number_from(json.at("cost"));
  seen.latency_ms = number_from(json.at("latency_ms"));
  seen.model_bytes = number_from(json.at("model_bytes"));
  seen.footprint_bytes = number_from(json.at("footprint_bytes"));
  seen.seconds = number_from(json.at("seconds"));
  seen.full_evaluations = number_from(json.at("full_evaluations"));
  seen.divergence = number_from(json.at("divergence"));
  seen.why_failed = json.at("why_failed").get<std::string>();
  return seen;
}

void check_identity(const Json& found, const RunIdentity& identity, const std::filesystem::path& path) {
  const Json wanted = to_json(identity);
  for (const auto& [key, value] : wanted.items())
    if (!found.contains(key) || found[key] != value)
      throw ConfigError(fmt::format("cannot resume from '{}': its {} is {}, this run's is {}", path.string(), key,
                                    found.contains(key) ? found[key].dump() : "missing", value.dump()));
}

void append_line(const std::filesystem::path& path, std::string_view line, int extra_flags) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | extra_flags, 0644);
  if (fd < 0) throw BackendError(fmt::format("cannot open journal '{}': {}", path.string(), std::strerror(errno)));
  std::string why;
  while (!line.empty() && why.empty()) {
    const ssize_t n = ::write(fd, line.data(), line.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0)
      why = std::strerror(errno);
    else
      line.remove_prefix(static_cast<std::size_t>(n));
  }
  if (why.empty() && ::fsync(fd) != 0 && errno != EINVAL) why = std::strerror(errno);
  ::close(fd);
  if (!why.empty()) throw BackendError(fmt::format("cannot write journal '{}': {}", path.string(), why));
}

}  // namespace

Journal Journal::create(const std::filesystem::path& path, const RunIdentity& identity) {
  append_line(path, sealed(to_json(identity)), O_TRUNC);
  return Journal(path);
}

Journal Journal::resume(const std::filesystem::path& path, const RunIdentity& identity, History& history) {
  const std::string text = read_file(path);
  std::size_t good = 0, line_number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    const bool last = end == std::string::npos || end + 1 == text.size();
    const auto event = unsealed(std::string_view(text).substr(begin, end == std::string::npos ? end : end - begin));
    ++line_number;
    if (end == std::string::npos || !event) {
      if (!last) throw ConfigError(fmt::format("journal '{}': line {} is damaged", path.string(), line_number));
      log::warning(fmt::format("journal '{}': dropped its torn last line", path.string()));
      break;
    }
    if (line_number == 1)
      check_identity(*event, identity, path);
    else
      history.push(observation_from(*event));
    good = begin = end + 1;
  }
  if (good == 0) return create(path, identity);
  if (good < text.size() && ::truncate(path.c_str(), static_cast<off_t>(good)) != 0)
    throw BackendError(fmt::format("cannot truncate journal '{}': {}", path.string(), std::strerror(errno)));
  return Journal(path);
}

void Journal::append(const Observation& observation) {
  append_line(path_, sealed(to_json(observation)), 0);
}

}  // namespace inc::search
