#include "core/tuning/cost_measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/rng.h"
#include "core/calib/calibrator.h"
#include "core/tuning/cost_designs.h"
#include "core/tuning/cost_pace.h"
#include "core/tuning/keep_back.h"
#include "core/tuning/latency.h"

namespace inc::tuning {
namespace {

using Classes = std::vector<std::uint8_t>;
using Clock = std::chrono::steady_clock;

constexpr int kLeastRounds = 3, kMostRounds = 20, kDuels = 11;
/// A share by which the median of a few rounds lies above the quickest on a machine that other work disturbs, and seconds
/// that turns may take then.
constexpr double kDisturbed = 0.05, kPatience = 0.5;
/// Of duels after such as decided nothing.
constexpr int kLeastDuels = 7, kMostRoundsOfDuel = 4;
/// Of the rounds' times, each divided by the machine's pace then, this quantile counts: what disturbs a single run adds.
constexpr double kQuantile = 0.25;
/// Candidates of larger or slower models are measured one after the other, and fewer of them.
constexpr std::size_t kTakeTurns = std::size_t{256} << 20;
constexpr double kLongRun = 60;
/// Of a model that takes less, the fifth run after another's counts, as in latency.h; of the others the second does.
constexpr double kShortRun = 2;
constexpr int kProfiledShort = 3;
constexpr std::size_t kMixed = 7, kMixedOfLarge = 4;
/// With fewer of them, or in fewer rounds, a check tells more in the same time.
constexpr double kFewestMixed = 2, kRoundsOfMixed = 5;

double milliseconds(Clock::time_point since) {
  return std::chrono::duration<double, std::milli>(Clock::now() - since).count();
}

double clock_overhead() {
  double least = 1;
  for (int i = 0; i < 100; ++i) least = std::min(least, milliseconds(Clock::now()));
  return least;
}

std::string shapes_of(const std::vector<ir::Tensor>& inputs) {
  std::string text;
  for (const ir::Tensor& input : inputs) text += fmt::format("{}{}", text.empty() ? "" : " ", fmt::join(input.shape(), "x"));
  return text;
}

std::vector<double> quotients(const std::vector<double>& times, const std::vector<double>& paces) {
  std::vector<double> out;
  for (std::size_t i = 0; i < paces.size(); ++i) out.push_back(times[i] / paces[i]);
  return out;
}

std::size_t constant_bytes(const ir::Graph& graph) {
  std::size_t bytes = 0;
  for (const ir::ValueId id : graph.values())
    if (const ir::Tensor* tensor = graph.constant(id)) bytes += tensor->bytes();
  return bytes;
}

void log_refused(const Error& error) {
  log::debug("a candidate was left out of the cost model: " + error.full_message());
}

/// Of FP32, warm; of a model too large to be run for that alone, nothing.
std::optional<double> fp32_ms(const CostTask& task) {
  if (constant_bytes(task.fused) > kTakeTurns) return {};
  if (task.run_ms > 0) return task.run_ms;
  task.fp32.run(task.inputs);
  const auto start = Clock::now();
  task.fp32.run(task.inputs);
  return milliseconds(start);
}

/// Whether all operators that lose by their first class, each charged for all that the operators around it lose, lose too
/// little together to be kept back: beside every other plain design.
bool nothing_to_gain(const CostLayout& layout, const CostProfile& profile) {
  const Classes first(layout.classes.size(), 0);
  const CostSample* fastest = profile.find(first);
  if (fastest == nullptr) return false;
  double run = 0;
  for (const float ms : fastest->site_ms) run += static_cast<double>(ms);
  for (const CostSample& other : profile.samples) {
    if (other.classes == first) continue;
    std::vector<double> lost(layout.classes.size());
    for (std::size_t site = 0; site < layout.sites.size(); ++site) {
      const double ms = static_cast<double>(fastest->site_ms[site]) - static_cast<double>(other.site_ms[site]);
      const CostSite& at = layout.sites[site];
      if (at.own) {
        lost[*at.own] += ms;
      } else if (ms > 0) {
        for (const auto& side : {at.before, at.after})
          for (const std::size_t dim : side) lost[dim] += ms;
      }
    }
    double all = 0;
    for (std::size_t i = 0; i < lost.size(); ++i) all += other.classes[i] != 0 ? std::max(0.0, lost[i]) : 0;
    if (all >= KeepBackMargin().clearly * run) return false;
  }
  return true;
}

quant::RangeTable ranges(const CostTask& task) {
  if (!task.space.needs_ranges()) return {};
  calib::CalibrationOptions options;
  options.methods = task.space.methods();
  options.placement = task.qdq.placement;
  options.attentions = task.space.attentions;
  return calib::calibrate(task.fused, task.fp32, std::span(&task.inputs, 1), options);
}

}  // namespace

CostMeter::CostMeter(const CostTask& task, const CostLayout& layout, CostOptions options)
    : task_(task),
      layout_(layout),
      options_(std::move(options)),
      ranges_(ranges(task)),
      candidates_(task.fused, ranges_, task.space, task.adaptor, task.fp32, task.qdq, task.bf16) {
  const std::optional<double> ms = fp32_ms(task);
  together_ = ms && *ms <= kLongRun;
  iterations_ = ms && *ms <= kShortRun ? kProfiledShort : 1;
}

std::vector<CostMeter::Runner> CostMeter::prepare(const std::vector<Classes>& designs) {
  std::vector<Runner> runners;
  for (const Classes& design : designs) {
    try {
      const search::Point point = layout_.point_of(design);
      const bool plain = point == task_.space.shape.fp32();
      Runner runner{design, plain ? task_.fused : candidates_.build(point).graph, nullptr, {}, {}, {}};
      if (plain)
        runner.executable = {std::shared_ptr<const void>(), &task_.fp32};
      else
        runner.executable = task_.adaptor.prepare(runner.graph);
      if (together_ && !plain) runner.executable->run(task_.inputs);
      runner.site_ms.resize(layout_.sites.size());
      runners.push_back(std::move(runner));
    } catch (const Error& e) {
      log_refused(e);
    }
  }
  return runners;
}

double CostMeter::profile(Runner& runner, int iterations) const {
  static const double overhead = clock_overhead();
  std::vector<double> sites(layout_.sites.size());
  double all = 0;
  for (const auto& step : runner.executable->profile(task_.inputs, iterations)) {
    const double ms = std::max(0.0, step.milliseconds - overhead);
    all += ms;
    if (const auto site = layout_.site(runner.graph, step.node)) sites[*site] += ms;
  }
  for (std::size_t i = 0; i < sites.size(); ++i) runner.site_ms[i].push_back(sites[i]);
  return all;
}

double CostMeter::turn(Runner& runner) const {
  const double steps = profile(runner, iterations_);
  if (iterations_ == 1 && steps > 0) return steps;
  const auto before = Clock::now();
  runner.executable->run(task_.inputs);
  return milliseconds(before);
}

bool CostMeter::stopped() const {
  return options_.should_stop && options_.should_stop();
}

void CostMeter::one_by_one(std::vector<Runner>& runners) const {
  for (Runner& runner : runners) {
    if (stopped()) return;
    const auto earlier = std::exchange(runner.site_ms, std::vector<std::vector<double>>(layout_.sites.size()));
    try {
      profile(runner, kLeastRounds);
    } catch (const Error& e) {
      log_refused(e);
      runner.site_ms = earlier;
      continue;
    }
    runner.executable->rest();
    double steps = 0;
    for (auto& times : runner.site_ms) {
      steps += times.back();
      times.assign(kLeastRounds, times.back());
    }
    if (!runner.run_ms.empty() && runner.run_ms.back() <= steps) {
      runner.site_ms = earlier;
      continue;
    }
    runner.run_ms.assign(kLeastRounds, steps);
    runner.pace.assign(kLeastRounds, 1);
  }
}

bool CostMeter::disturbed(const std::vector<Runner>& runners) {
  std::vector<double> above;
  for (const Runner& runner : runners)
    above.push_back(percentile(runner.run_ms, 0.5) / *std::min_element(runner.run_ms.begin(), runner.run_ms.end()) - 1);
  return percentile(above, 0.5) > kDisturbed;
}

void CostMeter::take_turns(std::vector<Runner>& runners, double seconds) const {
  std::vector<std::size_t> order(runners.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  Rng rng(1);
  std::vector<TimedTurn> turns;
  const double patience = std::max(seconds, kPatience);
  const auto start = Clock::now();
  for (int i = 0; i < kMostRounds && !stopped(); ++i) {
    if (i >= kLeastRounds && milliseconds(start) * (i + 1) / i > 1e3 * (disturbed(runners) ? patience : seconds)) break;
    rng.shuffle(order);
    for (const std::size_t at : order) {
      if (stopped()) break;
      runners[at].run_ms.push_back(turn(runners[at]));
      turns.push_back({at, runners[at].run_ms.back()});
    }
  }
  const std::vector<double> paces = paces_of(turns);
  for (std::size_t t = 0; t < turns.size(); ++t) runners[turns[t].runner].pace.push_back(paces[t]);
}

void CostMeter::time(std::vector<Runner>& runners, double seconds) const {
  if (together_)
    take_turns(runners, seconds);
  else
    one_by_one(runners);
}

CostSample CostMeter::sample(const Runner& runner) {
  CostSample out{runner.classes, {}, percentile(quotients(runner.run_ms, runner.pace), kQuantile)};
  std::vector<double> steps(runner.pace.size());
  double sum = 0;
  for (const auto& times : runner.site_ms) {
    const std::vector<double> at_pace = quotients(times, runner.pace);
    for (std::size_t i = 0; i < steps.size(); ++i) steps[i] += at_pace[i];
    out.site_ms.push_back(static_cast<float>(percentile(at_pace, kQuantile)));
    sum += percentile(at_pace, kQuantile);
  }
  const double whole = percentile(steps, kQuantile);
  if (sum > 0)
    for (float& ms : out.site_ms) ms *= static_cast<float>(whole / sum);
  return out;
}

/// The median of the rounds above what counts.
double CostMeter::noise(const Runner& runner) {
  double middle = 0, low = 0;
  for (const auto& times : runner.site_ms) {
    const std::vector<double> at_pace = quotients(times, runner.pace);
    middle += percentile(at_pace, 0.5);
    low += percentile(at_pace, kQuantile);
  }
  return low > 0 ? middle / low - 1 : 0;
}

double CostMeter::left() const {
  return options_.seconds - milliseconds(start_) / 1e3;
}

CostProfile CostMeter::collect(const std::vector<Runner>& runners) const {
  CostProfile profile;
  profile.machine = options_.machine;
  profile.model = structure_hash(task_.fused);
  profile.shapes = shapes_of(task_.inputs);
  profile.batch = task_.batch;
  profile.dims = layout_.dims;
  profile.classes = layout_.classes;
  for (const CostSite& site : layout_.sites) profile.sites.push_back(site.name);
  std::vector<double> noises;
  for (const Runner& runner : runners)
    if (!runner.run_ms.empty()) {
      profile.samples.push_back(sample(runner));
      noises.push_back(noise(runner));
    }
  profile.noise = percentile(noises, 0.5);
  profile.seconds = milliseconds(start_) / 1e3;
  return profile;
}

CostProfile CostMeter::measure() {
  const std::vector<Classes> uniform = cost_designs(layout_, 0);
  std::vector<Runner> runners = prepare(uniform);
  const std::size_t plain = runners.size();
  const auto timed = Clock::now();
  time(runners, options_.seconds / 4);
  CostProfile profile = collect(runners);
  settled_ = plain == 0 || nothing_to_gain(layout_, profile);
  if (options_.thorough || !settled_) {
    const std::vector<Classes> designs = cost_designs(layout_, together_ ? kMixed : kMixedOfLarge);
    std::size_t rounds = 1;
    for (const Runner& runner : runners) rounds += runner.run_ms.size();
    const double round = 1e-3 * milliseconds(timed) / static_cast<double>(rounds);
    const double affordable = left() / 2 / (kRoundsOfMixed * round) - static_cast<double>(plain);
    const auto most = static_cast<double>(plain > 0 ? designs.size() - uniform.size() : 0);
    const double wanted = options_.thorough || affordable > most ? most : affordable < kFewestMixed ? 0 : affordable;
    if (wanted > 0) {
      const auto begin = designs.begin() + static_cast<std::ptrdiff_t>(uniform.size());
      std::vector<Runner> mixed = prepare({begin, begin + static_cast<std::ptrdiff_t>(wanted)});
      if (together_)
        for (Runner& runner : runners) runner.forget();
      std::move(mixed.begin(), mixed.end(), std::back_inserter(runners));
      time(runners, left() / 2);
      profile = collect(runners);
    }
  }
  if (runners.size() >= 2 && runners[0].classes == uniform[0] && runners[1].classes == uniform[1]) {
    rivals_.clear();
    for (std::size_t i = 0; i < 2; ++i) rivals_.push_back(std::move(runners[i]));
  }
  return profile;
}

double CostMeter::duels(const Runner& chosen, const Runner& fastest, bool ahead) const {
  const runtime::Executable* const both[] = {chosen.executable.get(), fastest.executable.get()};
  const auto duel = [&](int rounds, int least) {
    const auto times =
        measure_latency(both, task_.inputs, {1, kDuels * rounds, rounds * options_.seconds / 2, least * rounds});
    return won(times[0], times[1], static_cast<std::size_t>(rounds));
  };
  const double enough = KeepBackMargin().won;
  double share = duel(1, kLeastRounds);
  if (!ahead || !together_) return share;
  for (int rounds = 1; rounds <= kMostRoundsOfDuel && share < enough; rounds *= 2) share = duel(rounds, kLeastDuels);
  return share;
}

void CostMeter::measure(const Classes& chosen, CostProfile& profile) {
  const auto start = Clock::now();
  std::vector<Runner> made = prepare({chosen});
  if (made.empty() || rivals_.empty()) return;
  std::vector<Runner> runners;
  runners.push_back(std::move(made.front()));
  for (Runner& rival : rivals_) {
    rival.forget();
    runners.push_back(std::move(rival));
  }
  time(runners, std::max(0.0, left() / 2));
  const bool timed = runners.back().run_ms.size() >= static_cast<std::size_t>(kLeastRounds);
  const CostSample *fastest = profile.find(runners[1].classes), *fp32 = profile.find(runners[2].classes);
  if (timed && fastest != nullptr && fp32 != nullptr) {
    CostSample found = sample(runners[0]);
    const double fastest_now = sample(runners[1]).run_ms, fp32_now = sample(runners[2]).run_ms;
    const bool ahead = found.run_ms <= (1 - KeepBackMargin().clearly) * fastest_now;
    profile.checks.push_back({chosen, found.run_ms, fastest_now, fp32_now, duels(runners[0], runners[1], ahead)});
    const double drift = (fastest->run_ms + fp32->run_ms) / (fastest_now + fp32_now);
    found.run_ms *= drift;
    for (float& ms : found.site_ms) ms *= static_cast<float>(drift);
    if (profile.find(chosen) == nullptr) profile.samples.push_back(std::move(found));
  }
  profile.seconds += milliseconds(start) / 1e3;
  rivals_ = {std::make_move_iterator(runners.begin() + 1), std::make_move_iterator(runners.end())};
}

CostProfile measure_costs(const CostTask& task, const CostLayout& layout, const CostOptions& options) {
  constexpr int kMostChecks = 3;
  CostMeter meter(task, layout, options);
  CostProfile profile = meter.measure();
  for (int i = 0; !options.thorough && !meter.settled() && i < kMostChecks && (i <= 1 || meter.left() > 0); ++i) {
    const Classes next = to_verify(layout, profile);
    if (next.empty()) break;
    const std::size_t known = profile.checks.size();
    meter.measure(next, profile);
    if (profile.checks.size() == known) break;
  }
  return profile;
}

}  // namespace inc::tuning
