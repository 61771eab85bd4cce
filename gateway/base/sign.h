/*
 * sign.h - Ed25519 signatures (OpenSSL): one private key in a file, public keys to check with.
 *
 * Files are PEM, so that the openssl command reads them. The private one is PKCS #8, mode 0600; a
 * file of public keys may hold several, oldest first: what an earlier key signed stays provable.
 */
#ifndef WATCHROOM_BASE_SIGN_H
#define WATCHROOM_BASE_SIGN_H

#include "gateway/base/err.h"

#define SIGN_KEY_HEX 65  /* a raw public key in hex, with the NUL */
#define SIGN_HEX 129     /* a signature in hex, with the NUL */
#define SIGN_BYTES 64    /* a raw signature */
#define SIGN_KEYS_MAX 32 /* public keys in one set */

struct sign_key;

/* ERR_NOT_FOUND; ERR_CORRUPT: no Ed25519 key in it; ERR_DENIED, ERR_IO, ERR_NOMEM. */
enum err_code sign_key_read(const char *path, struct sign_key **out_key,
                            struct err *err) MUST_CHECK;
/* A new key in a new file, on disk when this returns. ERR_BUSY: the file exists. */
enum err_code sign_key_make(const char *path, struct sign_key **out_key,
                            struct err *err) MUST_CHECK;
void sign_key_free(struct sign_key *key);

/* 64 hex digits; borrowed. */
const char *sign_key_public(const struct sign_key *key);
/* False: OpenSSL failed. */
bool sign_make(const struct sign_key *key, const void *bytes, size_t length,
               uint8_t out[SIGN_BYTES]);
void sign_hex(const uint8_t signature[SIGN_BYTES], char out[SIGN_HEX]);

/* Public keys; start with {0}. */
struct sign_keys {
    struct {
        char hex[SIGN_KEY_HEX];
        void *key;
    } keys[SIGN_KEYS_MAX];
    size_t count;
};

/* Adds the keys of a file. ERR_NOT_FOUND; ERR_CORRUPT: none in it; ERR_FULL: too many. */
enum err_code sign_keys_read(struct sign_keys *keys, const char *path, struct err *err) MUST_CHECK;
void sign_keys_done(struct sign_keys *keys);
bool sign_keys_have(const struct sign_keys *keys, const char *hex);
/* Is that the signature by that key (both in hex), and is the key one of the set? */
bool sign_check(const struct sign_keys *keys, const char *key_hex, const void *bytes, size_t length,
                const char *signature_hex);

/* Appends the public part to a file that all may read; nothing to do when it is in there. */
enum err_code sign_key_publish(const struct sign_key *key, const char *path,
                               struct err *err) MUST_CHECK;

#endif
