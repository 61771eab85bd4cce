/*
 * sign.c - Ed25519 signatures: keys in files, signing, checking.
 */
#include "gateway/base/sign.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RAW_KEY_BYTES 32

struct sign_key {
    EVP_PKEY *pair;
    char hex[SIGN_KEY_HEX];
};

static void
to_hex(const uint8_t *bytes, size_t count, char *out)
{
    static const char HEX[] = "0123456789abcdef";

    for (size_t i = 0; i < count; i++) {
        out[2 * i] = HEX[bytes[i] >> 4];
        out[2 * i + 1] = HEX[bytes[i] & 15];
    }
    out[2 * count] = '\0';
}

static bool
from_hex(const char *text, uint8_t *out, size_t count)
{
    static const char HEX[] = "0123456789abcdef";

    if (strlen(text) != 2 * count)
        return false;
    for (size_t i = 0; i < 2 * count; i++) {
        const char *digit = strchr(HEX, text[i]);

        if (digit == NULL)
            return false;
        out[i / 2] = (uint8_t)((i % 2 == 0 ? 0 : out[i / 2] << 4) | (digit - HEX));
    }
    return true;
}

void
sign_hex(const uint8_t signature[SIGN_BYTES], char out[SIGN_HEX])
{
    to_hex(signature, SIGN_BYTES, out);
}

static enum err_code
system_error(struct err *err, const char *path)
{
    int error = errno;
    enum err_code code = error == ENOENT                      ? ERR_NOT_FOUND
                         : error == EACCES || error == EPERM  ? ERR_DENIED
                         : error == EEXIST                    ? ERR_BUSY
                         : error == ENOSPC || error == EDQUOT ? ERR_FULL
                                                              : ERR_IO;

    return err_set(err, code, "%s: %s", path, strerror(error));
}

/* False: this is no Ed25519 key. */
static bool
hex_of(EVP_PKEY *pair, char out[SIGN_KEY_HEX])
{
    uint8_t raw[RAW_KEY_BYTES];
    size_t length = sizeof raw;

    if (pair == NULL || EVP_PKEY_get_base_id(pair) != EVP_PKEY_ED25519 ||
        EVP_PKEY_get_raw_public_key(pair, raw, &length) != 1 || length != sizeof raw)
        return false;
    to_hex(raw, sizeof raw, out);
    return true;
}

static struct sign_key *
wrap(EVP_PKEY *pair)
{
    struct sign_key *key = calloc(1, sizeof *key);

    if (key != NULL && hex_of(pair, key->hex)) {
        key->pair = pair;
        return key;
    }
    free(key);
    return NULL;
}

/* A key file is never to ask for a password on the terminal. */
static int
no_password(char *out, int size, int writing, void *ctx)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)ctx;
    return -1;
}

enum err_code
sign_key_read(const char *path, struct sign_key **out_key, struct err *err)
{
    FILE *file = fopen(path, "re");
    EVP_PKEY *pair;
    struct sign_key *key;

    if (file == NULL)
        return system_error(err, path);
    pair = PEM_read_PrivateKey(file, NULL, no_password, NULL);
    fclose(file);
    ERR_clear_error();
    key = wrap(pair);
    if (key == NULL) {
        EVP_PKEY_free(pair);
        return err_set(err, ERR_CORRUPT, "%s: no Ed25519 private key", path);
    }
    *out_key = key;
    return ERR_OK;
}

/* The folder's entry, too, must survive a power cut: a key that is lost cannot sign for what it
 * has signed before. */
static bool
sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL ? strdup(".") : strndup(path, (size_t)(slash - path) + 1);
    int fd = folder == NULL ? -1 : open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;

    free(folder);
    if (fd >= 0)
        close(fd);
    return good;
}

/* Takes `fd`. The file is removed when it could not be written whole. */
static enum err_code
write_pair(int fd, const char *path, EVP_PKEY *pair, struct err *err)
{
    FILE *file = fdopen(fd, "w");
    bool good = false;

    if (file != NULL) {
        good = PEM_write_PrivateKey(file, pair, NULL, NULL, 0, NULL, NULL) == 1 &&
               fflush(file) == 0 && fsync(fd) == 0;
        good = fclose(file) == 0 && good;
    } else {
        close(fd);
    }
    if (good && sync_folder(path))
        return ERR_OK;
    enum err_code code = system_error(err, path);
    unlink(path);
    return code == ERR_NOT_FOUND ? ERR_IO : code;
}

enum err_code
sign_key_make(const char *path, struct sign_key **out_key, struct err *err)
{
    EVP_PKEY *pair = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    struct sign_key *key = wrap(pair);
    enum err_code code;
    int fd;

    if (key == NULL) {
        EVP_PKEY_free(pair);
        return err_set(err, ERR_NOMEM, "%s: no key could be made", path);
    }
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    code = fd < 0 ? system_error(err, path) : write_pair(fd, path, pair, err);
    if (code != ERR_OK) {
        sign_key_free(key);
        return code;
    }
    *out_key = key;
    return ERR_OK;
}

void
sign_key_free(struct sign_key *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->pair);
    free(key);
}

const char *
sign_key_public(const struct sign_key *key)
{
    return key->hex;
}

bool
sign_make(const struct sign_key *key, const void *bytes, size_t length, uint8_t out[SIGN_BYTES])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t size = SIGN_BYTES;
    bool good = context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, key->pair) == 1 &&
                EVP_DigestSign(context, out, &size, bytes, length) == 1 && size == SIGN_BYTES;

    EVP_MD_CTX_free(context);
    return good;
}

enum err_code
sign_keys_read(struct sign_keys *keys, const char *path, struct err *err)
{
    FILE *file = fopen(path, "re");
    enum err_code code = ERR_OK;
    size_t found = 0;
    EVP_PKEY *key;

    if (file == NULL)
        return system_error(err, path);
    while (code == ERR_OK && (key = PEM_read_PUBKEY(file, NULL, no_password, NULL)) != NULL) {
        char hex[SIGN_KEY_HEX];

        found++;
        if (!hex_of(key, hex))
            code = err_set(err, ERR_CORRUPT, "%s: key %zu is not of Ed25519", path, found);
        else if (!sign_keys_have(keys, hex) && keys->count == SIGN_KEYS_MAX)
            code = err_set(err, ERR_FULL, "%s: more than %d keys", path, SIGN_KEYS_MAX);
        if (code == ERR_OK && !sign_keys_have(keys, hex)) {
            memcpy(keys->keys[keys->count].hex, hex, sizeof hex);
            keys->keys[keys->count++].key = key;
        } else {
            EVP_PKEY_free(key);
        }
    }
    fclose(file);
    ERR_clear_error();
    if (code == ERR_OK && found == 0)
        code = err_set(err, ERR_CORRUPT, "%s: no public key", path);
    return code;
}

void
sign_keys_done(struct sign_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        EVP_PKEY_free(keys->keys[i].key);
    keys->count = 0;
}

static EVP_PKEY *
find(const struct sign_keys *keys, const char *hex)
{
    for (size_t i = 0; i < keys->count; i++)
        if (strcmp(keys->keys[i].hex, hex) == 0)
            return keys->keys[i].key;
    return NULL;
}

bool
sign_keys_have(const struct sign_keys *keys, const char *hex)
{
    return find(keys, hex) != NULL;
}

bool
sign_check(const struct sign_keys *keys, const char *key_hex, const void *bytes, size_t length,
           const char *signature_hex)
{
    EVP_PKEY *key = find(keys, key_hex);
    uint8_t signature[SIGN_BYTES];

    if (key == NULL || !from_hex(signature_hex, signature, sizeof signature))
        return false;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context != NULL && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
                EVP_DigestVerify(context, signature, sizeof signature, bytes, length) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return good;
}

enum err_code
sign_key_publish(const struct sign_key *key, const char *path, struct err *err)
{
    struct sign_keys known = {0};
    enum err_code code = sign_keys_read(&known, path, err);
    bool is_known = code == ERR_OK && sign_keys_have(&known, key->hex);
    int fd;

    sign_keys_done(&known);
    if (is_known)
        return ERR_OK;
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "a");
    if (file == NULL) {
        code = system_error(err, path);
        if (fd >= 0)
            close(fd);
        return code;
    }
    bool good = fchmod(fd, 0644) == 0 && PEM_write_PUBKEY(file, key->pair) == 1 &&
                fflush(file) == 0 && fsync(fd) == 0;
    good = fclose(file) == 0 && good;
    return good ? ERR_OK : system_error(err, path);
}
