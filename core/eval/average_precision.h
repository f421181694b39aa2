#pragma once
// Average precision of detections, as COCO's evaluation defines it (cocoeval.py of the COCO API; Everingham et al.: "The
// Pascal Visual Object Classes (VOC) Challenge", IJCV 2010, for the interpolations of VOC).
//
// In a picture, the detections of a class choose among its true boxes, best score first: the one they overlap most, of those
// that are free and overlap by the threshold at least. Who finds none is wrong. Neither right nor wrong is who finds a crowd
// (of a crowd the overlap is measured against the detection's own area, and it is never taken) or a box outside the range of
// areas, and who finds none and is itself outside of it. Over all pictures, best score first, precision is the share of
// right ones so far, made monotone from the end; average precision is its mean at evenly spaced recalls.
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "core/eval/detection.h"

namespace inc::eval {

struct Detection {
  Box box;
  double score = 0;
  std::int64_t label = 0;
};

struct PrecisionSetup {
  std::vector<double> thresholds;     ///< of the overlap, at most 32
  std::int64_t points = 101;          ///< recalls: 101 as COCO, 11 as VOC 2007, 0: all there are, as VOC 2010
  std::int64_t max_detections = 100;  ///< of a class in a picture, the best; 0: all
};

/// Of areas: all, below 32² pixels, between, above 96².
inline constexpr std::size_t kAreas = 4;

class AveragePrecision {
 public:
  explicit AveragePrecision(PrecisionSetup setup) : setup_(std::move(setup)) {}

  /// A picture, with detections in the order that decides between equal scores. Pictures may come in any order.
  void add(std::int64_t picture, std::span<const Detection> detections, std::span<const TrueBox> truth);
  void reset();

  /// Means over the classes that have true boxes in the range of areas; empty where none has.
  struct Means {
    std::vector<double> precision, recall;  ///< per threshold
  };
  std::array<Means, kAreas> means() const;

 private:
  using Flags = std::array<std::uint32_t, kAreas>;  ///< a bit per threshold
  struct Entry {
    double score;
    std::int64_t label, picture, rank;
    Flags right, ignored;
  };
  void match(std::int64_t picture, std::int64_t label, std::span<const Detection> detections,
             std::span<const TrueBox> truth);
  void match_area(std::size_t area, std::span<const Detection> detections, std::span<const TrueBox> truth, Entry* entries);
  double average(std::span<const double> precision, std::span<const double> recall) const;
  void add_class(std::span<const Entry> entries, const std::array<std::int64_t, kAreas>& known,
                 std::array<Means, kAreas>& sums) const;

  PrecisionSetup setup_;
  std::vector<Entry> entries_;
  std::map<std::int64_t, std::array<std::int64_t, kAreas>> known_;  ///< true boxes that count, by label
};

}  // namespace inc::eval
