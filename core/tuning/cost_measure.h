#pragma once
// Measures what the cost model is fitted to: a few designed candidates that take turns.
#include <chrono>
#include <functional>
#include <memory>

#include "core/tuning/candidate.h"
#include "core/tuning/cost_profile.h"

namespace inc::tuning {

/// What is measured; references outlive the meter.
struct CostTask {
  const ir::Graph& fused;
  const TuningSpace& space;
  const runtime::Adaptor& adaptor;
  const runtime::Executable& fp32;        ///< of `fused`
  const std::vector<ir::Tensor>& inputs;  ///< of one run: their values give the ranges, their shapes the plan
  std::int64_t batch = 1;                 ///< samples in it
  quant::QdqOptions qdq = {};
  quant::Bf16Policies bf16 = {};
  double run_ms = 0;  ///< of FP32, about; 0: not known yet
};

struct CostOptions {
  CostMachine machine = {};
  double seconds = 2;     ///< for all candidates together; at least three rounds of the plain ones are run
  bool thorough = false;  ///< mixed candidates in any case, and no checks: for a search, which mixes
  std::function<bool()> should_stop = {};
};

/// The designs (cost_designs.h), as many mixed ones as there is time for, and what keep_back() would choose until that has
/// been checked. The plain designs are enough where they leave too little to keep back (KeepBackMargin::clearly).
CostProfile measure_costs(const CostTask& task, const CostLayout& layout, const CostOptions& options);

class CostMeter {
 public:
  CostMeter(const CostTask& task, const CostLayout& layout, CostOptions options);

  /// The designs. A candidate that cannot be executed is left out.
  CostProfile measure();
  /// Whether the plain designs left nothing that a check could show.
  bool settled() const noexcept { return settled_; }
  /// Seconds of the budget that are left.
  double left() const;
  /// One more assignment, in turns with every first and every last option: a check, and a sample at the pace of the others.
  /// Nothing where it cannot be executed.
  void measure(const std::vector<std::uint8_t>& chosen, CostProfile& profile);

 private:
  struct Runner {
    std::vector<std::uint8_t> classes;
    ir::Graph graph;
    std::shared_ptr<const runtime::Executable> executable;
    std::vector<std::vector<double>> site_ms;  ///< per site, per round
    std::vector<double> run_ms;                ///< per round
    std::vector<double> pace;                  ///< of the machine then, per round

    void forget() {
      run_ms.clear();
      pace.clear();
      for (auto& times : site_ms) times.clear();
    }
  };
  /// Of those that take turns, after a first run, which compiles.
  std::vector<Runner> prepare(const std::vector<std::vector<std::uint8_t>>& designs);
  double profile(Runner& runner, int iterations) const;  ///< returns the sum of its steps, ms
  /// One profile, and how long a run takes, ms: the sum of the steps, where that is not too little for the clocks between.
  double turn(Runner& runner) const;
  bool stopped() const;
  CostProfile collect(const std::vector<Runner>& runners) const;
  void time(std::vector<Runner>& runners, double seconds) const;
  static bool disturbed(const std::vector<Runner>& runners);
  /// Round after round, each in another order, so that other work on the machine hits all alike; more of them where it does.
  void take_turns(std::vector<Runner>& runners, double seconds) const;
  /// A few runs each; plans and packed weights of one at a time are kept. Of two visits the quicker counts.
  void one_by_one(std::vector<Runner>& runners) const;
  /// The share of duels that the first wins. Where that decides nothing on a disturbed machine, though by its turns the
  /// first is faster (`ahead`), there are more duels, each of more rounds.
  double duels(const Runner& chosen, const Runner& fastest, bool ahead) const;
  static double noise(const Runner& runner);
  /// Times at the machine's quickest pace.
  static CostSample sample(const Runner& runner);

  const CostTask& task_;
  const CostLayout& layout_;
  CostOptions options_;
  quant::RangeTable ranges_;
  CandidateBuilder candidates_;
  std::vector<Runner> rivals_;  ///< every first option and every last, once measured
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  bool together_ = false, settled_ = false;
  int iterations_ = 1;  ///< of a profile in its turn
};

}  // namespace inc::tuning
