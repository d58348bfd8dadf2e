#include "runner/process/float_lines.h"

/* All of them exact. */
static const double kPower[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
enum { kDigits = 15 };

static char* put(char* out, const char* text) {
  while (*text != '\0') *out++ = *text++;
  return out;
}

/* The last `width` digits of a number, with zeros in front; or all of it, where `width` is 0. */
static char* put_digits(char* out, uint64_t number, int width) {
  char digits[20];
  int n = 0;
  do {
    digits[n++] = (char)('0' + number % 10);
    number /= 10;
  } while (width == 0 ? number != 0 : n < width);
  while (n > 0) *out++ = digits[--n];
  return out;
}

/* How many of the digits of 0.0001 <= size < 1e15 are behind the point, where it has kDigits in all. */
static int places_of(double size) {
  if (size < 1)
    return size >= 0.1 ? kDigits : size >= 0.01 ? kDigits + 1 : size >= 0.001 ? kDigits + 2 : kDigits + 3;
  int before = 1;
  while (size >= kPower[before]) ++before;
  return kDigits - before;
}

/* Null: it is left to Python. */
static char* put_number(char* out, double value) {
  if (value != value) return put(out, "nan");
  uint64_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  if (bits >> 63U) *out++ = '-';
  const double size = bits >> 63U ? -value : value;
  if (size == 0) return put(out, "0.0");
  if (size > 1.7976931348623157e308) return put(out, "inf");
  if (!(size >= 1e-4 && size < 1e15)) return 0;
  int places = places_of(size);
  uint64_t digits = (uint64_t)(size * kPower[places] + 0.5);
  if ((double)digits / kPower[places] != size) return 0;
  while (places > 0 && digits % 10 == 0) {
    digits /= 10;
    --places;
  }
  if (places == 0) return put(put_digits(out, digits, 0), ".0");
  const uint64_t unit = (uint64_t)kPower[places];
  out = put_digits(out, digits / unit, 0);
  *out++ = '.';
  return put_digits(out, digits % unit, places);
}

int64_t parallelrun_float_lines(const double* values, uint64_t count, char* out) {
  char* const begin = out;
  for (uint64_t i = 0; i < count; ++i) {
    out = put_number(out, values[i]);
    if (out == 0) return -1;
    *out++ = '\n';
  }
  return out - begin;
}
