#include "core/search/shared.h"

#include "core/base/pack.h"

namespace inc::search {
namespace {

enum class Order : std::uint8_t { Evaluate, Sensitivity, End };

void tell(const Ranks& ranks, Order order, const Point& point = {}) {
  if (ranks.several()) ranks.broadcast(packed(order, point));
}

}  // namespace

Measures shared(const Ranks& ranks, Measures mine) {
  Measures out;
  out.evaluate = [&ranks, evaluate = std::move(mine.evaluate)](const Point& point) {
    tell(ranks, Order::Evaluate, point);
    return evaluate(point);
  };
  if (mine.sensitivity)
    out.sensitivity = [&ranks, sensitivity = std::move(mine.sensitivity)] {
      tell(ranks, Order::Sensitivity);
      return sensitivity();
    };
  return out;
}

void dismiss(const Ranks& ranks) {
  tell(ranks, Order::End);
}

void follow(const Ranks& ranks, const Measures& mine) {
  for (;;) {
    Order order = Order::End;
    Point point;
    unpack(ranks.broadcast({}), order, point);
    if (order == Order::End) return;
    try {
      if (order == Order::Evaluate)
        mine.evaluate(point);
      else
        mine.sensitivity();
    } catch (const Interrupted&) {
    }
  }
}

}  // namespace inc::search
