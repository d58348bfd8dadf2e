#define _GNU_SOURCE  // NOLINT(bugprone-reserved-identifier): glibc asks for it to declare strtod_l
#include "runner/process/csv_read.h"

#include <locale.h>
#include <stddef.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "runner/process/plain_numbers.h"

#define EXPORTED __attribute__((visibility("default")))

enum { kSlowFloatsAtFirst = 1000, kSlowShare = 4 };

struct gap_list {
  const struct parallelrun_csv_gaps* gaps;
  uint32_t longest;
  uint8_t begins[256];
};

struct reader {
  struct gap_list gaps;
  struct float_reader numbers;
};

static struct gap_list list_gaps(const struct parallelrun_csv_gaps* gaps) {
  struct gap_list list = {gaps, 0, {0}};
  const char* text = gaps->texts;
  for (uint64_t i = 0; i < gaps->count; ++i) {
    const uint32_t length = gaps->lengths[i];
    if (length > list.longest) list.longest = length;
    if (length > 0) list.begins[(unsigned char)*text] = 1;
    text += length;
  }
  return list;
}

static int is_gap(const struct gap_list* list, const char* field, uint64_t length) {
  if (length == 0) return 1;
  if (length > list->longest || !list->begins[(unsigned char)*field]) return 0;
  const char* text = list->gaps->texts;
  for (uint64_t i = 0; i < list->gaps->count; ++i) {
    if (list->gaps->lengths[i] == length && memcmp(text, field, length) == 0) return 1;
    text += list->gaps->lengths[i];
  }
  return 0;
}

/* Offset of the first delimiter or line end at or behind `at`, or `size`. */
static uint64_t field_end(const char* data, uint64_t size, uint64_t at, char delimiter) {
#ifdef __SSE2__
  const __m128i separator = _mm_set1_epi8(delimiter);
  const __m128i newline = _mm_set1_epi8('\n');
  const __m128i carriage = _mm_set1_epi8('\r');
  for (; at + 16 <= size; at += 16) {
    const __m128i bytes = _mm_loadu_si128((const __m128i*)(const void*)(data + at));
    const __m128i ends =
        _mm_or_si128(_mm_cmpeq_epi8(bytes, separator),
                     _mm_or_si128(_mm_cmpeq_epi8(bytes, newline), _mm_cmpeq_epi8(bytes, carriage)));
    const unsigned bits = (unsigned)_mm_movemask_epi8(ends);
    if (bits != 0) return at + (unsigned)__builtin_ctz(bits);
  }
#endif
  while (at < size && data[at] != delimiter && data[at] != '\n' && data[at] != '\r') ++at;
  return at;
}

static int read_bool(const char* at, const char* end, uint8_t* value) {
  const size_t length = (size_t)(end - at);
  *value = length == 4;
  if (length == 4) {
    return memcmp(at, "True", 4) == 0 || memcmp(at, "TRUE", 4) == 0 || memcmp(at, "true", 4) == 0;
  }
  return length == 5 &&
         (memcmp(at, "False", 5) == 0 || memcmp(at, "FALSE", 5) == 0 || memcmp(at, "false", 5) == 0);
}

static int read_field(struct reader* reader, const char* data, uint64_t at, uint64_t end, uint64_t row,
                      struct parallelrun_csv_column* column) {
  const char* first = data + at;
  const char* last = data + end;
  int fits = 0;
  switch (column->kind) {
    case PARALLELRUN_CSV_INT64:
      fits = read_int64(first, last, (int64_t*)column->values + row);
      break;
    case PARALLELRUN_CSV_UINT64:
      fits = read_whole(first, last, (uint64_t*)column->values + row);
      break;
    case PARALLELRUN_CSV_FLOAT64:
      fits = read_float(&reader->numbers, first, last, (double*)column->values + row);
      break;
    case PARALLELRUN_CSV_BOOL:
      fits = read_bool(first, last, (uint8_t*)column->values + row);
      break;
    case PARALLELRUN_CSV_TEXT: {
      int64_t* offsets = column->values;
      fits = !column->has_gaps || !is_gap(&reader->gaps, first, end - at);
      column->begins[row] = (uint32_t)at;
      offsets[row + 1] = offsets[row] + (fits ? (int64_t)(end - at) : 0);
      column->present[row] = (uint8_t)fits;
      column->gaps += !fits;
      return 1;
    }
    default:
      return 0;
  }
  column->present[row] = (uint8_t)fits;
  if (fits) return 1;
  if (!is_gap(&reader->gaps, first, end - at)) return 0;
  if (column->kind == PARALLELRUN_CSV_BOOL) {
    ((uint8_t*)column->values)[row] = 0;
  } else {
    ((uint64_t*)column->values)[row] = 0;
  }
  ++column->gaps;
  return 1;
}

static int too_slow(const struct float_reader* reader) {
  return reader->slow_floats > kSlowFloatsAtFirst && reader->slow_floats > reader->floats / kSlowShare;
}

static int read_rows(struct reader* reader, const char* data, uint64_t size, char delimiter,
                     struct parallelrun_csv_column* columns, uint64_t column_count, uint64_t rows) {
  uint64_t at = 0;
  for (uint64_t row = 0; row < rows; ++row) {
    while (at < size && (data[at] == '\n' || data[at] == '\r')) ++at;
    if (at == size) return 0;
    for (uint64_t number = 0; number < column_count; ++number) {
      const uint64_t end = field_end(data, size, at, delimiter);
      const int inside = end < size && data[end] == delimiter;
      if (inside != (number + 1 < column_count)) return 0;
      if (!read_field(reader, data, at, end, row, columns + number)) return 0;
      at = end + (end < size);
    }
    if (too_slow(&reader->numbers)) return 0;
  }
  while (at < size && (data[at] == '\n' || data[at] == '\r')) ++at;
  return at == size;
}

EXPORTED int parallelrun_csv_read(const char* data, uint64_t size, char delimiter,
                                  const struct parallelrun_csv_gaps* gaps,
                                  struct parallelrun_csv_column* columns, uint64_t column_count,
                                  uint64_t rows) {
  if (size > UINT32_MAX || column_count == 0) return 0;
  struct reader reader = {list_gaps(gaps), {newlocale(LC_ALL_MASK, "C", (locale_t)0), 0, 0}};
  if (reader.numbers.plain == (locale_t)0) return 0;
  for (uint64_t number = 0; number < column_count; ++number) {
    columns[number].gaps = 0;
    if (columns[number].kind == PARALLELRUN_CSV_TEXT) *(int64_t*)columns[number].values = 0;
  }
  const int done = read_rows(&reader, data, size, delimiter, columns, column_count, rows);
  freelocale(reader.numbers.plain);
  return done;
}

EXPORTED void parallelrun_csv_gather(const char* data, const uint32_t* begins, const int64_t* offsets,
                                     uint64_t rows, char* out) {
  for (uint64_t row = 0; row < rows; ++row) {
    memcpy(out + offsets[row], data + begins[row], (size_t)(offsets[row + 1] - offsets[row]));
  }
}
