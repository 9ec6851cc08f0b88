// SPDX-License-Identifier: Apache-2.0
#pragma once
/* papi provider test. */
#include <stdbool.h>
#include <stdint.h>

struct provider_test_wish {
    const char *config;     /* --config; NULL = the usual one */
    const char *const *ids; /* providers; none = all that are used or have a key */
    uint32_t id_count;
    bool chat, json;
};

#define PROVIDER_TEST_ABOUT                                                               \
    "Asks every provider that is used or has a key, or the named ones, a question that\n" \
    "costs no quota, all at once, ten seconds each. The verdicts:\n"                      \
    "  ok            the key is good\n"                                                   \
    "  reachable     it answers, but its free answers prove no key; --chat does\n"        \
    "  rate limited  it answers, but a limit is used up\n"                                \
    "  bad key, no credit, forbidden, region, unreachable\n"                              \
    "  unknown       an answer that says nothing of the key, such as a web page\n"        \
    "Exit 0: none failed (the first three). Exit 1: some did. Keys are never shown."

int provider_test(const struct provider_test_wish *wish);
