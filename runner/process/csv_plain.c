#include "runner/process/csv_plain.h"

#include <stddef.h>

#define EXPORTED __attribute__((visibility("default")))

struct dialect {
  int delimiter, quote, escape, comment;
};

struct output {
  char* bytes; /* null: they are only counted */
  uint64_t size;
};

static void put(struct output* out, char byte) {
  if (out->bytes != NULL) out->bytes[out->size] = byte;
  ++out->size;
}

static void put_all(struct output* out, const char* from, const char* to) {
  for (; from < to; ++from) put(out, *from);
}

/* Of a value that is in quotes. */
static void put_quoted(struct output* out, char byte) {
  if (byte == '"') put(out, byte);
  put(out, byte);
}

static int is_break(char byte) { return byte == '\n' || byte == '\r'; }

static int is(char byte, int special) { return (unsigned char)byte == special; }

static const char* line_end(const char* at, const char* end) {
  while (at < end && !is_break(*at)) ++at;
  return at;
}

/* Copies the line break at `at`, if there is one, and gives what is behind it. */
static const char* put_break(struct output* out, const char* at, const char* end) {
  if (at == end) return at;
  const char* behind = at + (*at == '\r' && at + 1 < end && at[1] == '\n' ? 2 : 1);
  put_all(out, at, behind);
  return behind;
}

/* Where an unquoted field ends that is the same in both dialects; null where it is not. */
static const char* same_in_both(const char* at, const char* end, const struct dialect* dialect) {
  if (at < end && is(*at, dialect->quote)) return NULL;
  for (; at < end && !is_break(*at) && !is(*at, dialect->delimiter); ++at) {
    if (*at == '"' || is(*at, dialect->escape) || is(*at, dialect->comment)) return NULL;
  }
  return at;
}

/* Writes the field at `at` in quotes and gives its end: a delimiter, a line break, a comment or `end`. */
static const char* put_field(struct output* out, const char* at, const char* end,
                             const struct dialect* dialect) {
  enum { kFree, kQuoted, kBehindQuote } state = kFree;
  put(out, '"');
  if (at < end && is(*at, dialect->quote)) {
    state = kQuoted;
    ++at;
  }
  for (; at < end; ++at) {
    if (state != kQuoted && (is(*at, dialect->delimiter) || is_break(*at))) break;
    if (state == kBehindQuote) {
      put_quoted(out, *at);
      state = is(*at, dialect->quote) ? kQuoted : kFree;
    } else if (is(*at, dialect->escape)) {
      if (at + 1 == end) return end;
      put_quoted(out, *++at);
    } else if (state == kFree && is(*at, dialect->comment)) {
      break;
    } else if (state == kQuoted && is(*at, dialect->quote)) {
      state = kBehindQuote;
    } else {
      put_quoted(out, *at);
    }
  }
  if (state != kQuoted) put(out, '"');
  return at;
}

EXPORTED uint64_t parallelrun_csv_plain(const char* data, uint64_t size, int delimiter, int quote, int escape,
                                        int comment, char* out) {
  const struct dialect dialect = {delimiter, quote, escape, comment};
  struct output written = {out, 0};
  const char* end = data + size;
  for (const char* at = data; at < end;) {
    const char* behind = at;
    while (behind < end && (*behind == ' ' || *behind == '\t') && !is(*behind, delimiter)) ++behind;
    if (behind == end || is_break(*behind)) {
      put_all(&written, at, behind);
      at = put_break(&written, behind, end);
      continue;
    }
    if (is(*at, comment)) {
      at = put_break(&written, line_end(at, end), end);
      continue;
    }
    while (1) {
      const char* field_end = same_in_both(at, end, &dialect);
      if (field_end != NULL) {
        put_all(&written, at, field_end);
        at = field_end;
      } else {
        at = put_field(&written, at, end, &dialect);
      }
      if (at == end || !is(*at, delimiter)) break;
      put(&written, (char)delimiter);
      ++at;
    }
    at = put_break(&written, line_end(at, end), end);
  }
  return written.size;
}
