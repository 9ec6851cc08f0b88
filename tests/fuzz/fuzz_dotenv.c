// SPDX-License-Identifier: Apache-2.0
/*
 * A .env: any bytes are one.
 *
 * Of every input: reading ends; every message names a line of the text; every key is bytes that a header may hold; a key stands
 * in the text it was read from, or was decoded from something longer.
 */
#include "base/check.h"
#include "config/credentials.h"

static const struct config_variable variables[] = {
    {"A", 1, false}, {"B", 2, false}, {"GROQ_API_KEY", 2, false}, {"ID", 2, true}};

static unsigned lines_of(struct span text) {
    unsigned lines = 1;
    for (size_t i = 0; i < text.len; i++)
        lines += text.ptr[i] == '\n';
    return lines;
}

static void check_credential(const struct config_credential *item, struct span text) {
    struct span value = item->key != NULL ? secret_reveal(item->key) : item->value;
    check(value.len > 0 && value.len <= text.len);
    check(item->key == NULL || span_absent(item->value));
    check(span_starts_with(item->source, ".env:"));
    for (size_t i = 0; i < value.len; i++)
        check((unsigned char)value.ptr[i] > ' ' && (unsigned char)value.ptr[i] < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span text = span_of(size > 0 ? (const char *)data : "", size);
    const struct config_credentials_query query = {
        .variables = variables, .variable_count = array_length(variables), .dotenv_text = text};
    struct config_credentials *credentials;
    struct config_report report;
    int err = config_credentials_read(&query, &credentials, &report);
    check(err == (report.errors > 0 ? ERR_INVALID : 0));
    for (uint32_t i = 0; i < report.count; i++)
        check(report.items[i].line <= lines_of(text)); /* 0: of several lines together */
    for (uint32_t i = 0; i < credentials->count; i++)
        check_credential(&credentials->items[i], text);
    config_credentials_free(credentials);
    return 0;
}
