// Databases of SQLite 3, read by libsqlite3.so.0, which is loaded when the first one is opened.
#ifndef CSQLITE_H
#define CSQLITE_H

#include <stddef.h>
#include <stdint.h>

/// An open database with at most one query.
struct csqlite;

/// Loads the library once: 0, or -1 with the reason in `message`. Safe from any thread.
int csqlite_load(char *message, size_t capacity);
/// Opens a database for reading, which waits up to five seconds for whoever writes to it. NULL, and why in `message`, where it
/// cannot be opened. For one thread at a time.
struct csqlite *csqlite_open(const char *path, char *message, size_t capacity);
void csqlite_close(struct csqlite *database);
/// Begins a query, in place of the one before: 0, or -1.
int csqlite_query(struct csqlite *database, const char *sql);
/// Goes to the next row: 1, 0 behind the last, -1 for an error.
int csqlite_next(struct csqlite *database);
/// What was wrong last; until the next call.
const char *csqlite_error(struct csqlite *database);
/// Columns of a row from 0, converted as SQLite does. Bytes stay until the next call.
int64_t csqlite_integer(struct csqlite *database, int column);
const void *csqlite_bytes(struct csqlite *database, int column, size_t *length);

#endif
