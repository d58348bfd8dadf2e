/* The columns of a slice of JSON lines, one object a line, for slices of plain values: columns and their types
 * are given, and whatever is not as said here is left to Python's json module, which has the whole say on values
 * and messages (runner/python/parallelrun_worker/json_lines.py). What is taken has the values that Python gives.
 * A plain C interface for ctypes, as csv_check.h. The functions have no state and may run on any thread. */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* In each of them null, NaN and a key that is missing are gaps, but NaN in ANY. */
enum parallelrun_json_kind {
  PARALLELRUN_JSON_INT64 = 0,   /* values: int64_t[rows]; a number without a point and an exponent */
  PARALLELRUN_JSON_UINT64 = 1,  /* values: uint64_t[rows]; likewise, not negative */
  PARALLELRUN_JSON_FLOAT64 = 2, /* values: double[rows], the nearest one; any number, finite */
  PARALLELRUN_JSON_BOOL = 3,    /* values: uint8_t[rows]; true and false */
  PARALLELRUN_JSON_STRING = 4,  /* values: int64_t[rows + 1], where each begins in what gather() makes */
  PARALLELRUN_JSON_TEXT = 5,    /* likewise; numbers, true and false are strings as they stand in the file */
  /* values: likewise, of what stands in the file and a comma behind it. Strings, numbers, true and false are
   * checked; of objects and arrays it is known where they end if they are right, so that they have to be parsed. */
  PARALLELRUN_JSON_ANY = 6,
  PARALLELRUN_JSON_NOTHING = 7, /* values: not used; there are only gaps */
};

/* What follows a key in one row mostly follows it in the next. The reader's own. */
struct parallelrun_json_key {
  uint64_t column;
  const char* text; /* as it stands in the file, with its closing quote; null: not known */
  uint64_t size;
};

struct parallelrun_json_column {
  const char* key; /* UTF-8, without escapes */
  uint64_t key_size;
  uint32_t kind;
  void* values;     /* of a gap: 0, or no text */
  uint8_t* present; /* [rows]: 0 for a gap, else 1 */
  uint32_t* begins; /* STRING, TEXT, ANY: [rows], where each begins in the data */
  uint64_t gaps;    /* out: how many */
  uint64_t row;     /* the reader's own */
  struct parallelrun_json_key next;
};

/* Lines of data[0, size) that are not blank. */
uint64_t parallelrun_json_count(const char* data, uint64_t size);

/* Fills the columns and `lines` ([rows]: number of the line of each object, from 0, blank ones counted) from
 * data[0, size), size < 4 GiB, which has `rows` lines that are not blank. `slots`: room for `slot_count`, a power
 * of two above `column_count`. 1: done. 0: something is not as above, or a line is no object, not JSON, not
 * UTF-8, or has a key twice or one that is no column's; the columns then hold anything, and `lines[0]` is the number
 * of the line (if there is a row). */
int parallelrun_json_read(const char* data, uint64_t size, struct parallelrun_json_column* columns,
                          uint64_t column_count, uint32_t* slots, uint64_t slot_count, uint32_t* lines,
                          uint64_t rows);

/* Writes the texts of a column of STRING, TEXT or ANY that was read, one behind the other, to `out`:
 * offsets[rows] bytes. */
void parallelrun_json_gather(const char* data, uint32_t kind, const uint32_t* begins, const int64_t* offsets,
                             uint64_t rows, char* out);

#ifdef __cplusplus
}
#endif
