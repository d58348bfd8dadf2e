// process_*: what every Prometheus client tells of its process.
#pragma once

#include <prometheus/metric_family.h>

#include <vector>

namespace parallelrun::op {

// As of now, from /proc; what cannot be read is left out.
std::vector<prometheus::MetricFamily> process_metrics();

// One sample without labels.
prometheus::MetricFamily single_metric(std::string name, std::string help, prometheus::MetricType type,
                                       double value);

}  // namespace parallelrun::op
