#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <typeindex>

#include "core/config/visit.h"

namespace inc::config {
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string> accepted(const Constraint& c) {
  std::vector<std::string> values;
  for (const auto& choice : c.choices) {
    if (choice.refusal.empty() && choice.instead.empty()) values.emplace_back(choice.value);
  }
  return values;
}

std::string cell(std::string text) {
  for (std::size_t i = 0; (i = text.find('|', i)) != std::string::npos; i += 2) text.replace(i, 1, "\\|");
  return text;
}

std::string constraint_text(const Constraint& c) {
  std::string text;
  for (const auto& value : accepted(c)) text += (text.empty() ? "`" : ", `") + value + "`";
  if (!text.empty()) return text;
  if (std::isinf(c.min)) return "";
  if (c.min == c.max) return fmt::format("{}", c.min);
  return std::isinf(c.max) ? fmt::format("{} {}", c.above_min ? ">" : "≥", c.min) : fmt::format("{} … {}", c.min, c.max);
}

template <class T>
std::string type_name() {
  if constexpr (kIsOptional<T>)
    return type_name<typename T::value_type>();
  else if constexpr (std::is_same_v<T, bool>)
    return "bool";
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return "integer";
  else if constexpr (std::is_same_v<T, double>)
    return "number";
  else if constexpr (std::is_same_v<T, std::string>)
    return "text";
  else if constexpr (std::is_same_v<T, std::vector<std::string>>)
    return "list of texts";
  else if constexpr (std::is_same_v<T, std::vector<std::int64_t>>)
    return "list of integers";
  else if constexpr (std::is_same_v<T, std::vector<double>>)
    return "list of numbers";
  else if constexpr (std::is_same_v<T, std::vector<bool>>)
    return "list of bools";
  else if constexpr (std::is_same_v<T, Named>)
    return "name: parameters";
  else if constexpr (std::is_same_v<T, std::vector<Named>>)
    return "names: parameters";
  else if constexpr (std::is_same_v<T, RuleMap>)
    return "map of rules";
  else
    return "section";
}

template <class T>
std::string default_text(const T& value) {
  if constexpr (kIsOptional<T>)
    return "";
  else if constexpr (std::is_same_v<T, bool>)
    return value ? "True" : "False";
  else if constexpr (std::is_arithmetic_v<T>)
    return fmt::format("{}", value);
  else if constexpr (std::is_same_v<T, std::string>)
    return value;
  else if constexpr (std::is_same_v<T, std::vector<std::int64_t>>)
    return fmt::format("[{}]", fmt::join(value, ", "));
  else
    return "";
}

/// One table per section; a section type met again is referred to.
class MarkdownVisitor {
 public:
  explicit MarkdownVisitor(std::string path = {}, std::map<std::type_index, std::string>* seen = nullptr)
      : path_(std::move(path)), seen_(seen) {}

  template <class T>
  void operator()(std::string_view name, T& member, std::string_view doc, const Constraint& constraint = {}) {
    const std::string path = path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
    std::string note(doc);
    if constexpr (kIsOptional<T>) {
      if constexpr (Section<typename T::value_type>) {
        typename T::value_type value;
        note += descend(path, value);
      }
    } else if constexpr (Section<T>) {
      note += descend(path, member);
    } else if constexpr (std::is_same_v<T, RuleMap>) {
      OpRule rule;
      note += descend(path + ".<key>", rule);
    }
    const std::string text = default_text(member);
    rows_ += fmt::format("| `{}` | {} | {} | {} | {} |\n", name, type_name<T>(), text.empty() ? "" : "`" + text + "`",
                         constraint_text(constraint), cell(note));
    for (const auto& choice : constraint.choices) {
      if (choice.refusal.empty()) continue;
      if (choice.instead.empty())
        refused_ += fmt::format("- `{}: {}`: {}\n", name, choice.value, choice.refusal);
      else
        absent_ += fmt::format("- `{}: {}`: `{}` is used: {}\n", name, choice.value, choice.instead, choice.refusal);
    }
  }

  void absent(std::string_view name, std::string_view why, std::string_view harmless) {
    absent_ += item(name, why, harmless);
  }
  void refused(std::string_view name, std::string_view why, std::string_view harmless) {
    refused_ += item(name, why, harmless);
  }

  std::string text() const {
    std::string page = fmt::format("\n## {}\n\n", path_.empty() ? "Top level" : "`" + path_ + "`");
    if (!rows_.empty()) page += "| key | type | default | values | meaning |\n|---|---|---|---|---|\n" + rows_ + "\n";
    if (!absent_.empty()) page += "Not honoured:\n\n" + absent_ + (refused_.empty() ? "" : "\n");
    if (!refused_.empty()) page += "Errors:\n\n" + refused_;
    return page + below_;
  }

 private:
  template <Section T>
  std::string descend(const std::string& path, T& section) {
    const auto [it, fresh] = seen_->emplace(typeid(T), path);
    if (!fresh) return fmt::format(" (as `{}`)", it->second);
    MarkdownVisitor inner(path, seen_);
    fields(inner, section);
    below_ += inner.text();
    return "";
  }

  static std::string item(std::string_view name, std::string_view why, std::string_view harmless) {
    return fmt::format("- `{}`{}: {}\n", name, harmless.empty() ? "" : fmt::format(" (other than {})", harmless), why);
  }

  std::string path_, rows_, absent_, refused_, below_;
  std::map<std::type_index, std::string>* seen_;
};

template <class T>
Json schema_of(T& member, const Constraint& constraint);

class JsonVisitor {
 public:
  template <class T>
  void operator()(std::string_view name, T& member, std::string_view doc, const Constraint& constraint = {}) {
    Json schema = schema_of(member, constraint);
    schema["description"] = doc;
    for (const auto& choice : constraint.choices) {
      const char* kind = choice.refusal.empty() ? "same" : choice.instead.empty() ? "refused" : "not_honoured";
      if (!choice.refusal.empty() || !choice.instead.empty())
        schema["x-values"][kind][std::string(choice.value)] =
            choice.refusal.empty()   ? fmt::format("{}", choice.instead)
            : choice.instead.empty() ? std::string(choice.refusal)
                                     : fmt::format("{} is used: {}", choice.instead, choice.refusal);
    }
    properties_[std::string(name)] = std::move(schema);
  }
  void absent(std::string_view name, std::string_view why, std::string_view harmless) {
    properties_[std::string(name)] = {{"description", fmt::format("Not honoured: {}", why)}};
    if (!harmless.empty()) properties_[std::string(name)]["default"] = json_of(harmless);
  }
  void refused(std::string_view name, std::string_view why, std::string_view harmless) {
    Json values = {nullptr};
    if (!harmless.empty()) values.push_back(json_of(harmless));
    properties_[std::string(name)] = {{"description", fmt::format("Refused: {}", why)}, {"enum", std::move(values)}};
  }
  Json schema() const {
    return {{"type", {"object", "null"}}, {"properties", properties_}, {"additionalProperties", false}};
  }

 private:
  static Json json_of(std::string_view text) { return Json::accept(text) ? Json::parse(text) : Json(text); }

  Json properties_ = Json::object();
};

template <Section T>
Json section_schema(T& section) {
  JsonVisitor visitor;
  fields(visitor, section);
  return visitor.schema();
}

Json number_schema(const char* type, const Constraint& c) {
  Json schema = {{"type", type}};
  if (!std::isinf(c.min)) schema[c.above_min ? "exclusiveMinimum" : "minimum"] = c.min;
  if (!std::isinf(c.max)) schema["maximum"] = c.max;
  if (!c.percent) return schema;
  return {{"anyOf", {schema, {{"type", "string"}, {"pattern", "^[0-9.]+ *%?$"}}}}};
}

Json text_schema(const Constraint& c) {
  Json schema = {{"type", "string"}};
  for (const auto& choice : c.choices) {
    if (choice.accepted()) schema["enum"].push_back(choice.value);
  }
  return schema;
}

Json list_schema(const Json& item, const Json& alone) {
  return {{"anyOf", {{{"type", "array"}, {"items", item}}, {{"type", "string"}}, alone}}};
}

template <class T>
Json schema_of(T& member, const Constraint& c) {
  if constexpr (kIsOptional<T>) {
    typename T::value_type value{};
    return schema_of(value, c);
  } else if constexpr (Section<T>) {
    return section_schema(member);
  } else if constexpr (std::is_same_v<T, RuleMap>) {
    OpRule rule;
    return {{"type", {"object", "null"}}, {"additionalProperties", section_schema(rule)}};
  } else if constexpr (std::is_same_v<T, bool>) {
    return {{"type", "boolean"}, {"default", member}};
  } else if constexpr (std::is_same_v<T, std::int64_t>) {
    return number_schema("integer", c);
  } else if constexpr (std::is_same_v<T, double>) {
    return number_schema("number", c);
  } else if constexpr (std::is_same_v<T, std::string>) {
    return text_schema(c);
  } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    return list_schema(text_schema(c), {{"type", "null"}});
  } else if constexpr (std::is_same_v<T, std::vector<std::int64_t>>) {
    return list_schema(number_schema("integer", c), number_schema("integer", c));
  } else if constexpr (std::is_same_v<T, std::vector<double>>) {
    return list_schema(number_schema("number", c), number_schema("number", c));
  } else if constexpr (std::is_same_v<T, std::vector<bool>>) {
    return list_schema({{"type", "boolean"}}, {{"type", "boolean"}});
  } else if constexpr (std::is_same_v<T, Named>) {
    return {{"type", {"object", "string"}}, {"minProperties", 1}, {"maxProperties", 1}};
  } else {
    return {{"type", {"object", "null"}}};
  }
}

}  // namespace

std::string schema_markdown() {
  Config config;
  std::map<std::type_index, std::string> seen;
  MarkdownVisitor visitor({}, &seen);
  fields(visitor, config);
  return "# The configuration file\n\n"
         "Made from the code by `inc-cpp schema --markdown`. A key that is not listed is an error. What is not "
         "honoured\n"
         "is said before any work starts, and the run goes on; with `--strict` it is an error too.\n"
         "Relative paths are relative to the file. `${VAR}` and `${VAR:-default}` are expanded in every value (`$${` is a "
         "literal\n"
         "`${`); inside `{…}` and `[…]` such a value needs quotes. Lists may be written as one text with commas or blanks.\n"
         "`--set key.path=value` overrides a value.\n" +
         visitor.text();
}

std::string schema_json() {
  Config config;
  Json schema = {{"$schema", "http://json-schema.org/draft-07/schema#"}, {"title", "inc-cpp configuration"}};
  schema.update(section_schema(config));
  return schema.dump(2) + "\n";
}

}  // namespace inc::config
