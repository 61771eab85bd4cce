/*
 * digest.h - SHA-256 (OpenSSL) and a fast 64-bit fingerprint for "did it change".
 */
#ifndef WATCHROOM_BASE_DIGEST_H
#define WATCHROOM_BASE_DIGEST_H

#include "gateway/base/base.h"

#define DIGEST_BYTES 32
#define DIGEST_HEX (2 * DIGEST_BYTES + 1)

/* False when OpenSSL failed (out of memory). */
bool digest_sha256(const void *bytes, size_t length, uint8_t out[DIGEST_BYTES]);
/* The same in pieces. `end` frees it, and is false when any step failed; NULL: out of memory. */
struct digest_stream;
struct digest_stream *digest_stream_new(void);
void digest_stream_add(struct digest_stream *stream, const void *bytes, size_t length);
bool digest_stream_end(struct digest_stream *stream, uint8_t out[DIGEST_BYTES]);
void digest_hex(const uint8_t digest[DIGEST_BYTES], char out[DIGEST_HEX]);

/* FNV-1a, 64 bit. Start with FINGERPRINT_START; not for anything an attacker chooses. */
#define FINGERPRINT_START UINT64_C(0xcbf29ce484222325)
uint64_t fingerprint(uint64_t seed, const void *bytes, size_t length);

/* CRC-32 (IEEE 802.3) for the slots of small files. */
uint32_t checksum_crc32(const void *bytes, size_t length);

/* Random bytes from the kernel; false when there are none. */
bool random_bytes(void *out, size_t length);

/* A new ULID (26 characters of Crockford's base 32 and NUL) for this moment. */
void ulid_make(int64_t utc_ms, char out[27]);
bool ulid_is_valid(const char *text);

#endif
