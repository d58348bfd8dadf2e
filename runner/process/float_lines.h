/* Numbers as the lines that rows of text have for them, as Python's str() writes them. C, for ctypes. */
#pragma once

#include <stdint.h>

/* Bytes that a line needs at most. */
#define PARALLELRUN_FLOAT_LINE 24

#ifdef __cplusplus
extern "C" {
#endif

/* Writes one line for each of `count` numbers to `out`, which has room for PARALLELRUN_FLOAT_LINE bytes for each,
 * and gives the bytes written. -1: it has met a number that it leaves to Python: one that takes more than 15
 * digits, or is written with an exponent.
 *
 * A decimal of at most 15 digits is the shortest one of its double and the only one of its length, so that it is
 * what str() gives. It is found by one multiplication and proved by one division, whose operands are exact. */
__attribute__((visibility("default"))) int64_t parallelrun_float_lines(const double* values, uint64_t count,
                                                                       char* out);

#ifdef __cplusplus
}
#endif
