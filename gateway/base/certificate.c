/*
 * certificate.c - is a certificate fit to be shown to a peer (OpenSSL)?
 */
#include "gateway/base/certificate.h"

#include <errno.h>
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Without it OpenSSL asks a terminal for the passphrase, and waits. */
static int
no_passphrase(char *out, int size, int is_writing, void *ctx)
{
    (void)out;
    (void)size;
    (void)is_writing;
    (void)ctx;
    return -1;
}

static enum err_code
read_certificate(const char *path, X509 **out_certificate, struct err *err)
{
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    X509 *certificate = PEM_read_X509(file, NULL, no_passphrase, NULL);
    fclose(file);
    if (certificate == NULL)
        return err_set(err, ERR_CONFIG, "%s holds no certificate", path);
    *out_certificate = certificate;
    return ERR_OK;
}

static enum err_code
check_key(const char *path, const char *certificate_path, X509 *certificate, struct err *err)
{
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, no_passphrase, NULL);
    fclose(file);
    if (key == NULL)
        return err_set(err, ERR_CONFIG, "%s holds no key, or one with a passphrase", path);
    bool is_pair = X509_check_private_key(certificate, key) == 1;
    EVP_PKEY_free(key);
    if (!is_pair)
        return err_set(err, ERR_CONFIG, "%s is not the key of %s", path, certificate_path);
    return ERR_OK;
}

static bool
seconds_of(const ASN1_TIME *when, int64_t *out_seconds)
{
    struct tm utc;

    if (ASN1_TIME_to_tm(when, &utc) != 1)
        return false;
    *out_seconds = timegm(&utc);
    return true;
}

enum err_code
certificate_check(const char *certificate, const char *key, int64_t *out_begins_s,
                  int64_t *out_ends_s, struct err *err)
{
    X509 *x509 = NULL;
    int64_t begins_s = 0, ends_s = 0;
    enum err_code code = read_certificate(certificate, &x509, err);

    if (code == ERR_OK && key != NULL)
        code = check_key(key, certificate, x509, err);
    if (code == ERR_OK && (!seconds_of(X509_get0_notBefore(x509), &begins_s) ||
                           !seconds_of(X509_get0_notAfter(x509), &ends_s)))
        code = err_set(err, ERR_CONFIG, "%s: no dates of validity", certificate);
    if (code == ERR_OK) {
        *out_begins_s = begins_s;
        *out_ends_s = ends_s;
    }
    X509_free(x509);
    ERR_clear_error(); /* what was said is in `err`; TLS must not find it later as its own */
    return code;
}

enum err_code
certificate_name(const char *certificate, char out_name[ID_MAX], struct err *err)
{
    X509 *x509 = NULL;
    char name[ID_MAX];
    enum err_code code = read_certificate(certificate, &x509, err);

    if (code == ERR_OK &&
        X509_NAME_get_text_by_NID(X509_get_subject_name(x509), NID_commonName, name,
                                  (int)sizeof name) <= 0)
        code = err_set(err, ERR_CONFIG, "%s: no common name", certificate);
    if (code == ERR_OK)
        memcpy(out_name, name, sizeof name);
    X509_free(x509);
    ERR_clear_error();
    return code;
}
