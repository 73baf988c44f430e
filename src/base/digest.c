/* SHA-256 of what is added piece by piece. */
#include "lesion/base.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct lsn_hasher {
    EVP_MD_CTX *context;
    bool failed;
};

lsn_hasher *lsn_hasher_create(lsn_error *err)
{
    lsn_hasher *hasher = lsn_array(1, sizeof *hasher, err);
    if (hasher == NULL)
        return NULL;
    hasher->context = EVP_MD_CTX_new();
    if (hasher->context == NULL || EVP_DigestInit_ex(hasher->context, EVP_sha256(), NULL) != 1) {
        lsn_fail(err, LSN_FAILED, "SHA-256 is not available from the cryptographic library");
        lsn_hasher_destroy(hasher);
        return NULL;
    }
    return hasher;
}

void lsn_hasher_destroy(lsn_hasher *hasher)
{
    if (hasher == NULL)
        return;
    EVP_MD_CTX_free(hasher->context);
    free(hasher);
}

void lsn_hasher_add(lsn_hasher *hasher, const void *data, size_t bytes)
{
    if (bytes > 0 && EVP_DigestUpdate(hasher->context, data, bytes) != 1)
        hasher->failed = true;
}

/* Lengths go before contents, so that ("ab", "c") and ("a", "bc") differ. */
static void add_with_length(lsn_hasher *hasher, const void *data, size_t bytes)
{
    unsigned char length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)((uint64_t)bytes >> (8 * i));
    lsn_hasher_add(hasher, length, sizeof length);
    lsn_hasher_add(hasher, data, bytes);
}

void lsn_hasher_text(lsn_hasher *hasher, const char *label, const char *value)
{
    add_with_length(hasher, label, strlen(label));
    add_with_length(hasher, value, strlen(value));
}

void lsn_hasher_number(lsn_hasher *hasher, const char *label, int64_t value)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)value >> (8 * i));
    add_with_length(hasher, label, strlen(label));
    add_with_length(hasher, bytes, sizeof bytes);
}

bool lsn_hasher_take(lsn_hasher *hasher, lsn_digest *digest, lsn_error *err)
{
    unsigned length = 0;
    bool failed = hasher->failed || EVP_DigestFinal_ex(hasher->context, digest->bytes, &length) != 1 ||
                  length != LSN_DIGEST_BYTES;
    hasher->failed = EVP_DigestInit_ex(hasher->context, NULL, NULL) != 1; /* the same function again */
    if (failed)
        return lsn_fail(err, LSN_FAILED, "a SHA-256 could not be computed by the cryptographic library");
    return true;
}

void lsn_digest_hex(const lsn_digest *digest, char *hex)
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < LSN_DIGEST_BYTES; i++) {
        hex[2 * i] = digits[digest->bytes[i] >> 4];
        hex[2 * i + 1] = digits[digest->bytes[i] & 15];
    }
    hex[2 * LSN_DIGEST_BYTES] = '\0';
}
