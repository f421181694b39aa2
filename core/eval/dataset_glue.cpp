// Sentences of the GLUE tasks (Wang et al., 2018) as a BERT model reads them.
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/eval/datasets.h"
#include "core/eval/wordpiece.h"

namespace inc::eval {
namespace {

namespace fs = std::filesystem;

/// Where a task's .tsv files have what. Columns count from 0; -1: the last, or no second sentence.
struct Task {
  std::string_view name;
  int first, second, label;
  bool header = true;
  std::array<std::string_view, 3> classes = {};  ///< names of classes; none: numbers
  std::string_view evaluation = "dev.tsv";
  bool scores = false;  ///< labels are numbers, not classes
};
constexpr Task kTasks[] = {
    {"mrpc", 3, 4, 0},
    {"sst2", 0, -1, 1},
    {"sst-2", 0, -1, 1},
    {"cola", 3, -1, 1, false},
    {"qqp", 3, 4, 5},
    {"mnli", 8, 9, -1, true, {"contradiction", "entailment", "neutral"}, "dev_matched.tsv"},
    {"qnli", 1, 2, -1, true, {"entailment", "not_entailment"}},
    {"rte", 1, 2, -1, true, {"entailment", "not_entailment"}},
    {"wnli", 1, 2, -1},
    {"sts-b", 7, 8, -1, true, {}, "dev.tsv", true},
};

struct Row {
  std::string first, second;
  ir::Tensor label;
};

std::vector<std::string_view> columns_of(std::string_view line) {
  std::vector<std::string_view> columns;
  for (std::size_t begin = 0; begin <= line.size();) {
    const std::size_t end = std::min(line.find('\t', begin), line.size());
    columns.push_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  return columns;
}

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

ir::Tensor label_of(std::string_view text, const Task& task, const std::string& place) {
  const bool named = !task.classes[0].empty();
  for (std::size_t i = 0; named && i < task.classes.size(); ++i)
    if (task.classes[i] == text && !text.empty()) return ir::Tensor::scalar(static_cast<std::int64_t>(i));
  if (const auto score = number<float>(text); task.scores && score) return ir::Tensor::scalar(*score);
  if (const auto value = number<std::int64_t>(text); !named && !task.scores && value.value_or(-1) >= 0)
    return ir::Tensor::scalar(*value);
  const std::string wanted = named         ? fmt::format("'{}' or another of its classes", task.classes[0])
                             : task.scores ? "a number"
                                           : "a number from 0";
  throw DataError(fmt::format("{}: '{}' is no label of {}: {} expected", place, text, task.name, wanted));
}

std::vector<Row> rows_of(const fs::path& path, const Task& task) {
  const std::string text = read_file(path);
  std::vector<Row> rows;
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (++number == 1 && task.header) continue;
    if (line.empty()) continue;
    const auto columns = columns_of(line);
    const std::string place = fmt::format("{}:{}", path.string(), number);
    const auto wanted = static_cast<std::size_t>(std::max({task.first, task.second, task.label})) + 1;
    if (columns.size() < wanted)
      throw DataError(
          fmt::format("{}: {} columns found, at least {} expected for {}", place, columns.size(), wanted, task.name));
    const auto at = [&](int column) { return columns[static_cast<std::size_t>(column)]; };
    rows.push_back({std::string(at(task.first)), task.second < 0 ? "" : std::string(at(task.second)),
                    label_of(task.label < 0 ? columns.back() : at(task.label), task, place)});
  }
  return rows;
}

class Glue final : public Dataset {
 public:
  Glue(const Task& task, std::vector<Row> rows, WordPiece tokenizer, std::size_t length, bool segments)
      : task_(task), rows_(std::move(rows)), tokenizer_(std::move(tokenizer)), length_(length), segments_(segments) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(rows_.size()); }
  std::string describe() const override { return fmt::format("GLUE {} ({} samples)", task_.name, size()); }
  Sample get(std::int64_t index) const override {
    const Row& row = rows_[static_cast<std::size_t>(index)];
    auto first = tokenizer_.tokens(row.first), second = tokenizer_.tokens(row.second);
    const bool pair = task_.second >= 0;
    while (first.size() + second.size() + (pair ? 3 : 2) > length_)
      (first.size() >= second.size() ? first : second).pop_back();
    const auto length = static_cast<std::int64_t>(length_);
    ir::Tensor ids(DType::Int64, {length}), mask(DType::Int64, {length}), segment(DType::Int64, {length});
    std::fill_n(ids.mutable_data<std::int64_t>(), length, tokenizer_.pad());
    std::fill_n(mask.mutable_data<std::int64_t>(), length, 0);
    std::fill_n(segment.mutable_data<std::int64_t>(), length, 0);
    std::size_t place = 0;
    const auto put = [&](std::int64_t id, std::int64_t part) {
      ids.mutable_data<std::int64_t>()[place] = id;
      mask.mutable_data<std::int64_t>()[place] = 1;
      segment.mutable_data<std::int64_t>()[place++] = part;
    };
    put(tokenizer_.begin(), 0);
    for (const auto id : first) put(id, 0);
    put(tokenizer_.separator(), 0);
    for (const auto id : second) put(id, 1);
    if (pair) put(tokenizer_.separator(), 1);
    Sample sample{{ids, mask}, row.label};
    if (segments_) sample.inputs.push_back(segment);
    return sample;
  }

 private:
  const Task& task_;
  std::vector<Row> rows_;
  WordPiece tokenizer_;
  std::size_t length_;
  bool segments_;
};

}  // namespace

std::unique_ptr<const Dataset> make_glue_data(Parameters& parameters, const fs::path& base) {
  static constexpr std::array<std::string_view, 10> kNames{"mrpc", "sst2", "sst-2", "cola", "qqp",
                                                           "mnli", "qnli", "rte",   "wnli", "sts-b"};
  static constexpr std::array<std::string_view, 3> kModels{"bert", "mobilebert", "distilbert"};
  const fs::path folder = base / parameters.text("data_dir"), model = base / parameters.text("model_name_or_path");
  const std::string name = parameters.choice("task", kNames, "mrpc");
  const std::string kind = parameters.choice("model_type", kModels, "bert");
  const std::int64_t length = parameters.integer("max_seq_length", 128);
  if (length < 4 || length > 65536) parameters.refuse("max_seq_length", fmt::format("{}", length), "4 … 65536");
  const bool lower = parameters.flag("do_lower_case", true), evaluation = parameters.flag("evaluate", true);
  if (parameters.flag("dynamic_length", false))
    parameters.refuse("dynamic_length", "true", "false: samples are padded to max_seq_length");
  const Task& task = *std::find_if(std::begin(kTasks), std::end(kTasks), [&](const Task& t) { return t.name == name; });
  return std::make_unique<Glue>(task, rows_of(folder / (evaluation ? task.evaluation : "train.tsv"), task),
                                WordPiece(model / "vocab.txt", lower), static_cast<std::size_t>(length),
                                kind != "distilbert");
}

}  // namespace inc::eval
