/* What is UTF-8: as Python decodes it, so without surrogates and overlong forms. */
#pragma once

#include <stdint.h>

/* Length of the UTF-8 sequence at data[at], 0 when it is broken. */
static inline unsigned sequence_length(const unsigned char* data, uint64_t size, uint64_t at) {
  const unsigned char lead = data[at];
  if (lead < 0x80) return 1;
  const unsigned length = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  if (length == 0 || length > size - at) return 0;
  const unsigned char second = data[at + 1];
  const unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (second < low || second > high) return 0;
  for (unsigned i = 2; i < length; ++i) {
    if ((data[at + i] & 0xC0) != 0x80) return 0;
  }
  return length;
}
