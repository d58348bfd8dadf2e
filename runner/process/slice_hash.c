#include "runner/process/slice_hash.h"

/* Inlined: the library links nothing that a user's image may lack. */
#define XXH_INLINE_ALL
#include <xxhash.h>

__attribute__((visibility("default"))) uint64_t parallelrun_slice_hash(const char* data, uint64_t size) {
  return XXH3_64bits(data, (size_t)size);
}
