/* By what the bytes of a slice are known again: the same value as slice_hash() of runner/input/slice_hash.h.
 * In libparallelrun_csv.so, for ctypes; the same in Python: runner/python/parallelrun_worker/xxh3.py. */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* XXH3 of 64 bits without a seed. Has no state; any thread. */
uint64_t parallelrun_slice_hash(const char* data, uint64_t size);

#ifdef __cplusplus
}
#endif
