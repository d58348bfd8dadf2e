#include "runner/process/csv_check.h"

#include <stddef.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "runner/process/utf8.h"

#define EXPORTED __attribute__((visibility("default")))

/* ---- one record at a time: exact for every input, and slow ---- */

struct record {
  uint64_t end; /* offset behind its line break */
  uint64_t fields;
  int blank;
  int unclosed;
};

static int is_blank_byte(char c, char delimiter) { return (c == ' ' || c == '\t') && c != delimiter; }

static struct record scan_record(const char* data, uint64_t size, uint64_t begin, char delimiter) {
  struct record found = {begin, 1, 1, 0};
  enum { kFieldStart, kUnquoted, kQuoted, kQuoteInQuoted } state = kFieldStart;
  uint64_t at = begin;
  for (; at < size; ++at) {
    const char c = data[at];
    if (state == kQuoted) {
      if (c == '"') state = kQuoteInQuoted;
      continue;
    }
    if (c == '\n' || c == '\r') {
      found.end = at + 1 + (c == '\r' && at + 1 < size && data[at + 1] == '\n');
      return found;
    }
    if (!is_blank_byte(c, delimiter)) found.blank = 0;
    if (c == delimiter) {
      ++found.fields;
      state = kFieldStart;
    } else if (c == '"' && (state == kFieldStart || state == kQuoteInQuoted)) {
      state = kQuoted;
    } else {
      state = kUnquoted;
    }
  }
  found.end = size;
  found.unclosed = state == kQuoted;
  return found;
}

/* Offset of the first byte in [at, end) that is no valid UTF-8, or where the first sequence at or behind
 * `end` begins when there is none. `at` is at the start of a sequence. */
static uint64_t skip_valid(const char* data, uint64_t size, uint64_t at, uint64_t end, int* broken) {
  const unsigned char* bytes = (const unsigned char*)data;
  while (at < end) {
    uint64_t word = 0;
    if (at + 8 <= end) {
      memcpy(&word, data + at, 8);
      if ((word & 0x8080808080808080U) == 0) {
        at += 8;
        continue;
      }
    }
    const unsigned length = sequence_length(bytes, size, at);
    if (length == 0) {
      *broken = 1;
      return at;
    }
    at += length;
  }
  return at;
}

/* Checks from the record that begins at `begin`, with the counts so far in the report. `checked`: offset up
 * to which the bytes are known to be UTF-8. */
static int check_records(const char* data, uint64_t size, uint64_t begin, uint64_t checked, char delimiter,
                         uint64_t fields, struct parallelrun_csv_report* report) {
  while (begin < size) {
    const struct record record = scan_record(data, size, begin, delimiter);
    int broken = 0;
    if (checked < record.end) checked = skip_valid(data, size, checked, record.end, &broken);
    report->row = report->rows;
    report->offset = begin;
    if (broken) {
      report->offset = checked;
      return PARALLELRUN_CSV_UTF8;
    }
    if (record.unclosed) return PARALLELRUN_CSV_UNCLOSED;
    if (!record.blank && record.fields != fields) {
      report->fields = record.fields;
      return PARALLELRUN_CSV_FIELDS;
    }
    ++report->rows;
    report->items += !record.blank;
    begin = record.end;
  }
  return PARALLELRUN_CSV_OK;
}

#ifdef __SSE2__

/* ---- 64 bytes at a time: exact while every quote opens or closes a field and no \r stands alone ---- */

struct block {
  uint64_t newlines, returns, quotes, delimiters, high;
};

static struct block classify(const char* at, char delimiter) {
  const __m128i newline = _mm_set1_epi8('\n');
  const __m128i carriage = _mm_set1_epi8('\r');
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i separator = _mm_set1_epi8(delimiter);
  struct block found = {0, 0, 0, 0, 0};
  for (unsigned i = 0; i < 4; ++i) {
    const __m128i bytes = _mm_loadu_si128((const __m128i*)(const void*)(at + 16 * i));
    const unsigned shift = 16 * i;
    found.newlines |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, newline)) << shift;
    found.returns |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, carriage)) << shift;
    found.quotes |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, quote)) << shift;
    found.delimiters |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, separator)) << shift;
    found.high |= (uint64_t)(unsigned)_mm_movemask_epi8(bytes) << shift;
  }
  return found;
}

/* Bit i of the answer: an odd number of bits is set in bits[0..i]. */
static uint64_t prefix_parity(uint64_t bits) {
  for (unsigned shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
  return bits;
}

static unsigned count_bits(uint64_t bits) {
  bits = bits - ((bits >> 1) & 0x5555555555555555U);
  bits = (bits & 0x3333333333333333U) + ((bits >> 2) & 0x3333333333333333U);
  bits = (bits + (bits >> 4)) & 0x0F0F0F0F0F0F0F0FU;
  return (unsigned)((bits * 0x0101010101010101U) >> 56);
}

static int only_blanks(const char* data, uint64_t begin, uint64_t end, char delimiter) {
  while (begin < end && (is_blank_byte(data[begin], delimiter) || data[begin] == '\r')) ++begin;
  return begin == end;
}

/* As far as the fast way goes; the rest, from the last record it did not finish, is check_records'. */
static int check_blocks(const char* data, uint64_t size, char delimiter, uint64_t fields,
                        struct parallelrun_csv_report* report) {
  uint64_t begin = 0;      /* of the record that is open */
  uint64_t checked = 0;    /* valid UTF-8 up to here */
  uint64_t separators = 0; /* of that record, in earlier blocks */
  uint64_t inside = 0;     /* all ones: the block begins inside quotes */
  uint64_t may_open = 1;   /* bit 0: a quote as the block's first byte would open a field */
  for (uint64_t base = 0; base + 64 < size; base += 64) {
    const struct block block = classify(data + base, delimiter);
    if (block.high != 0 || checked > base) {
      int broken = 0;
      if (checked < base) checked = base;
      checked = skip_valid(data, size, checked, base + 64, &broken);
      if (broken) break;
    }
    uint64_t newlines = block.newlines;
    uint64_t delimiters = block.delimiters;
    uint64_t returns = block.returns;
    if ((block.quotes | inside) != 0) {
      const uint64_t quoted = prefix_parity(block.quotes) ^ inside;
      const uint64_t opening = block.quotes & quoted;
      const uint64_t before =
          ((block.newlines | block.delimiters | block.returns | block.quotes) << 1) | may_open;
      if ((opening & ~before) != 0) break;
      newlines &= ~quoted;
      delimiters &= ~quoted;
      returns &= ~quoted;
      inside = (uint64_t)0 - (quoted >> 63);
    }
    may_open = (block.newlines | block.delimiters | block.returns | block.quotes) >> 63;
    if (returns != 0) {
      /* base + 64 < size: the byte behind the block can be looked at. */
      const uint64_t followed = (block.newlines >> 1) | ((uint64_t)(data[base + 64] == '\n') << 63);
      if ((returns & ~followed) != 0) break;
    }
    while (newlines != 0) {
      const uint64_t up_to = newlines ^ (newlines - 1);
      const uint64_t count = separators + count_bits(delimiters & up_to);
      const uint64_t end = base + (unsigned)__builtin_ctzll(newlines);
      if (count + 1 != fields || count == 0) {
        const int blank = count == 0 && only_blanks(data, begin, end, delimiter);
        if (!blank && count + 1 != fields) goto exact;
        report->items += !blank;
      } else {
        ++report->items;
      }
      ++report->rows;
      begin = end + 1;
      separators = 0;
      delimiters &= ~up_to;
      newlines &= newlines - 1;
    }
    separators += count_bits(delimiters);
  }
exact:
  /* Bytes before the open record that were skipped as plain ASCII need no second look; a sequence may reach
   * over its start only if it is broken, and then `checked` has stopped before. */
  return check_records(data, size, begin, checked > begin ? checked : begin, delimiter, fields, report);
}

#endif

EXPORTED int parallelrun_csv_check(const char* data, uint64_t size, char delimiter, uint64_t fields,
                                   struct parallelrun_csv_report* report) {
  memset(report, 0, sizeof *report);
#ifdef __SSE2__
  return check_blocks(data, size, delimiter, fields, report);
#else
  return check_records(data, size, 0, 0, delimiter, fields, report);
#endif
}

EXPORTED uint64_t parallelrun_csv_fields(const char* data, uint64_t size, char delimiter) {
  for (uint64_t begin = 0; begin < size;) {
    const struct record record = scan_record(data, size, begin, delimiter);
    if (!record.blank) return record.fields;
    begin = record.end;
  }
  return 0;
}

EXPORTED uint64_t parallelrun_csv_row_of_item(const char* data, uint64_t size, char delimiter,
                                              uint64_t item) {
  uint64_t row = 0;
  for (uint64_t begin = 0; begin < size; ++row) {
    const struct record record = scan_record(data, size, begin, delimiter);
    if (!record.blank && item-- == 0) break;
    begin = record.end;
  }
  return row;
}

EXPORTED void parallelrun_csv_rows_of_items(const char* data, uint64_t size, char delimiter, uint64_t* rows,
                                            uint64_t items) {
  uint64_t row = 0;
  uint64_t found = 0;
  for (uint64_t begin = 0; begin < size && found < items; ++row) {
    const struct record record = scan_record(data, size, begin, delimiter);
    if (!record.blank) rows[found++] = row;
    begin = record.end;
  }
}

EXPORTED uint64_t parallelrun_csv_row_of_offset(const char* data, uint64_t size, char delimiter,
                                                uint64_t offset) {
  uint64_t row = 0;
  for (uint64_t begin = 0; begin < size; ++row) {
    begin = scan_record(data, size, begin, delimiter).end;
    if (begin > offset) break;
  }
  return row;
}

/* ---- what parsers see differently ---- */

/* Of data[at], an x or X. */
static int begins_hexadecimal(const char* data, uint64_t at, char delimiter) {
  if (at == 0 || data[at - 1] != '0') return 0;
  if (at == 1) return 1;
  const char before = data[at - 2];
  return before == delimiter || before == '"' || before == ' ' || (before >= '\t' && before <= '\r');
}

static uint64_t look_at(const char* data, uint64_t size, uint64_t at, char delimiter) {
  const char c = data[at];
  if (c == '"') return PARALLELRUN_CSV_QUOTES;
  if (c == '\0') return PARALLELRUN_CSV_NUL;
  if (c == '\r') return at + 1 < size && data[at + 1] == '\n' ? 0 : PARALLELRUN_CSV_LONE_RETURN;
  return (c == 'x' || c == 'X') && begins_hexadecimal(data, at, delimiter) ? PARALLELRUN_CSV_HEXADECIMAL : 0;
}

EXPORTED uint64_t parallelrun_csv_look(const char* data, uint64_t size, char delimiter) {
  uint64_t found = 0;
  uint64_t at = 0;
#ifdef __SSE2__
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i carriage = _mm_set1_epi8('\r');
  const __m128i letter = _mm_set1_epi8('x');
  const __m128i lower = _mm_set1_epi8(0x20);
  __m128i quotes = _mm_setzero_si128();
  __m128i nuls = _mm_setzero_si128();
  for (; at + 16 <= size; at += 16) {
    const __m128i bytes = _mm_loadu_si128((const __m128i*)(const void*)(data + at));
    quotes = _mm_or_si128(quotes, _mm_cmpeq_epi8(bytes, quote));
    nuls = _mm_or_si128(nuls, _mm_cmpeq_epi8(bytes, _mm_setzero_si128()));
    const __m128i rare =
        _mm_or_si128(_mm_cmpeq_epi8(bytes, carriage), _mm_cmpeq_epi8(_mm_or_si128(bytes, lower), letter));
    for (unsigned bits = (unsigned)_mm_movemask_epi8(rare); bits != 0; bits &= bits - 1) {
      found |= look_at(data, size, at + (unsigned)__builtin_ctz(bits), delimiter);
    }
  }
  if (_mm_movemask_epi8(quotes) != 0) found |= PARALLELRUN_CSV_QUOTES;
  if (_mm_movemask_epi8(nuls) != 0) found |= PARALLELRUN_CSV_NUL;
#endif
  for (; at < size; ++at) found |= look_at(data, size, at, delimiter);
  return found;
}
