#pragma once
// What is made small while the accuracy target holds.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/config.h"
#include "core/tuning/criterion.h"

namespace inc::tuning {

enum class Aim : std::uint8_t { Latency, Accuracy, ModelSize, Footprint };

/// What a candidate takes; 0: not known.
struct Figures {
  double latency_ms = 0;       ///< of one sample
  double model_bytes = 0;      ///< of the written model
  double footprint_bytes = 0;  ///< weights and working memory of a run
};

class Objective {
 public:
  /// tuning.objective, or tuning.multi_objectives where that is given. `fp32`: of the FP32 model.
  Objective(const config::Tuning& config, const Criterion& criterion, const Figures& fp32);
  /// Smaller is better. One aim: its figure in its own unit, for accuracy the relative loss. Several: the weighted mean of
  /// each as a share of FP32's, of accuracy 1 + the relative loss; a figure that FP32 does not have counts as 1.
  double cost(const Figures& figures, double accuracy) const { return weighed(figures, criterion_.relative_loss(accuracy)); }
  /// With FP32's accuracy.
  double cost(const Figures& figures) const { return weighed(figures, 0); }
  bool aims_at(Aim aim) const noexcept;
  const Figures& fp32() const noexcept { return fp32_; }
  /// "performance"; "0.8 performance + 0.2 modelsize, each over FP32's".
  const std::string& describe() const noexcept { return text_; }

 private:
  double weighed(const Figures& figures, double loss) const;
  struct Term {
    Aim aim;
    double weight;  ///< of all terms together 1
  };
  std::vector<Term> terms_;
  Criterion criterion_;
  Figures fp32_;
  std::string text_;
};

}  // namespace inc::tuning
