#include "CSQLite.h"

#include <CLoader.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

// The part of SQLite's stable interface that is used: sqlite3.h is not needed to build.
enum { SQLITE_OK = 0, SQLITE_ROW = 100, SQLITE_DONE = 101, SQLITE_OPEN_READONLY = 1, SQLITE_OPEN_NOMUTEX = 0x8000 };

static struct cloader loader = CLOADER_INITIALIZER;

static struct {
    int (*open_v2)(const char *path, void **database, int flags, const char *vfs);
    int (*close_v2)(void *database);
    const char *(*errmsg)(void *database);
    int (*busy_timeout)(void *database, int milliseconds);
    int (*exec)(void *database, const char *sql, void *callback, void *argument, char **message);
    int (*prepare_v2)(void *database, const char *sql, int length, void **statement, const char **tail);
    int (*step)(void *statement);
    int (*finalize)(void *statement);
    int64_t (*column_int64)(void *statement, int column);
    const void *(*column_blob)(void *statement, int column);
    int (*column_bytes)(void *statement, int column);
} library;

static int load(char *message, size_t capacity) {
    static const char *const names[] = {"libsqlite3.so.0", NULL};
    void *handle = cloader_open(names, message, capacity);
    if (handle == NULL) return -1;
    const struct {
        const char *name;
        void *place;
    } functions[] = {
        {"sqlite3_open_v2", &library.open_v2},           {"sqlite3_close_v2", &library.close_v2},
        {"sqlite3_errmsg", &library.errmsg},             {"sqlite3_busy_timeout", &library.busy_timeout},
        {"sqlite3_exec", &library.exec},                 {"sqlite3_prepare_v2", &library.prepare_v2},
        {"sqlite3_step", &library.step},                 {"sqlite3_finalize", &library.finalize},
        {"sqlite3_column_int64", &library.column_int64}, {"sqlite3_column_blob", &library.column_blob},
        {"sqlite3_column_bytes", &library.column_bytes},
    };
    for (size_t number = 0; number < sizeof functions / sizeof functions[0]; number++) {
        if (cloader_find(handle, functions[number].name, functions[number].place) == 0) continue;
        snprintf(message, capacity, "libsqlite3 lacks %s: version 3.7 or later is needed", functions[number].name);
        dlclose(handle);
        return -1;
    }
    return 0;
}

int csqlite_load(char *message, size_t capacity) { return cloader_load(&loader, load, message, capacity); }

struct csqlite {
    void *database;
    void *statement;
};

struct csqlite *csqlite_open(const char *path, char *message, size_t capacity) {
    if (csqlite_load(message, capacity)) return NULL;
    struct csqlite *opened = calloc(1, sizeof *opened);
    if (opened == NULL) {
        snprintf(message, capacity, "out of memory");
        return NULL;
    }
    if (library.open_v2(path, &opened->database, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        snprintf(message, capacity, "%s", opened->database ? library.errmsg(opened->database) : "out of memory");
        csqlite_close(opened);
        return NULL;
    }
    library.busy_timeout(opened->database, 5000);
    // What a file's schema calls is not run. Versions before 3.31 do not know it and pass it over.
    library.exec(opened->database, "PRAGMA trusted_schema = OFF", NULL, NULL, NULL);
    return opened;
}

void csqlite_close(struct csqlite *database) {
    if (database->statement) library.finalize(database->statement);
    if (database->database) library.close_v2(database->database);
    free(database);
}

int csqlite_query(struct csqlite *database, const char *sql) {
    if (database->statement) library.finalize(database->statement);
    database->statement = NULL;
    return library.prepare_v2(database->database, sql, -1, &database->statement, NULL) == SQLITE_OK ? 0 : -1;
}

int csqlite_next(struct csqlite *database) {
    if (database->statement == NULL) return -1;
    int result = library.step(database->statement);
    return result == SQLITE_ROW ? 1 : result == SQLITE_DONE ? 0 : -1;
}

const char *csqlite_error(struct csqlite *database) { return library.errmsg(database->database); }

int64_t csqlite_integer(struct csqlite *database, int column) {
    return library.column_int64(database->statement, column);
}

const void *csqlite_bytes(struct csqlite *database, int column, size_t *length) {
    const void *bytes = library.column_blob(database->statement, column);
    *length = bytes ? (size_t)library.column_bytes(database->statement, column) : 0;
    return bytes;
}
