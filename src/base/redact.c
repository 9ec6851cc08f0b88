// SPDX-License-Identifier: Apache-2.0
/*
 * Redacting.
 *
 * Why: providers repeat the key they were asked with, in messages, codes and traces, and their words go on to clients. Why parts: "Incorrect
 * API key: gsk_abc...xyz" shows most of a key. Each form of the secret is looked for by its pieces of ten bytes, so a part is found wherever
 * it begins; pieces that overlap cover longer ones. Base64 depends on where in a group of three the secret begins: all three are made.
 * Promises: nothing outside what was found changes, no allocation, the forms are wiped.
 * Leaves to others: which texts are shown (gateway/verdict.c). A provider that enciphers a key, or splits it with other bytes, is not
 * understood.
 */
#include "base/redact.h"

#define SECRET_LOOKED_AT_BYTES 1024 /* of longer ones the beginning */
#define FORM_MAX_BYTES         (2 * SECRET_LOOKED_AT_BYTES)

struct redacting {
    const unsigned char *secret;
    size_t secret_len;
    char *text;
    size_t text_len;
    bool found;
    char form[FORM_MAX_BYTES];
};

/* A byte that a backslash holds is part of an escape and stays. */
static bool is_escaped(const struct redacting *redacting, size_t at) {
    size_t backslashes = 0;
    while (backslashes < at && redacting->text[at - 1 - backslashes] == '\\')
        backslashes++;
    return backslashes % 2 == 1;
}

static void cover(struct redacting *redacting, size_t at, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (redacting->text[at + i] != '\\' && !(i == 0 && is_escaped(redacting, at)))
            redacting->text[at + i] = '*';
    redacting->found = true;
}

/* As long as text and form go on alike. */
static void cover_all(struct redacting *redacting, size_t form_len) {
    for (size_t from = 0; from + REDACT_LEAST_BYTES <= form_len; from++) {
        const char *piece = redacting->form + from, *end = redacting->text + redacting->text_len;
        char *place = redacting->text;
        while (place < end &&
               (place = memmem(place, (size_t)(end - place), piece, REDACT_LEAST_BYTES)) != NULL) {
            size_t length = REDACT_LEAST_BYTES;
            while (from + length < form_len && place + length < end &&
                   place[length] == piece[length])
                length++;
            cover(redacting, (size_t)(place - redacting->text), length);
            place += length;
        }
    }
}

static void as_it_is(struct redacting *redacting) {
    memcpy(redacting->form, redacting->secret, redacting->secret_len);
    cover_all(redacting, redacting->secret_len);
}

static void turned_around(struct redacting *redacting) {
    for (size_t i = 0; i < redacting->secret_len; i++)
        redacting->form[i] = (char)redacting->secret[redacting->secret_len - 1 - i];
    cover_all(redacting, redacting->secret_len);
}

static void in_digits(struct redacting *redacting, const char *digits) {
    for (size_t i = 0; i < redacting->secret_len; i++) {
        redacting->form[2 * i] = digits[redacting->secret[i] >> 4];
        redacting->form[2 * i + 1] = digits[redacting->secret[i] & 15];
    }
    cover_all(redacting, 2 * redacting->secret_len);
}

/* The six bits that begin at `bit` of the secret. */
static unsigned sextet(const struct redacting *redacting, size_t bit) {
    const unsigned char *bytes = redacting->secret + bit / 8;
    unsigned pair = (unsigned)bytes[0] << 8;
    if (bit / 8 + 1 < redacting->secret_len)
        pair |= bytes[1];
    return (pair >> (10 - bit % 8)) & 63;
}

/* Behind `before` other bytes: only characters that are made of the secret alone. */
static void in_base64(struct redacting *redacting, size_t before, const char *last_two) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    size_t count = 0;
    for (size_t bit = (6 - before * 8 % 6) % 6; bit + 6 <= redacting->secret_len * 8; bit += 6) {
        unsigned value = sextet(redacting, bit);
        redacting->form[count++] = value < 62 ? letters[value] : last_two[value - 62];
    }
    cover_all(redacting, count);
}

bool redact_secret(const struct secret *secret, char *text, size_t length) {
    struct redacting redacting UNINITIALIZED;
    struct span bytes = secret_reveal(secret);
    redacting.secret = (const unsigned char *)bytes.ptr;
    redacting.secret_len = bytes.len < SECRET_LOOKED_AT_BYTES ? bytes.len : SECRET_LOOKED_AT_BYTES;
    redacting.text = text;
    redacting.text_len = length;
    redacting.found = false;
    if (length < REDACT_LEAST_BYTES)
        return false;
    as_it_is(&redacting);
    turned_around(&redacting);
    in_digits(&redacting, "0123456789abcdef");
    in_digits(&redacting, "0123456789ABCDEF");
    for (size_t before = 0; before < 3; before++) {
        in_base64(&redacting, before, "+/");
        in_base64(&redacting, before, "-_");
    }
    secret_wipe(redacting.form, sizeof redacting.form);
    return redacting.found;
}
