// SPDX-License-Identifier: Apache-2.0
/*
 * Sealed secrets.
 *
 * Why XChaCha20-Poly1305: its nonce is long enough to be drawn at random for every sealing, so there is no counter to keep and none
 * to repeat after a restored backup. Why labels with their lengths: "ab" + "c" and "a" + "bc" must not be the same data, or two
 * rows could be swapped. The version is part of what is authenticated, so it cannot be turned back.
 * Promises: nothing of the plain text is given out before the tag was checked; buffers in between are wiped.
 * Leaves to others: which key, what is sealed (vault/), where it lies (store/).
 */
#include "crypto/seal.h"

#include "base/check.h"
#include "crypto/key.h"
#include "crypto/random.h"
#include "crypto/ready.h"

#include <sodium.h>

#define SEAL_VERSION 1
#define NONCE_BYTES  crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES    crypto_aead_xchacha20poly1305_ietf_ABYTES
#define AUTH_BYTES   (1 + SEAL_LABELS_MAX * (4 + SEAL_LABEL_BYTES_MAX))

_Static_assert(SEAL_EXTRA_BYTES == 1 + NONCE_BYTES + TAG_BYTES, "as the header says");
_Static_assert(KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "a key seals");

struct auth {
    unsigned char bytes[AUTH_BYTES];
    size_t len;
};

static int write_auth(const struct seal_labels *labels, struct auth *ret_auth) {
    check(labels->count <= SEAL_LABELS_MAX);
    ret_auth->bytes[0] = SEAL_VERSION;
    ret_auth->len = 1;
    for (size_t i = 0; i < labels->count; i++) {
        struct span label = labels->items[i];
        if (label.len > SEAL_LABEL_BYTES_MAX)
            return ERR_TOO_LARGE;
        for (unsigned byte = 0; byte < 4; byte++)
            ret_auth->bytes[ret_auth->len++] = (unsigned char)(label.len >> (8 * byte));
        if (label.len > 0)
            memcpy(ret_auth->bytes + ret_auth->len, label.ptr, label.len);
        ret_auth->len += label.len;
    }
    return 0;
}

static const unsigned char *key_bytes(const struct secret *key) {
    struct span bytes = secret_reveal(key);
    check(bytes.len == KEY_BYTES);
    return (const unsigned char *)bytes.ptr;
}

int seal_close(const struct secret *key, const struct seal_labels *labels,
               const struct secret *plain, struct dynbuf *ret_sealed) {
    unsigned char sealed[SECRET_MAX_BYTES + SEAL_EXTRA_BYTES] UNINITIALIZED;
    struct span text = secret_reveal(plain);
    struct auth auth;
    unsigned long long length;
    crypto__ready();
    int err = write_auth(labels, &auth);
    if (err < 0)
        return err;
    sealed[0] = SEAL_VERSION;
    random_bytes(sealed + 1, NONCE_BYTES);
    check(crypto_aead_xchacha20poly1305_ietf_encrypt(
              sealed + 1 + NONCE_BYTES, &length, (const unsigned char *)text.ptr, text.len,
              auth.bytes, auth.len, NULL, sealed + 1, key_bytes(key)) == 0);
    check(length == text.len + TAG_BYTES);
    return dynbuf_append_span(ret_sealed,
                              span_of((const char *)sealed, 1 + NONCE_BYTES + (size_t)length));
}

int seal_open(const struct secret *key, const struct seal_labels *labels, struct span sealed,
              struct secret **ret_plain) {
    unsigned char plain[SECRET_MAX_BYTES] UNINITIALIZED;
    const unsigned char *bytes = (const unsigned char *)sealed.ptr;
    struct auth auth;
    unsigned long long length;
    crypto__ready();
    if (sealed.len > 0 && bytes[0] != SEAL_VERSION)
        return ERR_UNSUPPORTED;
    if (sealed.len < SEAL_EXTRA_BYTES)
        return ERR_TRUNCATED;
    if (sealed.len > SECRET_MAX_BYTES + SEAL_EXTRA_BYTES)
        return ERR_TOO_LARGE;
    int err = write_auth(labels, &auth);
    if (err == 0 && crypto_aead_xchacha20poly1305_ietf_decrypt(
                        plain, &length, NULL, bytes + 1 + NONCE_BYTES, sealed.len - 1 - NONCE_BYTES,
                        auth.bytes, auth.len, bytes + 1, key_bytes(key)) != 0)
        err = ERR_SEAL;
    if (err == 0)
        err = secret_new(span_of((const char *)plain, (size_t)length), ret_plain);
    secret_wipe(plain, sizeof plain);
    return err;
}
