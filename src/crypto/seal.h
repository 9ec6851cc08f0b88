// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Sealing a secret for keeping: XChaCha20-Poly1305, bound to labels that say whose secret it is.
 *
 * Form: one byte of version, 24 of nonce, the ciphertext, 16 of tag. The labels are not kept in it: who opens must know them, so
 * a sealed secret that was moved to another's place does not open there.
 */
#include "base/dynbuf.h"
#include "base/secret.h"

#define SEAL_EXTRA_BYTES     (1 + 24 + 16)
#define SEAL_LABELS_MAX      4
#define SEAL_LABEL_BYTES_MAX 256

struct seal_labels {
    struct span items[SEAL_LABELS_MAX];
    size_t count;
};

/* Appends the sealed form. ERR_TOO_LARGE: a label beyond SEAL_LABEL_BYTES_MAX, or the buffer's cap. */
int seal_close(const struct secret *key, const struct seal_labels *labels,
               const struct secret *plain, struct dynbuf *ret_sealed) WARN_UNUSED;
/* ERR_UNSUPPORTED: of a newer version; ERR_TRUNCATED, ERR_TOO_LARGE: no sealed form; ERR_SEAL: another key, other labels, or changed. */
int seal_open(const struct secret *key, const struct seal_labels *labels, struct span sealed,
              struct secret **ret_plain) WARN_UNUSED;
