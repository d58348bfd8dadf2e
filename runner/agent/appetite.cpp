#include "runner/agent/appetite.h"

#include <algorithm>
#include <cmath>

namespace parallelrun::agent {
namespace {

constexpr double kWindowUs = 25'000;
constexpr double kAloneInProcessUs = 100'000;
constexpr double kAheadUs = 100'000;
constexpr double kNoneAheadUs = 1'000'000;
constexpr double kBearableUs = 2'000'000;
constexpr double kWeight = 1.0 / 8;

std::size_t fitting(double span_us, double mean_us) {
  return static_cast<std::size_t>(std::ceil(span_us / std::max(mean_us, 1.0)));
}

}  // namespace

void Appetite::on_duration(std::chrono::microseconds duration) {
  const double us = std::max(1.0, static_cast<double>(duration.count()));
  mean_us_ = mean_us_ == 0 ? us : mean_us_ + (us - mean_us_) * kWeight;
}

std::size_t Appetite::window() const {
  if (mean_us_ == 0 || mean_us_ >= kAloneInProcessUs) return 1;
  return std::min({1 + fitting(kWindowUs, mean_us_), growth_, kMostInProcess});
}

std::size_t Appetite::in_hand() const {
  if (mean_us_ == 0 || mean_us_ >= kNoneAheadUs) return 1;
  return std::min({1 + fitting(kAheadUs, mean_us_), growth_, kMost});
}

std::size_t Appetite::bearable() const {
  if (mean_us_ == 0) return kMost;
  return std::max<std::size_t>({2, in_hand(), fitting(kBearableUs, mean_us_)});
}

}  // namespace parallelrun::agent
