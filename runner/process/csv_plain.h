/* CSV of another dialect, rewritten as what the rest of the worker reads: double quotes, doubled inside
 * quotes, nothing escaped, no comments. A plain C interface for ctypes, as csv_check.h; the same in Python:
 * runner/python/parallelrun_worker/csv_dialect.py. The function has no state and may run on any thread.
 *
 * The dialect is read as pandas' C parser reads it:
 * - a quote opens a quoted field only as its first byte; inside, two of them stand for one; what follows a
 *   closing quote is literal, an escape or a comment character too;
 * - behind an escape every byte is literal, a line break too, inside and outside quotes;
 * - a comment goes from its character, outside quotes, to the end of the line; a line that begins with one is
 *   no record (here: it becomes a blank line, so that rows keep their numbers), but behind blanks it leaves a
 *   record of one field;
 * - a line of blanks and tabs (other than the delimiter) alone is blank. */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Rewrites data[0, size), which begins with a record. `quote`, `escape`, `comment`: a byte, or -1 for none.
 * Returns how many bytes that gives; writes them to `out` unless it is null. A quoted field or an escape that
 * never ends gives a quoted field that is never closed. */
uint64_t parallelrun_csv_plain(const char* data, uint64_t size, int delimiter, int quote, int escape,
                               int comment, char* out);

#ifdef __cplusplus
}
#endif
