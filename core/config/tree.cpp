#include "core/config/tree.h"

#include <fmt/format.h>
#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <sstream>

#include "core/config/expand.h"

namespace inc::config {
namespace {

constexpr int kMaxDepth = 32;
constexpr int kMaxNodes = 20000;
constexpr std::string_view kCoreTag = "tag:yaml.org,2002:";

class Converter {
 public:
  explicit Converter(std::string source, bool has_lines) : source_(std::move(source)), has_lines_(has_lines) {}

  std::string place(const YAML::Mark& mark) const {
    if (!has_lines_ || mark.is_null()) return source_;
    return fmt::format("{}:{}:{}", source_, mark.line + 1, mark.column + 1);
  }

  Tree convert(const YAML::Node& node, int depth = 0) {
    Tree tree;
    tree.where = place(node.Mark());
    if (depth > kMaxDepth) fail_at(tree.where, fmt::format("nested too deeply: more than {} levels", kMaxDepth));
    if (++nodes_ > kMaxNodes)
      fail_at(tree.where, fmt::format("too large: more than {} values (aliases included)", kMaxNodes));
    check_tag(node, tree.where);
    switch (node.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null:
        break;
      case YAML::NodeType::Scalar:
        read_scalar(node, tree);
        break;
      case YAML::NodeType::Sequence:
        tree.kind = Tree::Kind::List;
        for (const auto& item : node) tree.items.push_back(convert(item, depth + 1));
        break;
      case YAML::NodeType::Map:
        read_map(node, tree, depth);
        break;
    }
    return tree;
  }

 private:
  static void check_tag(const YAML::Node& node, const std::string& where) {
    const std::string& tag = node.Tag();
    if (tag.empty() || tag == "?" || tag == "!" || tag.rfind(kCoreTag, 0) == 0) return;
    fail_at(where, fmt::format("tag '{}' is not supported", tag));
  }

  static void read_scalar(const YAML::Node& node, Tree& tree) {
    tree.kind = Tree::Kind::Scalar;
    tree.quoted = node.Tag() == "!" || node.Tag() == std::string(kCoreTag) + "str";
    tree.text = expand_variables(node.Scalar(), tree.where);
    if (!tree.quoted && tree.text.empty()) tree.kind = Tree::Kind::Null;
  }

  void read_map(const YAML::Node& node, Tree& tree, int depth) {
    tree.kind = Tree::Kind::Map;
    std::vector<Entry> merged;
    for (const auto& pair : node) {
      const std::string where = place(pair.first.Mark());
      if (!pair.first.IsScalar()) fail_at(where, "a key must be plain text");
      const std::string& key = pair.first.Scalar();
      Tree value = convert(pair.second, depth + 1);
      if (key == "<<" && pair.first.Tag() != "!") {
        merge(std::move(value), where, merged);
      } else if (tree.find(key) != nullptr) {
        fail_at(where, fmt::format("key '{}' is given twice", key));
      } else {
        tree.entries.push_back({key, where, std::move(value)});
      }
    }
    for (auto& entry : merged) {
      if (tree.find(entry.key) == nullptr) tree.entries.push_back(std::move(entry));
    }
  }

  static void merge(Tree value, const std::string& where, std::vector<Entry>& merged) {
    if (value.kind == Tree::Kind::List) {
      for (auto& item : value.items) merge(std::move(item), where, merged);
    } else if (value.kind == Tree::Kind::Map) {
      for (auto& entry : value.entries) merged.push_back(std::move(entry));
    } else {
      fail_at(where, "'<<' merges maps: expected an alias of a map");
    }
  }

  std::string source_;
  bool has_lines_;
  int nodes_ = 0;
};

std::string hint(const std::string& text, const YAML::Mark& mark) {
  std::size_t begin = 0;
  for (int line = 0; line < mark.line && begin != std::string::npos; ++line) {
    begin = text.find('\n', begin);
    if (begin != std::string::npos) ++begin;
  }
  if (begin == std::string::npos) return "";
  const auto line = std::string_view(text).substr(begin, text.find('\n', begin) - begin);
  return line.find("${") == std::string_view::npos ? "" : " (inside {…} or […] write \"${VAR}\" in quotes)";
}

/// Notes where a document begins and ignores what it holds.
class Skimmer final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { start = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
  YAML::Mark start;
};

/// YAML::LoadAll does not end on some malformed documents, and YAML::Load ignores all but the first.
void check_one_document(const std::string& text, const Converter& converter) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  Skimmer skimmer;
  if (parser.HandleNextDocument(skimmer) && parser.HandleNextDocument(skimmer)) {
    fail_at(converter.place(skimmer.start), "expected one YAML document, found text after its end");
  }
}

Tree parse(const std::string& text, Converter& converter) {
  try {
    check_one_document(text, converter);
    return converter.convert(YAML::Load(text));
  } catch (const YAML::DeepRecursion& e) {
    fail_at(converter.place(e.mark), fmt::format("nested too deeply: more than {} levels", kMaxDepth));
  } catch (const YAML::Exception& e) {
    fail_at(converter.place(e.mark), "not valid YAML: " + e.msg + hint(text, e.mark));
  }
}

}  // namespace

const Entry* Tree::find(std::string_view key) const noexcept {
  const auto it = std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.key == key; });
  return it == entries.end() ? nullptr : &*it;
}

void fail_at(const std::string& where, const std::string& message) {
  throw ConfigError(where + ": " + message);
}

void check_size(std::size_t bytes, const std::string& file) {
  if (bytes > kMaxBytes)
    fail_at(file, fmt::format("too large for a configuration: {} bytes, expected at most {}", bytes, kMaxBytes));
}

Tree parse_tree(const std::string& text, const std::string& file) {
  check_size(text.size(), file);
  Converter converter(file, true);
  Tree tree = parse(text, converter);
  if (tree.where.empty()) tree.where = file;
  return tree;
}

void apply_override(Tree& root, const Override& override) {
  const auto& [path, value] = override;
  const std::string source = fmt::format("--set {}={}", path, value);
  check_size(value.size(), "--set " + path);
  Converter converter(source, false);
  Tree parsed = parse(value, converter);
  parsed.where = source;
  Tree* at = &root;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('.', begin), path.size());
    const std::string key = path.substr(begin, end - begin);
    if (key.empty()) fail_at(source, "expected a dotted key path before '=', for example tuning.exit_policy.max_trials=20");
    if (at->kind == Tree::Kind::Null) at->kind = Tree::Kind::Map;
    if (at->kind != Tree::Kind::Map) fail_at(source, fmt::format("'{}' is below a value that is not a map", key));
    const auto it = std::find_if(at->entries.begin(), at->entries.end(), [&](const Entry& e) { return e.key == key; });
    at = it != at->entries.end() ? &it->value : &at->entries.emplace_back(Entry{key, source, {}}).value;
    at->where = at->where.empty() ? source : at->where;
    begin = end + 1;
  }
  *at = std::move(parsed);
}

}  // namespace inc::config
