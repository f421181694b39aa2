#include "core/search/shared.h"

#include "core/base/pack.h"
#include "core/base/stopwatch.h"
#include "core/search/events.h"

namespace inc::search {
namespace {

enum class Order : std::uint8_t { Evaluate, SideBySide, Sensitivity, End };

void tell(const Ranks& ranks, Order order, const std::vector<Point>& points = {}, std::size_t first = 0) {
  if (ranks.several()) ranks.broadcast(packed(order, points, first));
}

std::string as_bytes(const Evaluate& alone, const Point& point, std::size_t trial) {
  try {
    Observation seen = alone(point, trial);
    seen.point = point;
    return packed(StopReason::Interrupted, line_of(seen));
  } catch (const Interrupted& by) {
    return packed(by.reason, std::string());
  }
}

Measured from_bytes(const std::string& bytes) {
  StopReason reason = StopReason::Interrupted;
  std::string line;
  unpack(bytes, reason, line);
  if (line.empty()) return Interrupted{reason};
  line.pop_back();
  return std::get<Observation>(event_of(line).value());
}

std::vector<Measured> measured_apart(const Ranks& ranks, const Evaluate& alone, const std::vector<Point>& points,
                                     std::size_t first) {
  std::vector<Measured> out;
  for (Piece& piece : share_out(ranks, std::ssize(points), [&](std::int64_t i) {
         const auto at = static_cast<std::size_t>(i);
         return as_bytes(alone, points[at], first + at);
       }))
    out.push_back(from_bytes(std::move(piece).take()));
  return out;
}

/// So that their sum is the time that has passed.
void divide(double seconds, std::vector<Measured>& trials) {
  double sum = 0;
  for (const Measured& one : trials)
    if (const auto* seen = std::get_if<Observation>(&one)) sum += seen->seconds;
  for (Measured& one : trials)
    if (auto* seen = std::get_if<Observation>(&one); seen != nullptr && sum > 0) seen->seconds *= seconds / sum;
}

}  // namespace

Measures shared(const Ranks& ranks, Part mine) {
  Measures out;
  out.evaluate = [&ranks, evaluate = std::move(mine.together.evaluate)](const Point& point, std::size_t trial) {
    tell(ranks, Order::Evaluate, {point}, trial);
    return evaluate(point, trial);
  };
  if (mine.together.sensitivity)
    out.sensitivity = [&ranks, sensitivity = std::move(mine.together.sensitivity)] {
      tell(ranks, Order::Sensitivity);
      return sensitivity();
    };
  if (!mine.alone || !ranks.several()) return out;
  out.width = static_cast<std::size_t>(ranks.size());
  out.side_by_side = [&ranks, alone = std::move(mine.alone)](const std::vector<Point>& points, std::size_t first) {
    tell(ranks, Order::SideBySide, points, first);
    const Stopwatch watch;
    std::vector<Measured> trials = measured_apart(ranks, alone, points, first);
    divide(watch.seconds(), trials);
    return trials;
  };
  return out;
}

void dismiss(const Ranks& ranks) {
  tell(ranks, Order::End);
}

void follow(const Ranks& ranks, const Part& mine) {
  for (;;) {
    Order order = Order::End;
    std::vector<Point> points;
    std::size_t first = 0;
    unpack(ranks.broadcast({}), order, points, first);
    if (order == Order::End) return;
    try {
      if (order == Order::Evaluate)
        mine.together.evaluate(points.at(0), first);
      else if (order == Order::SideBySide)
        measured_apart(ranks, mine.alone, points, first);
      else
        mine.together.sensitivity();
    } catch (const Interrupted&) {
    }
  }
}

}  // namespace inc::search
