#include "strategies/math/gaussian_process.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace inc::strategies {
namespace {

using search::Point;

double differing(const Point& a, const Point& b) {
  double count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += a[i] != b[i];
  return count;
}

double density(double z) {
  return std::exp(-0.5 * z * z) / std::sqrt(2 * 3.14159265358979323846);
}
double distribution(double z) {
  return 0.5 * std::erfc(-z / std::sqrt(2.0));
}

}  // namespace

struct GaussianProcess::Fit {
  std::vector<Point> points;
  double mean = 0, spread = 1, length = 1;
  Eigen::LLT<Eigen::MatrixXd> factor;
  Eigen::VectorXd weights;
};

GaussianProcess::GaussianProcess(std::vector<Point> points, const std::vector<double>& values) {
  auto fit = std::make_unique<Fit>();
  const auto n = static_cast<Eigen::Index>(points.size());
  Eigen::VectorXd y = Eigen::Map<const Eigen::VectorXd>(values.data(), n);
  fit->mean = y.mean();
  fit->spread = std::sqrt((y.array() - fit->mean).square().mean());
  if (!(fit->spread > 0)) fit->spread = 1;
  y = (y.array() - fit->mean) / fit->spread;
  Eigen::MatrixXd distances(n, n);
  for (Eigen::Index i = 0; i < n; ++i)
    for (Eigen::Index j = 0; j < n; ++j)
      distances(i, j) = differing(points[static_cast<std::size_t>(i)], points[static_cast<std::size_t>(j)]);
  double best = -std::numeric_limits<double>::infinity();
  for (const double share : {0.05, 0.15, 0.5, 1.5})
    for (const double noise : {1e-6, 1e-3, 1e-1}) {
      const double length = share * static_cast<double>(std::max<std::size_t>(1, points[0].size()));
      Eigen::MatrixXd covariance = (-distances / length).array().exp().matrix();
      covariance.diagonal().array() += noise;
      Eigen::LLT<Eigen::MatrixXd> factor(covariance);
      if (factor.info() != Eigen::Success) continue;
      Eigen::VectorXd weights = factor.solve(y);
      const Eigen::MatrixXd lower = factor.matrixL();
      const double likelihood = -0.5 * y.dot(weights) - lower.diagonal().array().log().sum();
      if (likelihood <= best) continue;
      best = likelihood;
      fit->length = length;
      fit->factor = std::move(factor);
      fit->weights = std::move(weights);
    }
  fit->points = std::move(points);
  fit_ = std::move(fit);
}

GaussianProcess::~GaussianProcess() = default;

Prediction GaussianProcess::at(const Point& point) const {
  Eigen::VectorXd covariance(static_cast<Eigen::Index>(fit_->points.size()));
  for (Eigen::Index i = 0; i < covariance.size(); ++i)
    covariance(i) = std::exp(-differing(fit_->points[static_cast<std::size_t>(i)], point) / fit_->length);
  const Eigen::VectorXd solved = fit_->factor.matrixL().solve(covariance);
  const double variance = std::max(0.0, 1 - solved.squaredNorm());
  return {fit_->mean + fit_->spread * covariance.dot(fit_->weights), fit_->spread * std::sqrt(variance)};
}

double expected_improvement(const Prediction& value, double best) {
  if (!(value.deviation > 0)) return std::max(0.0, best - value.mean);
  const double z = (best - value.mean) / value.deviation;
  return (best - value.mean) * distribution(z) + value.deviation * density(z);
}

double probability_below(const Prediction& value, double bound) {
  if (!(value.deviation > 0)) return value.mean <= bound ? 1 : 0;
  return distribution((bound - value.mean) / value.deviation);
}

}  // namespace inc::strategies
