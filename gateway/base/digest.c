/*
 * digest.c - SHA-256, fingerprints, checksums, ULIDs.
 */
#include "gateway/base/digest.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

bool
digest_sha256(const void *bytes, size_t length, uint8_t out[DIGEST_BYTES])
{
    static EVP_MD *md; /* fetched once: an implicit fetch costs more than hashing a short row */
    unsigned written;

    if (md == NULL)
        md = EVP_MD_fetch(NULL, "SHA256", NULL);
    return md != NULL && EVP_Digest(bytes, length, out, &written, md, NULL) == 1;
}

struct digest_stream {
    EVP_MD_CTX *context;
    bool failed;
};

struct digest_stream *
digest_stream_new(void)
{
    struct digest_stream *stream = calloc(1, sizeof *stream);

    if (stream == NULL)
        return NULL;
    stream->context = EVP_MD_CTX_new();
    stream->failed =
        stream->context == NULL || EVP_DigestInit_ex2(stream->context, EVP_sha256(), NULL) != 1;
    return stream;
}

void
digest_stream_add(struct digest_stream *stream, const void *bytes, size_t length)
{
    if (!stream->failed)
        stream->failed = EVP_DigestUpdate(stream->context, bytes, length) != 1;
}

bool
digest_stream_end(struct digest_stream *stream, uint8_t out[DIGEST_BYTES])
{
    if (stream == NULL)
        return false;
    bool good = !stream->failed && EVP_DigestFinal_ex(stream->context, out, NULL) == 1;
    EVP_MD_CTX_free(stream->context);
    free(stream);
    return good;
}

void
digest_hex(const uint8_t digest[DIGEST_BYTES], char out[DIGEST_HEX])
{
    static const char HEX[] = "0123456789abcdef";

    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        out[2 * i] = HEX[digest[i] >> 4];
        out[2 * i + 1] = HEX[digest[i] & 15];
    }
    out[DIGEST_HEX - 1] = '\0';
}

uint64_t
fingerprint(uint64_t seed, const void *bytes, size_t length)
{
    const uint8_t *p = bytes;

    for (size_t i = 0; i < length; i++)
        seed = (seed ^ p[i]) * UINT64_C(0x100000001b3);
    return seed;
}

uint32_t
checksum_crc32(const void *bytes, size_t length)
{
    const uint8_t *p = bytes;
    uint32_t crc = ~0u;

    for (size_t i = 0; i < length; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0xEDB88320u & (0u - (crc & 1u)));
    }
    return ~crc;
}

bool
random_bytes(void *out, size_t length)
{
    return getrandom(out, length, 0) == (ssize_t)length;
}

static const char CROCKFORD[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void
ulid_make(int64_t utc_ms, char out[27])
{
    uint8_t bytes[16];
    uint64_t time = (uint64_t)utc_ms;

    for (int i = 5; i >= 0; i--, time >>= 8)
        bytes[i] = (uint8_t)time;
    if (!random_bytes(bytes + 6, 10))
        memset(bytes + 6, 0, 10);
    /* 128 bits as 26 digits of 5 bits, the first holding only 3. */
    for (int i = 0; i < 26; i++) {
        int first_bit = i * 5 - 2; /* of the 128, may be negative for the padding */
        unsigned value = 0;

        for (int bit = first_bit; bit < first_bit + 5; bit++)
            value = value << 1 | (bit < 0 ? 0u : (unsigned)(bytes[bit / 8] >> (7 - bit % 8)) & 1u);
        out[i] = CROCKFORD[value];
    }
    out[26] = '\0';
}

bool
ulid_is_valid(const char *text)
{
    return strlen(text) == 26 && strspn(text, CROCKFORD) == 26 && text[0] <= '7';
}
