// Questions to D-Bus peers over libsystemd's sd-bus: typed calls stand for its variadic ones, and an answer comes as one
// run of text, so that what reads it need not know of messages.
#ifndef CBUS_H
#define CBUS_H

#include <stddef.h>
#include <stdint.h>

/// A connection. For one thread at a time.
struct cbus;
/// An answer.
struct cbus_answer;

/// Begins to connect to `address` (`unix:path=…`) and does not wait. `is_bus` says whether a message bus is there, which
/// wants to be greeted, or the peer itself. Returns 0 or a negative errno.
int cbus_open(const char *address, int is_bus, struct cbus **out);
/// Drops the connection with what was not sent; never blocks. NULL is allowed.
void cbus_close(struct cbus *bus);

/// Queues a method call with no, one or two strings, and writes as much as goes without waiting. `destination` is NULL for a
/// direct peer. A service that does not run is not started for it. `cookie` is what its answer will have.
/// Returns 0 or a negative errno.
int cbus_call(struct cbus *bus, const char *destination, const char *path, const char *interface, const char *member,
              const char *first, const char *second, uint64_t *cookie);
/// Waits up to so many microseconds for an answer; whatever else comes is thrown away. Returns 1 with an answer, 0 when time
/// is up, a negative errno when the connection is lost.
int cbus_next(struct cbus *bus, uint64_t microseconds, struct cbus_answer **out);

/// The cookie of the call that it answers.
uint64_t cbus_answer_cookie(struct cbus_answer *answer);
/// The name of the error where the call was refused, else NULL; it lives as long as the answer.
const char *cbus_answer_error(struct cbus_answer *answer);
/// Writes all basic values in their order, whatever they stand in: texts as they are, numbers in decimal, booleans as `true`
/// and `false`, each with a zero behind it. Returns how many bytes that are, -ENOBUFS where `capacity` is too small, or
/// another negative errno.
int64_t cbus_answer_values(struct cbus_answer *answer, void *out, size_t capacity);
void cbus_answer_free(struct cbus_answer *answer);

#endif
