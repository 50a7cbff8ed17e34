// Password hashes by crypt(3) of libcrypt.so.1, which is loaded when the first one is made or verified.
#ifndef CCRYPT_H
#define CCRYPT_H

#include <stddef.h>

/// Longest hash that is given back, its NUL included.
#define CCRYPT_SIZE 384

/// Loads the library once: 0, or -1 with the reason in `message`. Safe from any thread.
int ccrypt_load(char *message, size_t capacity);
/// The hash of `phrase` with the method, cost and salt of `setting` in `hash`: 0, or a positive errno. The phrase
/// ends at its first NUL. Takes as long as the cost says, and no lock.
int ccrypt_hash(const char *phrase, const char *setting, char hash[CCRYPT_SIZE]);
/// A setting of `prefix` (`$2b$`) and `cost` with these random bytes as its salt: 0, or a positive errno.
int ccrypt_setting(const char *prefix, unsigned long cost, const char *random, size_t length,
                   char setting[CCRYPT_SIZE]);

#endif
