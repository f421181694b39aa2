#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <cmath>

#include "core/config/expand.h"
#include "core/config/scalars.h"
#include "core/config/visit.h"

namespace inc::config {
namespace {

void put_text(YAML::Emitter& out, const std::string& text) {
  if (needs_quotes(text)) out << YAML::DoubleQuoted;
  out << escape_variables(text);
}

void put_number(YAML::Emitter& out, double value) {
  if (std::isnan(value)) {
    out << ".nan";
  } else if (std::isinf(value)) {
    out << (value > 0 ? ".inf" : "-.inf");
  } else {
    const std::string text = fmt::format("{}", value);
    out << (text.find_first_of(".e") == std::string::npos ? text + ".0" : text);
  }
}

void put_key(YAML::Emitter& out, const std::string& key) {
  out << YAML::Key;
  if (key == "<<" || needs_quotes(key)) out << YAML::DoubleQuoted;
  out << key << YAML::Value;
}

void begin_map(YAML::Emitter& out, bool empty) {
  if (empty) out << YAML::Flow;
  out << YAML::BeginMap;
}

void put_parameter(YAML::Emitter& out, const Parameter& parameter) {
  const auto put = [&](const auto& value) {
    using T = std::decay_t<decltype(value)>;
    if constexpr (std::is_same_v<T, std::monostate>) {
      out << YAML::Null;
    } else if constexpr (std::is_same_v<T, bool>) {
      out << (value ? "True" : "False");
    } else if constexpr (std::is_same_v<T, double>) {
      put_number(out, value);
    } else if constexpr (std::is_same_v<T, std::string>) {
      put_text(out, value);
    } else if constexpr (std::is_same_v<T, ParameterList>) {
      out << YAML::Flow << YAML::BeginSeq;
      for (const auto& item : value) put_parameter(out, item);
      out << YAML::EndSeq;
    } else if constexpr (std::is_same_v<T, ParameterMap>) {
      begin_map(out, value.empty());
      for (const auto& [key, item] : value) {
        put_key(out, key);
        put_parameter(out, item);
      }
      out << YAML::EndMap;
    } else {
      out << value;
    }
  };
  std::visit(put, parameter.value);
}

void put_named(YAML::Emitter& out, const std::vector<Named>& items) {
  begin_map(out, items.empty());
  for (const auto& item : items) {
    put_key(out, item.name);
    put_parameter(out, item.parameter);
  }
  out << YAML::EndMap;
}

template <class T>
void put(YAML::Emitter& out, T& member);

class Writer {
 public:
  explicit Writer(YAML::Emitter& out) : out_(out) {}

  template <class T>
  void operator()(std::string_view name, T& member, std::string_view, const Constraint& = {}) {
    if constexpr (kIsOptional<T>) {
      if (member) (*this)(name, *member, "");
    } else {
      out_ << YAML::Key << std::string(name) << YAML::Value;
      put(out_, member);
    }
  }
  void absent(std::string_view, std::string_view, std::string_view) {}
  void refused(std::string_view, std::string_view, std::string_view) {}

 private:
  YAML::Emitter& out_;
};

template <Section T>
void put_section(YAML::Emitter& out, T& section) {
  out << YAML::BeginMap;
  Writer writer(out);
  fields(writer, section);
  out << YAML::EndMap;
}

template <class T>
void put(YAML::Emitter& out, T& member) {
  if constexpr (Section<T>) {
    put_section(out, member);
  } else if constexpr (std::is_same_v<T, bool>) {
    out << (member ? "True" : "False");
  } else if constexpr (std::is_same_v<T, double>) {
    put_number(out, member);
  } else if constexpr (std::is_same_v<T, std::string>) {
    put_text(out, member);
  } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    out << YAML::Flow << YAML::BeginSeq;
    for (const auto& text : member) put_text(out, text);
    out << YAML::EndSeq;
  } else if constexpr (std::is_same_v<T, std::vector<std::int64_t>>) {
    out << YAML::Flow << member;
  } else if constexpr (std::is_same_v<T, std::vector<double>>) {
    out << YAML::Flow << YAML::BeginSeq;
    for (const double value : member) put_number(out, value);
    out << YAML::EndSeq;
  } else if constexpr (std::is_same_v<T, std::vector<bool>>) {
    out << YAML::Flow << YAML::BeginSeq;
    for (const bool value : member) out << (value ? "True" : "False");
    out << YAML::EndSeq;
  } else if constexpr (std::is_same_v<T, Named>) {
    put_named(out, {member});
  } else if constexpr (std::is_same_v<T, std::vector<Named>>) {
    put_named(out, member);
  } else if constexpr (std::is_same_v<T, RuleMap>) {
    begin_map(out, member.empty());
    for (auto& [key, rule] : member) {
      put_key(out, key);
      put_section(out, rule);
    }
    out << YAML::EndMap;
  } else {
    out << member;
  }
}

}  // namespace

std::string write_config(const Config& config) {
  Config copy = config;
  YAML::Emitter out;
  put_section(out, copy);
  return std::string(out.c_str()) + "\n";
}

}  // namespace inc::config
