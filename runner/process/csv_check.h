/* The exact check of a CSV slice before pandas parses it: pandas pads short records, takes a column of long
 * ones for the index, and does not say where broken bytes are. A plain C interface, so that both launchers
 * load the same library with ctypes; the same decisions in Python:
 * runner/python/parallelrun_worker/csv_check.py.
 *
 * Records are those of pandas' C parser: fields may be quoted where the quote is their first character, ""
 * is a quote inside quotes, \n, \r\n and a lone \r end a record, and a line that holds nothing but blanks and
 * tabs (other than the delimiter) is no item. The functions have no state and may run on any thread. */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum parallelrun_csv_error {
  PARALLELRUN_CSV_OK = 0,
  PARALLELRUN_CSV_FIELDS = 1,   /* `fields` is not what was expected in record `row` */
  PARALLELRUN_CSV_UTF8 = 2,     /* the byte at `offset`, in record `row`, is not part of valid UTF-8 */
  PARALLELRUN_CSV_UNCLOSED = 3, /* the quoted field that record `row` opens never ends */
};

struct parallelrun_csv_report {
  uint64_t items;  /* records that are not blank; with an error, those before it */
  uint64_t rows;   /* all records, blank ones included; likewise */
  uint64_t row;    /* of the error: number of the record in the data, from 0, blank ones counted */
  uint64_t offset; /* of the error: for FIELDS and UNCLOSED where the record begins */
  uint64_t fields; /* FIELDS: how many there are */
};

/* Checks that each record of data[0, size) has `fields` fields and that all of it is UTF-8. `data` begins at
 * a record's first byte. Returns an error of the enum and fills the whole report. */
int parallelrun_csv_check(const char* data, uint64_t size, char delimiter, uint64_t fields,
                          struct parallelrun_csv_report* report);

/* Fields of the first record that is not blank (the header). 0 when there is none. */
uint64_t parallelrun_csv_fields(const char* data, uint64_t size, char delimiter);

/* Number of the record (from 0, blank ones counted) that is item number `item` (from 0). `rows` of the data
 * when it has no such item. */
uint64_t parallelrun_csv_row_of_item(const char* data, uint64_t size, char delimiter, uint64_t item);

/* The same of items 0 to `items` - 1 of the data, which has as many, into rows[0, items). */
void parallelrun_csv_rows_of_items(const char* data, uint64_t size, char delimiter, uint64_t* rows,
                                   uint64_t items);

/* Number of the record (from 0, blank ones counted) that holds the byte at `offset`. */
uint64_t parallelrun_csv_row_of_offset(const char* data, uint64_t size, char delimiter, uint64_t offset);

/* What parsers see differently. A set of parallelrun_csv_traits. */
enum parallelrun_csv_traits {
  PARALLELRUN_CSV_QUOTES = 1,      /* a double quote, anywhere */
  PARALLELRUN_CSV_LONE_RETURN = 2, /* \r without \n behind it, also inside quotes */
  PARALLELRUN_CSV_NUL = 4,
  PARALLELRUN_CSV_HEXADECIMAL = 8, /* 0x or 0X at the beginning of a field, behind blanks or a quote too */
};
uint64_t parallelrun_csv_look(const char* data, uint64_t size, char delimiter);

#ifdef __cplusplus
}
#endif
