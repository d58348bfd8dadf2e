#include "runner/input/csv_kernel.h"

namespace parallelrun {

extern const CsvKernel kCsvKernelPortable;
#if defined(__x86_64__)
extern const CsvKernel kCsvKernelSse2;
extern const CsvKernel kCsvKernelAvx2;
#endif

std::span<const CsvKernel* const> csv_kernels() {
#if defined(__x86_64__)
  static constexpr const CsvKernel* kAll[] = {&kCsvKernelAvx2, &kCsvKernelSse2, &kCsvKernelPortable};
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt");
  return std::span(kAll).subspan(has_avx2 ? 0 : 1);
#else
  static constexpr const CsvKernel* kAll[] = {&kCsvKernelPortable};
  return kAll;
#endif
}

}  // namespace parallelrun
