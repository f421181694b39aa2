#include "core/eval/average_precision.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>

namespace inc::eval {
namespace {

constexpr std::array<std::pair<double, double>, kAreas> kRanges{
    {{0, 1e10}, {0, 32.0 * 32.0}, {32.0 * 32.0, 96.0 * 96.0}, {96.0 * 96.0, 1e10}}};

bool outside(double value, std::size_t area) {
  return value < kRanges[area].first || value > kRanges[area].second;
}

/// What a detection is to true boxes: overlap by overlap.
std::vector<double> overlaps(const Box& box, std::span<const TrueBox> truth) {
  std::vector<double> all;
  for (const TrueBox& known : truth) {
    const double own = box.area();
    all.push_back(!known.crowd ? overlap(box, known.box) : own > 0 ? intersection(box, known.box) / own : 0.0);
  }
  return all;
}

}  // namespace

void AveragePrecision::reset() {
  entries_.clear();
  known_.clear();
}

void AveragePrecision::add(std::int64_t picture, std::span<const Detection> detections, std::span<const TrueBox> truth) {
  std::map<std::int64_t, std::pair<std::vector<Detection>, std::vector<TrueBox>>> by_label;
  for (const Detection& detection : detections) by_label[detection.label].first.push_back(detection);
  for (const TrueBox& known : truth) by_label[known.label].second.push_back(known);
  for (auto& [label, both] : by_label) {
    auto& [found, wanted] = both;
    std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
    if (setup_.max_detections > 0 && static_cast<std::int64_t>(found.size()) > setup_.max_detections)
      found.resize(static_cast<std::size_t>(setup_.max_detections));
    match(picture, label, found, wanted);
  }
}

void AveragePrecision::match(std::int64_t picture, std::int64_t label, std::span<const Detection> detections,
                             std::span<const TrueBox> truth) {
  if (!truth.empty()) {
    auto& known = known_[label];
    for (std::size_t area = 0; area < kAreas; ++area)
      known[area] += std::count_if(truth.begin(), truth.end(),
                                   [&](const TrueBox& box) { return !box.crowd && !outside(box.area, area); });
  }
  const std::size_t begin = entries_.size();
  for (std::size_t i = 0; i < detections.size(); ++i)
    entries_.push_back({detections[i].score, label, picture, static_cast<std::int64_t>(i), {}, {}});
  for (std::size_t area = 0; area < kAreas; ++area) match_area(area, detections, truth, entries_.data() + begin);
}

void AveragePrecision::match_area(std::size_t area, std::span<const Detection> detections, std::span<const TrueBox> truth,
                                  Entry* entries) {
  std::vector<TrueBox> boxes(truth.begin(), truth.end());
  const auto ignored = [&](const TrueBox& box) { return box.crowd || outside(box.area, area); };
  std::stable_partition(boxes.begin(), boxes.end(), [&](const TrueBox& box) { return !ignored(box); });
  std::vector<std::uint32_t> taken(boxes.size(), 0);
  for (std::size_t d = 0; d < detections.size(); ++d) {
    const std::vector<double> shares = overlaps(detections[d].box, boxes);
    const bool odd = outside(detections[d].box.area(), area);
    for (std::size_t t = 0; t < setup_.thresholds.size(); ++t) {
      const std::uint32_t bit = std::uint32_t{1} << t;
      double best = std::min(setup_.thresholds[t], 1 - 1e-10);
      std::size_t chosen = boxes.size();
      for (std::size_t b = 0; b < boxes.size(); ++b) {
        if ((taken[b] & bit) != 0 && !boxes[b].crowd) continue;
        if (chosen < boxes.size() && !ignored(boxes[chosen]) && ignored(boxes[b])) break;
        if (shares[b] < best) continue;
        best = shares[b];
        chosen = b;
      }
      const bool found = chosen < boxes.size();
      if (found) taken[chosen] |= bit;
      if (found ? ignored(boxes[chosen]) : odd)
        entries[d].ignored[area] |= bit;
      else if (found)
        entries[d].right[area] |= bit;
    }
  }
}

double AveragePrecision::average(std::span<const double> precision, std::span<const double> recall) const {
  double sum = 0;
  if (setup_.points == 0) {
    double last = 0;
    for (std::size_t i = 0; i < recall.size(); ++i) {
      sum += (recall[i] - last) * precision[i];
      last = recall[i];
    }
    return sum;
  }
  const double step = 1.0 / static_cast<double>(setup_.points - 1);
  for (std::int64_t i = 0; i < setup_.points; ++i) {
    const double wanted = i + 1 == setup_.points ? 1.0 : static_cast<double>(i) * step;
    const auto at = std::lower_bound(recall.begin(), recall.end(), wanted);
    if (at != recall.end()) sum += precision[static_cast<std::size_t>(at - recall.begin())];
  }
  return sum / static_cast<double>(setup_.points);
}

void AveragePrecision::add_class(std::span<const Entry> entries, const std::array<std::int64_t, kAreas>& known,
                                 std::array<Means, kAreas>& sums) const {
  std::vector<double> precision, recall;
  for (std::size_t area = 0; area < kAreas; ++area) {
    if (known[area] == 0) continue;
    for (std::size_t t = 0; t < setup_.thresholds.size(); ++t) {
      precision.clear();
      recall.clear();
      double right = 0, judged = 0;
      for (const Entry& entry : entries) {
        if ((entry.ignored[area] >> t & 1) != 0) continue;
        judged += 1;
        right += static_cast<double>(entry.right[area] >> t & 1);
        precision.push_back(right / judged);
        recall.push_back(right / static_cast<double>(known[area]));
      }
      for (std::size_t i = precision.size(); i-- > 1;) precision[i - 1] = std::max(precision[i - 1], precision[i]);
      sums[area].precision[t] += average(precision, recall);
      sums[area].recall[t] += recall.empty() ? 0.0 : recall.back();
    }
  }
}

std::array<AveragePrecision::Means, kAreas> AveragePrecision::means() const {
  std::vector<Entry> sorted = entries_;
  const auto key = [](const Entry& e) { return std::tuple(e.label, -e.score, e.picture, e.rank); };
  std::sort(sorted.begin(), sorted.end(), [&](const Entry& a, const Entry& b) { return key(a) < key(b); });
  const std::vector<double> zeros(setup_.thresholds.size(), 0.0);
  std::array<Means, kAreas> result;
  std::array<std::int64_t, kAreas> classes{};
  result.fill({zeros, zeros});
  for (const auto& [label, known] : known_) {
    const auto first = std::partition_point(sorted.begin(), sorted.end(), [&](const Entry& e) { return e.label < label; });
    const auto last = std::partition_point(first, sorted.end(), [&](const Entry& e) { return e.label == label; });
    add_class({first, last}, known, result);
    for (std::size_t area = 0; area < kAreas; ++area) classes[area] += known[area] > 0 ? 1 : 0;
  }
  for (std::size_t area = 0; area < kAreas; ++area) {
    if (classes[area] == 0) result[area] = {};
    for (auto* values : {&result[area].precision, &result[area].recall})
      for (double& value : *values) value /= static_cast<double>(classes[area]);
  }
  return result;
}

}  // namespace inc::eval
