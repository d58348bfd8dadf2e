/* The columns of a CSV slice as Arrow's buffers, for slices without quotes: types are given, and whatever is
 * no plain value of its type is left to pyarrow and pandas
 * (runner/python/parallelrun_worker/arrow_reader.py). A plain C interface for ctypes, as csv_check.h. The
 * functions have no state and may run on any thread. */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum parallelrun_csv_kind {
  PARALLELRUN_CSV_INT64 = 0,  /* values: int64_t[rows]; -?[0-9]+ */
  PARALLELRUN_CSV_UINT64 = 1, /* values: uint64_t[rows]; [0-9]+ */
  PARALLELRUN_CSV_FLOAT64 =
      2, /* values: double[rows], the nearest one; -?digits, a point, an exponent; finite */
  PARALLELRUN_CSV_BOOL = 3, /* values: uint8_t[rows]; True, TRUE, true, False, FALSE, false */
  PARALLELRUN_CSV_TEXT = 4, /* values: int64_t[rows + 1], where each text begins in what gather() makes */
};

struct parallelrun_csv_column {
  uint32_t kind;
  uint32_t has_gaps; /* TEXT: whether a text may be a gap */
  void* values;      /* of a gap: 0, or no text */
  uint8_t* present;  /* [rows]: 0 for a gap, else 1 */
  uint32_t* begins;  /* TEXT: [rows], where each text begins in the data */
  uint64_t gaps;     /* out: how many */
};

/* The texts that mean a gap, one behind the other; the empty field is always one. */
struct parallelrun_csv_gaps {
  const char* texts;
  const uint32_t* lengths;
  uint64_t count;
};

/* Fills the columns from data[0, size) with size < 4 GiB. 1: done. 0: something is not as above, or the
 * number of records that are not empty lines is not `rows`, or many floats have more digits than can be read
 * fast here; the columns then hold anything. */
int parallelrun_csv_read(const char* data, uint64_t size, char delimiter,
                         const struct parallelrun_csv_gaps* gaps, struct parallelrun_csv_column* columns,
                         uint64_t column_count, uint64_t rows);

/* Copies the texts of a TEXT column that was read, one behind the other, to `out`: offsets[rows] bytes. */
void parallelrun_csv_gather(const char* data, const uint32_t* begins, const int64_t* offsets, uint64_t rows,
                            char* out);

#ifdef __cplusplus
}
#endif
