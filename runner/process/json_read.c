#define _GNU_SOURCE  // NOLINT(bugprone-reserved-identifier): glibc asks for it to declare strtod_l
#include "runner/process/json_read.h"

#include <locale.h>
#include <stddef.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "runner/process/plain_numbers.h"
#include "runner/process/utf8.h"

#define EXPORTED __attribute__((visibility("default")))

/* Python's json module has a limit for numbers (4300 digits) and one for depth (about 1000): well inside them. */
enum { kLongestKey = 1024, kLongestNumber = 400, kDeepest = 100 };

struct json_reader {
  const char* data;
  const char* end;
  struct float_reader numbers;
  struct parallelrun_json_column* columns;
  uint64_t column_count;
  uint32_t* slots; /* number of a column + 1, or 0 */
  uint64_t slot_mask;
  struct parallelrun_json_key first; /* of an object */
};

/* What stands between two quotes. */
struct string {
  const char* begin;
  const char* end;
  uint64_t size; /* without its escapes, as UTF-8 */
  int escaped;
};

/* ---- strings ---- */

static const char* skip_blanks(const char* at, const char* end) {
  while (at < end && (*at == ' ' || *at == '\t' || *at == '\r')) ++at;
  return at;
}

/* The first byte at or behind `at` that is a quote, a backslash or a control character, or `end`. `*high`: set
 * where a byte before it is not ASCII. */
static const char* string_stop(const char* at, const char* end, int* high) {
#ifdef __SSE2__
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  const __m128i control = _mm_set1_epi8(0x1F);
  for (; end - at >= 16; at += 16) {
    const __m128i bytes = _mm_loadu_si128((const __m128i*)(const void*)at);
    const __m128i stops =
        _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)),
                     _mm_cmpeq_epi8(_mm_min_epu8(bytes, control), bytes));
    const unsigned found = (unsigned)_mm_movemask_epi8(stops);
    const unsigned upper = (unsigned)_mm_movemask_epi8(bytes);
    if (found != 0) {
      *high |= (upper & (found ^ (found - 1))) != 0;
      return at + (unsigned)__builtin_ctz(found);
    }
    *high |= upper != 0;
  }
#endif
  for (; at < end; ++at) {
    const unsigned char c = (unsigned char)*at;
    if (c == '"' || c == '\\' || c < 0x20) return at;
    *high |= c >= 0x80;
  }
  return end;
}

static int is_utf8(const char* at, const char* end) {
  const uint64_t size = (uint64_t)(end - at);
  for (uint64_t i = 0; i < size;) {
    const unsigned length = sequence_length((const unsigned char*)at, size, i);
    if (length == 0) return 0;
    i += length;
  }
  return 1;
}

/* Four hexadecimal digits, or -1. */
static int32_t read_hex(const char* at, const char* end) {
  if (end - at < 4) return -1;
  int32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = at[i];
    const char lower = (char)(c | 0x20);
    if (is_digit(c)) {
      value = value * 16 + (c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      value = value * 16 + (lower - 'a' + 10);
    } else {
      return -1;
    }
  }
  return value;
}

/* The character of the escape at `*at` (its backslash), which it then stands behind, or -1 where that is none or
 * half a character. */
static int32_t read_escape(const char** at, const char* end) {
  const char* from = *at + 1;
  if (from >= end) return -1;
  *at = from + 1;
  switch (*from) {
    case '"':
    case '\\':
    case '/':
      return *from;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'u':
      break;
    default:
      return -1;
  }
  const int32_t unit = read_hex(from + 1, end);
  *at = from + 5;
  if (unit < 0xD800 || unit > 0xDFFF) return unit;
  if (unit > 0xDBFF || end - from < 11 || from[5] != '\\' || from[6] != 'u') return -1;
  const int32_t low = read_hex(from + 7, end);
  if (low < 0xDC00 || low > 0xDFFF) return -1;
  *at = from + 11;
  return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
}

static unsigned utf8_size(int32_t character) {
  return character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
}

static char* put_utf8(char* out, int32_t character) {
  const unsigned size = utf8_size(character);
  if (size == 1) {
    *out = (char)character;
    return out + 1;
  }
  for (unsigned i = size - 1; i > 0; --i) {
    out[i] = (char)(0x80 | (character & 0x3F));
    character >>= 6;
  }
  *out = (char)((0xF00 >> size & 0xFF) | character);
  return out + size;
}

/* The string whose first byte behind the quote is `at`; null where it is none that Python reads without half a
 * character. Gives what stands behind its closing quote. */
static const char* read_string(const char* at, const char* end, struct string* found) {
  int high = 0;
  found->begin = at;
  found->size = 0;
  found->escaped = 0;
  for (;;) {
    const char* stop = string_stop(at, end, &high);
    if (stop == end) return NULL;
    found->size += (uint64_t)(stop - at);
    at = stop;
    if (*stop == '"') break;
    if (*stop != '\\') return NULL;
    const int32_t character = read_escape(&at, end);
    if (character < 0) return NULL;
    found->size += utf8_size(character);
    found->escaped = 1;
  }
  found->end = at;
  return high && !is_utf8(found->begin, at) ? NULL : at + 1;
}

/* Of a string that was read: its first `size` bytes without escapes, from its raw text at `at`. */
static void put_string(const char* at, uint64_t size, char* out) {
  const char* const stop = out + size;
  while (out < stop) {
    /* If there is an escape at all, it lies within as many raw bytes as the string has without escapes. */
    const uint64_t left = (uint64_t)(stop - out);
    const char* escape = memchr(at, '\\', left);
    const uint64_t plain = escape == NULL ? left : (uint64_t)(escape - at);
    memcpy(out, at, plain);
    out += plain;
    at += plain;
    if (escape != NULL) out = put_utf8(out, read_escape(&at, at + 12));
  }
}

/* ---- other values ---- */

/* Behind the number at `at`, or null. `*whole`: without a point and an exponent. */
static const char* number_end(const char* at, const char* end, int* whole) {
  const char* const begin = at;
  *whole = 1;
  if (at < end && *at == '-') ++at;
  if (at == end || !is_digit(*at)) return NULL;
  if (*at == '0') {
    ++at;
  } else {
    while (at < end && is_digit(*at)) ++at;
  }
  if (at < end && *at == '.') {
    *whole = 0;
    if (++at == end || !is_digit(*at)) return NULL;
    while (at < end && is_digit(*at)) ++at;
  }
  if (at < end && (*at == 'e' || *at == 'E')) {
    *whole = 0;
    ++at;
    if (at < end && (*at == '-' || *at == '+')) ++at;
    if (at == end || !is_digit(*at)) return NULL;
    while (at < end && is_digit(*at)) ++at;
  }
  return at - begin <= kLongestNumber ? at : NULL;
}

static int begins_with(const char* at, const char* end, const char* word, size_t size) {
  return (size_t)(end - at) >= size && memcmp(at, word, size) == 0;
}

/* Behind `true` or `false`, or null. */
static const char* read_bool(const char* at, const char* end, uint8_t* value) {
  *value = *at == 't';
  if (begins_with(at, end, "true", 4)) return at + 4;
  return begins_with(at, end, "false", 5) ? at + 5 : NULL;
}

/* Behind the object or the array at `at`, if it is one; null where it is surely none. */
static const char* container_end(const char* at, const char* end) {
  unsigned depth = 0;
  while (at < end) {
    const unsigned char c = (unsigned char)*at++;
    if (c == '"') {
      struct string skipped;
      at = read_string(at, end, &skipped);
      if (at == NULL) return NULL;
    } else if (c == '{' || c == '[') {
      if (++depth > kDeepest) return NULL;
    } else if (c == '}' || c == ']') {
      if (--depth == 0) return at;
    } else if (c >= 0x80 || (c < 0x20 && c != '\t' && c != '\r')) {
      return NULL;
    }
  }
  return NULL;
}

/* ---- rows ---- */

static void put_gap(struct parallelrun_json_column* column, uint64_t row) {
  column->present[row] = 0;
  ++column->gaps;
  switch (column->kind) {
    case PARALLELRUN_JSON_INT64:
    case PARALLELRUN_JSON_UINT64:
    case PARALLELRUN_JSON_FLOAT64:
      ((uint64_t*)column->values)[row] = 0;
      break;
    case PARALLELRUN_JSON_BOOL:
      ((uint8_t*)column->values)[row] = 0;
      break;
    case PARALLELRUN_JSON_NOTHING:
      break;
    default:
      ((int64_t*)column->values)[row + 1] = ((int64_t*)column->values)[row];
      column->begins[row] = 0;
  }
}

static void put_text(const struct json_reader* reader, struct parallelrun_json_column* column, uint64_t row,
                     const char* begin, uint64_t size) {
  int64_t* offsets = column->values;
  column->begins[row] = (uint32_t)(begin - reader->data);
  offsets[row + 1] = offsets[row] + (int64_t)size;
}

static const char* read_number(struct json_reader* reader, const char* at,
                               struct parallelrun_json_column* column, uint64_t row) {
  int whole = 0;
  const char* stop = number_end(at, reader->end, &whole);
  if (stop == NULL) return NULL;
  switch (column->kind) {
    case PARALLELRUN_JSON_INT64:
      return whole && read_int64(at, stop, (int64_t*)column->values + row) ? stop : NULL;
    case PARALLELRUN_JSON_UINT64:
      if (stop - at == 2 && at[0] == '-' && at[1] == '0') ++at; /* -0 */
      return whole && read_whole(at, stop, (uint64_t*)column->values + row) ? stop : NULL;
    default: {
      double* value = (double*)column->values + row;
      if (!read_float(&reader->numbers, at, stop, value)) return NULL;
      if (whole && *value == 0) *value = 0; /* -0 is a whole number, which has no sign */
      return stop;
    }
  }
}

static const char* read_text(struct json_reader* reader, const char* at,
                             struct parallelrun_json_column* column, uint64_t row) {
  const char* stop = NULL;
  if (*at == '"') {
    struct string found;
    stop = read_string(at + 1, reader->end, &found);
    if (stop == NULL) return NULL;
    if (column->kind != PARALLELRUN_JSON_ANY) {
      put_text(reader, column, row, found.begin, found.size);
      return stop;
    }
  } else if (column->kind == PARALLELRUN_JSON_STRING) {
    return NULL;
  } else if (*at == 't' || *at == 'f') {
    uint8_t value = 0;
    stop = read_bool(at, reader->end, &value);
  } else if (*at == '{' || *at == '[') {
    stop = column->kind == PARALLELRUN_JSON_ANY ? container_end(at, reader->end) : NULL;
  } else {
    int whole = 0;
    stop = number_end(at, reader->end, &whole);
  }
  if (stop == NULL) return NULL;
  put_text(reader, column, row, at, (uint64_t)(stop - at) + (column->kind == PARALLELRUN_JSON_ANY));
  return stop;
}

/* Behind the value at `at`, or null where it is not one of its column. */
static const char* read_value(struct json_reader* reader, const char* at,
                              struct parallelrun_json_column* column, uint64_t row) {
  if (at == reader->end) return NULL;
  if (*at == 'n' || (*at == 'N' && column->kind != PARALLELRUN_JSON_ANY)) {
    const size_t size = *at == 'n' ? 4 : 3;
    if (!begins_with(at, reader->end, *at == 'n' ? "null" : "NaN", size)) return NULL;
    put_gap(column, row);
    return at + size;
  }
  column->present[row] = 1;
  switch (column->kind) {
    case PARALLELRUN_JSON_INT64:
    case PARALLELRUN_JSON_UINT64:
    case PARALLELRUN_JSON_FLOAT64:
      return read_number(reader, at, column, row);
    case PARALLELRUN_JSON_BOOL:
      return read_bool(at, reader->end, (uint8_t*)column->values + row);
    case PARALLELRUN_JSON_STRING:
    case PARALLELRUN_JSON_TEXT:
    case PARALLELRUN_JSON_ANY:
      return read_text(reader, at, column, row);
    default:
      return NULL;
  }
}

static uint64_t hash_of(const char* key, uint64_t size) { /* FNV-1a */
  uint64_t hash = 0xCBF29CE484222325U;
  for (uint64_t i = 0; i < size; ++i) hash = (hash ^ (unsigned char)key[i]) * 0x100000001B3U;
  return hash ^ hash >> 32;
}

/* Number of the column with this key, or column_count. */
static uint64_t find_key(const struct json_reader* reader, const char* key, uint64_t size) {
  for (uint64_t slot = hash_of(key, size) & reader->slot_mask; reader->slots[slot] != 0;
       slot = (slot + 1) & reader->slot_mask) {
    const struct parallelrun_json_column* column = reader->columns + reader->slots[slot] - 1;
    if (column->key_size == size && memcmp(column->key, key, size) == 0) return reader->slots[slot] - 1;
  }
  return reader->column_count;
}

static uint64_t find_column(const struct json_reader* reader, const struct string* key) {
  if (!key->escaped) return find_key(reader, key->begin, key->size);
  char plain[kLongestKey];
  if (key->size > kLongestKey) return reader->column_count;
  put_string(key->begin, key->size, plain);
  return find_key(reader, plain, key->size);
}

/* Behind the key whose first byte behind the quote is `at`, or null. `expected` becomes what it is. */
static const char* read_key(const struct json_reader* reader, const char* at,
                            struct parallelrun_json_key* expected) {
  if (expected->text != NULL && (uint64_t)(reader->end - at) >= expected->size &&
      memcmp(expected->text, at, expected->size) == 0) {
    return at + expected->size;
  }
  struct string key;
  const char* stop = read_string(at, reader->end, &key);
  if (stop == NULL) return NULL;
  expected->column = find_column(reader, &key);
  expected->text = at;
  expected->size = (uint64_t)(stop - at);
  return expected->column == reader->column_count ? NULL : stop;
}

/* Behind the members of an object and its closing brace, or null. `at`: the first quote. */
static const char* read_members(struct json_reader* reader, const char* at, uint64_t row, uint64_t* keys) {
  const char* const end = reader->end;
  struct parallelrun_json_key* expected = &reader->first;
  for (;;) {
    if (at == end || *at != '"') return NULL;
    at = read_key(reader, at + 1, expected);
    if (at == NULL) return NULL;
    struct parallelrun_json_column* column = reader->columns + expected->column;
    if (column->row == row + 1) return NULL; /* the key stands there twice */
    column->row = row + 1;
    ++*keys;
    expected = &column->next;
    at = skip_blanks(at, end);
    if (at == end || *at != ':') return NULL;
    at = read_value(reader, skip_blanks(at + 1, end), column, row);
    if (at == NULL) return NULL;
    at = skip_blanks(at, end);
    if (at == end || (*at != ',' && *at != '}')) return NULL;
    if (*at == '}') return at + 1;
    at = skip_blanks(at + 1, end);
  }
}

/* Behind the object at `at`, or null. */
static const char* read_object(struct json_reader* reader, const char* at, uint64_t row) {
  uint64_t keys = 0;
  if (*at != '{') return NULL;
  at = skip_blanks(at + 1, reader->end);
  at = at < reader->end && *at == '}' ? at + 1 : read_members(reader, at, row, &keys);
  for (uint64_t number = 0; at != NULL && keys < reader->column_count && number < reader->column_count;
       ++number) {
    struct parallelrun_json_column* column = reader->columns + number;
    if (column->row != row + 1) put_gap(column, row);
  }
  return at;
}

static int read_lines(struct json_reader* reader, uint32_t* lines, uint64_t rows) {
  const char* at = reader->data;
  const char* const end = reader->end;
  uint64_t row = 0;
  for (uint32_t line = 0; at < end; ++line) {
    at = skip_blanks(at, end);
    if (at < end && *at != '\n') {
      if (row == rows) return 0;
      lines[row] = line;
      at = read_object(reader, at, row);
      if (at != NULL) at = skip_blanks(at, end);
      if (at == NULL || (at < end && *at != '\n')) {
        lines[0] = line;
        return 0;
      }
      ++row;
    }
    at += at < end;
  }
  return row == rows;
}

EXPORTED uint64_t parallelrun_json_count(const char* data, uint64_t size) {
  const char* const end = data + size;
  uint64_t rows = 0;
  for (const char* at = data; at < end;) {
    at = skip_blanks(at, end);
    if (at == end) break;
    rows += *at != '\n';
    const char* stop = memchr(at, '\n', (size_t)(end - at));
    at = stop == NULL ? end : stop + 1;
  }
  return rows;
}

static void begin_columns(struct json_reader* reader) {
  for (uint64_t number = 0; number < reader->column_count; ++number) {
    struct parallelrun_json_column* column = reader->columns + number;
    column->gaps = column->row = 0;
    column->next = (struct parallelrun_json_key){0, NULL, 0};
    if (column->kind >= PARALLELRUN_JSON_STRING && column->kind <= PARALLELRUN_JSON_ANY)
      *(int64_t*)column->values = 0;
    uint64_t slot = hash_of(column->key, column->key_size) & reader->slot_mask;
    while (reader->slots[slot] != 0) slot = (slot + 1) & reader->slot_mask;
    reader->slots[slot] = (uint32_t)number + 1;
  }
}

EXPORTED int parallelrun_json_read(const char* data, uint64_t size, struct parallelrun_json_column* columns,
                                   uint64_t column_count, uint32_t* slots, uint64_t slot_count,
                                   uint32_t* lines, uint64_t rows) {
  if (rows > 0) lines[0] = 0;
  if (size > UINT32_MAX || column_count >= slot_count) return 0;
  memset(slots, 0, slot_count * sizeof *slots);
  struct json_reader reader = {data,           data + size,  {newlocale(LC_ALL_MASK, "C", (locale_t)0), 0, 0},
                               columns,        column_count, slots,
                               slot_count - 1, {0, NULL, 0}};
  if (reader.numbers.plain == (locale_t)0) return 0;
  begin_columns(&reader);
  const int done = read_lines(&reader, lines, rows);
  freelocale(reader.numbers.plain);
  return done;
}

EXPORTED void parallelrun_json_gather(const char* data, uint32_t kind, const uint32_t* begins,
                                      const int64_t* offsets, uint64_t rows, char* out) {
  for (uint64_t row = 0; row < rows; ++row) {
    const uint64_t size = (uint64_t)(offsets[row + 1] - offsets[row]);
    if (size == 0) continue;
    if (kind != PARALLELRUN_JSON_ANY) {
      put_string(data + begins[row], size, out + offsets[row]);
      continue;
    }
    memcpy(out + offsets[row], data + begins[row], size - 1);
    out[offsets[row] + (int64_t)size - 1] = ',';
  }
}
