#include "app/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "app/benchmark.h"
#include "app/compare_factors.h"
#include "app/compare_inputs.h"
#include "app/compare_regions.h"
#include "app/session.h"
#include "core/ops/ops.h"
#include "core/quant/reorder_channels.h"
#include "core/tuning/kept_part.h"

namespace inc::app {
namespace {

class Comparer {
 public:
  explicit Comparer(const CompareOptions& options)
      : options_(options),
        adaptor_(make_adaptor(options.adaptor)),
        residuals_(has_bf16_plan(options.a) || has_bf16_plan(options.b)),
        a_(read_side(options.a, residuals_)),
        b_(read_side(options.b, residuals_)) {}

  Comparison run() {
    match_ = match(a_.plain, b_.plain);
    regions_ = regions_of(a_, b_, match_);
    out_.a = a_.name, out_.b = b_.name;
    out_.operators = regions_.operators;
    out_.unmatched = regions_.unmatched;
    out_.machine = machine();
    begin();
    const Source source = source_of(options_, a_.run);
    out_.inputs = source.text;
    executable_a_ = adaptor_->prepare(a_.run);
    executable_b_ = adaptor_->prepare(b_.run);
    for (std::int64_t first = 0; first < source.samples && !stopped(); first += source.batch) {
      const std::int64_t count = std::min(source.batch, source.samples - first);
      add_batch(source.data ? eval::load_batch(a_.run, *source.data, first, count).inputs : source.synthetic, first == 0);
      out_.samples += count;
      if (options_.progress) options_.progress(out_.samples, source.samples);
    }
    finish();
    return std::move(out_);
  }

 private:
  bool stopped() const { return options_.should_stop && options_.should_stop(); }

  void begin() {
    for (const auto& [in_b, in_a] : regions_.known) {
      wanted_a_.insert(in_a);
      wanted_b_.insert(in_b);
    }
    for (const Region& region : regions_.all) {
      const ir::Node& node = a_.plain.node(region.node);
      ComparedOp row;
      row.name = node.name;
      row.op_type = ops::reported_type(node);
      row.precision = precision(region);
      row.why_not_own = region.why_not;
      row.b_name = name_in_b(region, kind_of(node));
      out_.ops.push_back(std::move(row));
      runnables_.push_back(std::make_unique<Runnable>(region, *adaptor_));
    }
    for (const std::string& name : a_.run.output_names()) {
      out_.outputs.push_back({});
      out_.outputs.back().name = name;
    }
  }

  /// Of the operator of A's kind among those that B has here, or of the last one.
  std::string name_in_b(const Region& region, std::string_view kind) const {
    for (const auto& [whole, part] : region.part.nodes)
      if (kind_of(b_.run.node(whole)) == kind) return b_.run.node(whole).name;
    const ir::Node* made = b_.run.producer(region.b);
    return made == nullptr ? "" : made->name;
  }

  std::string precision(const Region& region) const {
    bool bf16 = false;
    for (const auto& [whole, part] : region.part.nodes) {
      const ir::Node& node = b_.run.node(whole);
      if (node.op == "DequantizeLinear") return "int8";
      for (const ir::ValueId id : node.outputs) bf16 = bf16 || b_.run.value(id).type.dtype == DType::BFloat16;
    }
    return bf16 ? "bf16" : "fp32";
  }

  std::vector<ir::Tensor> inputs_of_b(const std::vector<ir::Tensor>& inputs) const {
    std::vector<ir::Tensor> out;
    for (const ir::ValueId id : b_.run.inputs()) {
      const auto& ids = a_.run.inputs();
      const auto it = std::find(ids.begin(), ids.end(), regions_.known.at(id));
      out.push_back(inputs.at(static_cast<std::size_t>(it - ids.begin())));
    }
    return out;
  }

  void add_batch(const std::vector<ir::Tensor>& inputs, bool first) {
    const Values b = run_tapped(*executable_b_, inputs_of_b(inputs), b_.run, wanted_b_);
    executable_b_->rest();
    Values a = run_tapped(*executable_a_, inputs, a_.run, wanted_a_);
    if (first) {
      reorder(inputs, a, b);
      factors_ = shared_factors(a_.plain, b_.plain, match_, regions_, runnables_, a, b);
    }
    const std::unique_ptr<const runtime::Trace> trace = first ? traced(inputs) : nullptr;
    for (std::size_t i = 0; i < regions_.all.size() && !stopped(); ++i) add_row(i, a, b, trace.get());
    for (std::size_t i = 0; i < out_.outputs.size(); ++i) {
      const ir::ValueId x = a_.run.outputs()[i], y = twin_output(i);
      if (comparable(a, x, b, y)) add(out_.outputs[i].total, a.at(x), b.at(y));
    }
  }

  ir::ValueId twin_output(std::size_t i) const {
    const auto& names = b_.run.output_names();
    const auto it = std::find(names.begin(), names.end(), a_.run.output_names()[i]);
    return b_.run.outputs()[it == names.end() ? i : static_cast<std::size_t>(it - names.begin())];
  }

  std::unique_ptr<const runtime::Trace> traced(const std::vector<ir::Tensor>& inputs) const {
    std::set<ir::ValueId> values;
    for (const Region& region : regions_.all)
      if (replaceable(region)) values.insert(region.a);
    auto trace = executable_a_->trace(inputs, values);
    if (trace == nullptr) trace = tuning::trace_by_parts(a_.run, *adaptor_, *executable_a_, inputs, values, {});
    return trace;
  }

  void add_row(std::size_t i, const Values& a, const Values& b, const runtime::Trace* trace) {
    const Region& region = regions_.all[i];
    ComparedOp& row = out_.ops[i];
    if (!comparable(a, region.a, b, region.b)) {
      row.why_not_own = "the values have other shapes or types";
      return;
    }
    const auto factor = factors_.find(region.a);
    const ChannelFactors* divided = factor == factors_.end() ? nullptr : &factor->second;
    add(row.total, a.at(region.a), b.at(region.b), divided);
    if (!runnables_[i]->runs() || !row.why_not_own.empty()) return;
    ir::Tensor made;
    try {
      Closeness input;
      made = runnables_[i]->run(a, factors_, &input);
      add(row.own, a.at(region.a), made, divided);
      if (!region.requantized.empty()) {
        if (!row.input) row.input.emplace();
        row.input->join(input);
      }
    } catch (const Error& error) {
      row.why_not_own = error.what();
      return;
    }
    if (trace != nullptr && replaceable(region))
      row.effect = effect_of(region.a, divided ? multiplied(made, inverse(*divided)) : made,
                             row.own.noise > 0 || !row.own.finite, *trace);
  }

  bool replaceable(const Region& region) const {
    return a_.run.value(region.a).type.dtype == DType::Float && a_.run.producer(region.a) != nullptr;
  }

  /// Nothing for a value that the engine computes once and for all.
  static std::optional<Closeness> effect_of(ir::ValueId value, const ir::Tensor& made, bool differs,
                                            const runtime::Trace& trace) try {
    const auto found = differs ? trace.rerun({{value, made}}) : trace.outputs();
    Closeness effect;
    for (std::size_t i = 0; i < found.size(); ++i)
      if (found[i].dtype() == DType::Float && found[i].shape() == trace.outputs()[i].shape())
        add(effect, trace.outputs()[i], found[i]);
    return effect;
  } catch (const DataError&) {
    return std::nullopt;
  }

  /// quantize may have put B's channels into another order: the one that A's get by the same rule.
  void reorder(const std::vector<ir::Tensor>& inputs, Values& a, const Values& b) {
    if (precision_of(a_.run) != "fp32") {
      out_.notes.push_back(
          "A is not in FP32 itself: where quantize has reordered or rescaled channels in one of the models only, values "
          "differ although nothing is wrong.");
      return;
    }
    ir::Graph moved = a_.run;
    if (quant::reorder_channels(moved).moved == 0) return;
    executable_a_->rest();
    auto executable = adaptor_->prepare(moved);
    Values other = run_tapped(*executable, inputs, moved, wanted_a_);
    if (agreement(other, b) <= agreement(a, b)) return;
    a_.run = std::move(moved);
    quant::reorder_channels(a_.plain);
    executable_a_ = std::move(executable);
    a = std::move(other);
    out_.notes.push_back("B's channels are in another order; A was put into the same one.");
  }

  double agreement(const Values& a, const Values& b) const {
    double sum = 0;
    for (const Region& region : regions_.all) {
      if (!comparable(a, region.a, b, region.b)) continue;
      Closeness closeness;
      add(closeness, a.at(region.a), b.at(region.b));
      if (closeness.finite) sum += std::max(0.0, closeness.cosine());
    }
    return sum;
  }

  void finish() {
    std::map<ir::ValueId, double> noise;
    for (std::size_t i = 0; i < regions_.all.size(); ++i) {
      ComparedOp& row = out_.ops[i];
      const Region& region = regions_.all[i];
      const auto share = [](const Closeness& c) { return c.signal > 0 ? c.noise / c.signal : 0; };
      noise[region.a] = share(row.total);
      if (!row.why_not_own.empty()) {
        double inherited = 0;
        for (const ir::ValueId read : region.reads) inherited = std::max(inherited, noise[read]);
        row.own = row.total;
        row.own.noise = std::max(0.0, row.total.noise - inherited * row.total.signal);
      }
      const auto rescaled = [&](ir::ValueId value) { return factors_.contains(value); };
      if (!rescaled(region.a) && std::none_of(region.reads.begin(), region.reads.end(), rescaled))
        row.weight = weights_of(region, a_, b_, match_);
    }
    drop_unmeasured();
    if (!factors_.empty())
      out_.notes.push_back(
          fmt::format("{} values have another scale per channel in B, which what reads them takes back; it "
                      "does not count as an error.",
                      factors_.size()));
    std::stable_sort(out_.ops.begin(), out_.ops.end(),
                     [](const ComparedOp& x, const ComparedOp& y) { return x.severity() > y.severity(); });
  }

  void drop_unmeasured() {
    const auto measured = [](const ComparedOp& row) { return row.total.low <= row.total.high; };
    for (const ComparedOp& row : out_.ops)
      if (!measured(row))
        out_.unmatched.push_back({row.name, row.op_type,
                                  !row.why_not_own.empty() ? row.why_not_own
                                  : stopped()              ? "interrupted before"
                                                           : "A makes no finite number there"});
    std::erase_if(out_.ops, [&](const ComparedOp& row) { return !measured(row); });
  }

  const CompareOptions& options_;
  std::unique_ptr<const runtime::Adaptor> adaptor_;
  bool residuals_;
  Side a_, b_;
  Match match_;
  Regions regions_;
  std::vector<std::unique_ptr<Runnable>> runnables_;
  std::map<ir::ValueId, ChannelFactors> factors_;
  std::set<ir::ValueId> wanted_a_, wanted_b_;
  std::unique_ptr<const runtime::Executable> executable_a_, executable_b_;
  Comparison out_;
};

}  // namespace

Comparison compare(const CompareOptions& options) {
  return Comparer(options).run();
}

}  // namespace inc::app
