/* Numbers in text as the readers of CSV and of JSON lines take them: exact, or refused. */
#pragma once

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { kLongestFloat = 800 };

/* `plain`: the locale "C"; the file that includes this defines _GNU_SOURCE, for strtod_l. */
struct float_reader {
  locale_t plain;
  uint64_t floats;
  uint64_t slow_floats; /* which strtod() had to read */
};

static inline int is_digit(char c) { return c >= '0' && c <= '9'; }

/* [0-9]+ up to the largest uint64_t. */
static inline int read_whole(const char* at, const char* end, uint64_t* value) {
  if (at == end || end - at > 20) return 0;
  uint64_t sum = 0;
  for (; at < end; ++at) {
    const unsigned digit = (unsigned)(*at - '0');
    if (digit > 9 || __builtin_mul_overflow(sum, 10U, &sum) || __builtin_add_overflow(sum, digit, &sum))
      return 0;
  }
  *value = sum;
  return 1;
}

static inline int read_int64(const char* at, const char* end, int64_t* value) {
  const int negative = at < end && *at == '-';
  uint64_t size = 0;
  if (!read_whole(at + negative, end, &size)) return 0;
  const uint64_t most = (uint64_t)INT64_MAX + (unsigned)negative;
  if (size > most) return 0;
  *value = negative ? (int64_t)(0U - size) : (int64_t)size;
  return 1;
}

static inline int read_slowly(struct float_reader* reader, const char* at, const char* end, double* value) {
  char copy[kLongestFloat + 1];
  const size_t length = (size_t)(end - at);
  if (length > kLongestFloat) return 0;
  memcpy(copy, at, length);
  copy[length] = '\0';
  char* stopped = copy;
  *value = strtod_l(copy, &stopped, reader->plain);
  ++reader->slow_floats;
  return stopped == copy + length && isfinite(*value);
}

/* [0-9]*[.]?[0-9]*([eE][+-]?[0-9]+)? with a digit: the digits as one number, which is right where they are at
 * most 19, how many they are, and the power of ten that it is to be multiplied with. */
static inline int read_scientific(const char* at, const char* end, uint64_t* digits, int64_t* count,
                                  int64_t* exponent) {
  const char* whole = at;
  for (; at < end && is_digit(*at); ++at) *digits = *digits * 10 + (unsigned)(*at - '0');
  *count = at - whole;
  if (at < end && *at == '.') {
    const char* fraction = ++at;
    for (; at < end && is_digit(*at); ++at) *digits = *digits * 10 + (unsigned)(*at - '0');
    *exponent = fraction - at;
    *count += at - fraction;
  }
  if (*count == 0) return 0;
  if (at < end && (*at == 'e' || *at == 'E')) {
    ++at;
    const int down = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) ++at;
    if (at == end) return 0;
    int power = 0;
    for (; at < end && is_digit(*at); ++at) power = power < 10000 ? power * 10 + (*at - '0') : power;
    *exponent += down ? -power : power;
  }
  return at == end;
}

static inline int read_float(struct float_reader* reader, const char* at, const char* end, double* value) {
  static const double kPowers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  const char* begin = at;
  const int negative = at < end && *at == '-';
  at += negative;
  uint64_t digits = 0;
  int64_t count = 0, exponent = 0;
  if (!read_scientific(at, end, &digits, &count, &exponent)) return 0;
  ++reader->floats;
  /* Two exact doubles give the nearest one to their product or quotient. */
  if (FLT_EVAL_METHOD != 0 || count > 19 || digits > (uint64_t)1 << 53 || exponent < -22 || exponent > 22) {
    return read_slowly(reader, begin, end, value);
  }
  const double size = exponent < 0 ? (double)digits / kPowers[-exponent] : (double)digits * kPowers[exponent];
  *value = negative ? -size : size;
  return 1;
}
