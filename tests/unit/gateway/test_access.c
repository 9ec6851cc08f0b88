// SPDX-License-Identifier: Apache-2.0
/* Access judged from heads: the table of browsers in both modes, proxies that may speak for others and those that may not, where a
 * key stands. */
#include "base/check.h"
#include "gateway/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define OWN   "127.0.0.1:7274"
#define OTHER "papi.example"

static const struct span cors[] = {{"https://app.example", 19}};
static const struct span hosts[] = {{"papi.lan", 8}};
static const struct span proxies[] = {{"10.0.0.7", 8}, {"fd00::/16", 9}, {"192.0.2.0/24", 12}};

/* "name: value|name: value" */
static void read_head(const char *text, struct http_headers *headers) {
    struct span rest = span_text(text), line, name;
    headers->count = 0;
    while (!span_absent(rest) && rest.len > 0 && span_split(&rest, '|', &line)) {
        assert_true(span_split(&line, ':', &name));
        headers->items[headers->count++] = (struct http_header){name, span_trim(line)};
    }
}

struct row {
    const char *peer, *host, *head;
    enum access_verdict open, keys; /* what each mode says */
};

#define G  ACCESS_GRANTED
#define P  ACCESS_THROUGH_PROXY
#define H  ACCESS_FOREIGN_HOST
#define O  ACCESS_FOREIGN_ORIGIN
#define S  ACCESS_FOREIGN_SITE
#define U  ACCESS_UNENCRYPTED
#define ME "127.0.0.1"

static const struct row rows[] = {
    /* no Origin: programs */
    {ME, OWN, "", G, G},
    {ME, "localhost", "", G, G},
    {ME, "papi.lan:80", "", G, G},
    {ME, OTHER, "", H, G},
    {ME, "127.evil.example", "", H, G},
    {ME, OWN, "sec-fetch-site: none", G, G},
    {ME, OWN, "sec-fetch-site: same-origin", G, G},
    /* this listener */
    {ME, OWN, "origin: http://" OWN, G, G},
    {ME, OWN, "origin: HTTP://" OWN, G, G},
    {ME, OTHER, "origin: http://" OTHER, H, G},
    {ME, OWN, "origin: https://" OWN, O, O},
    {ME, OWN, "origin: http://127.0.0.1", O, O},
    {ME, OWN, "origin: http://" OWN "/", O, O},
    /* listed in cors, whatever Sec-Fetch-Site says */
    {ME, OWN, "origin: https://app.example", G, G},
    {ME, OWN, "origin: https://app.example|sec-fetch-site: cross-site", G, G},
    {ME, OWN, "origin: https://app.example|sec-fetch-site: same-site", G, G},
    {ME, OTHER, "origin: https://app.example", H, G},
    {ME, OWN, "origin: https://app.example:8443", O, O},
    {ME, OWN, "origin: http://app.example", O, O},
    /* any other */
    {ME, OWN, "origin: https://evil.example", O, O},
    {ME, OWN, "origin: https://evil.example|authorization: Bearer sk-papi-x", O, O},
    {ME, OWN, "origin: null", O, O},
    {ME, OWN, "origin:", O, O},
    {ME, OWN, "origin: https://app.example|origin: https://evil.example", O, O},
    {ME, OWN, "sec-fetch-site: cross-site", S, S},
    {ME, OWN, "sec-fetch-site: same-site", S, S},
    {ME, OWN, "sec-fetch-site: Cross-Site", S, S},
    /* proxies that nobody named: open mode refuses, keys mode does not believe them */
    {ME, OWN, "x-forwarded-for: 1.2.3.4", P, G},
    {ME, OWN, "forwarded: for=1.2.3.4", P, G},
    {ME, OWN, "via: 1.1 a", P, G},
    {ME, OWN, "cf-ray: a", P, G},
    {ME, OTHER, "origin: https://" OTHER "|x-forwarded-proto: https", P, O},
    {"198.51.100.1", OTHER, "", H, U},
    {"198.51.100.1", OTHER, "x-forwarded-proto: https", P, U},
    /* proxies that are trusted: they say where our own pages live */
    {"10.0.0.7", OTHER, "", H, G},
    {"::ffff:10.0.0.7", OTHER, "", H, G},
    {"fd00:0:1::9", OTHER, "", H, G},
    {"fd01::9", OTHER, "", H, U},
    {"10.0.0.8", OTHER, "", H, U},
    {"10.0.0.7", OTHER, "origin: https://" OTHER "|x-forwarded-proto: https", P, G},
    {"10.0.0.7", OTHER, "origin: http://" OTHER "|x-forwarded-proto: https", P, O},
    {"10.0.0.7", OWN, "origin: https://" OTHER "|x-forwarded-proto: https|x-forwarded-host: " OTHER,
     P, G},
    {"10.0.0.7", OWN, "origin: https://" OWN "|x-forwarded-proto: https|x-forwarded-host: " OTHER,
     P, O},
    {"10.0.0.7", OTHER, "origin: https://" OTHER "|x-forwarded-proto: http, https", P, G},
    {"10.0.0.7", OTHER, "origin: https://" OTHER "|x-forwarded-proto: https, http", P, O},
    {"10.0.0.7", OTHER, "origin: file://" OTHER "|x-forwarded-proto: file", P, O},
    {"10.0.0.7", "", "origin: https://|x-forwarded-proto: https", P, O},
    /* the socket of the data directory */
    {"unix", "localhost", "", G, G},
};

static void judges(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(rows) * 2; i++) {
        const struct row *row = &rows[i / 2];
        bool keys = i % 2 == 1;
        struct http_headers headers;
        struct span what;
        read_head(row->head, &headers);
        const struct http_request http = {.host = span_text(row->host), .headers = &headers};
        const struct access_asker asker = {&http, row->peer};
        const struct access_rules rules = {.keys = keys,
                                           .cors = {cors, array_length(cors)},
                                           .hosts = {hosts, array_length(hosts)},
                                           .trusted_proxies = {proxies, array_length(proxies)}};
        enum access_verdict verdict = access_judge(&rules, &asker, &what);
        enum access_verdict expected = keys ? row->keys : row->open;
        if (verdict != expected)
            fail_msg("%s mode, peer %s, Host %s, %s: %d instead of %d", keys ? "keys" : "open",
                     row->peer, row->host, row->head, verdict, expected);
        bool may_read = strstr(row->head, "origin:") != NULL && verdict == ACCESS_GRANTED;
        if (verdict != ACCESS_THROUGH_PROXY && verdict != ACCESS_UNENCRYPTED)
            assert_int_equal(access_origin_allowed(&rules, &asker), may_read);
    }
}

static void takes_plain_http_where_it_is_meant(void **state) {
    struct http_headers headers = {.count = 0};
    const struct http_request http = {.host = SPAN_LITERAL(OTHER), .headers = &headers};
    const struct access_asker asker = {&http, "198.51.100.1"};
    const struct access_rules rules = {.keys = true, .insecure_http = true};
    struct span what;
    (void)state;
    assert_int_equal(access_judge(&rules, &asker, &what), ACCESS_GRANTED);
    assert_false(access_is_local(&rules, &asker));
}

/* Metrics are free for programs of this machine: not for pages, nor through a proxy that runs here. */
static void knows_programs_of_this_machine(void **state) {
    static const struct {
        const char *peer, *host, *head;
        bool local;
    } examples[] = {
        {ME, OWN, "", true},
        {"::1", "[::1]:7274", "", true},
        {"::ffff:127.0.0.1", OWN, "", true},
        {ME, OWN, "x-forwarded-for: 127.0.0.1", false},
        {ME, OTHER, "", false},
        {ME, OWN, "origin: https://evil.example", false},
        {ME, OWN, "sec-fetch-site: cross-site", false},
        {"10.0.0.7", OWN, "", false},
        {"192.0.2.1", "localhost", "", false},
        {"127.0.0.2", "localhost", "", false}, /* a proxy that leaves no sign */
    };
    (void)state;
    for (size_t i = 0; i < array_length(examples); i++) {
        struct http_headers headers;
        read_head(examples[i].head, &headers);
        const struct http_request http = {.host = span_text(examples[i].host), .headers = &headers};
        const struct access_asker asker = {&http, examples[i].peer};
        static const struct span named[] = {SPAN_LITERAL("127.0.0.2"), SPAN_LITERAL("fd00::/8")};
        const struct access_rules rules = {.keys = true, .trusted_proxies = {named, 2}};
        if (access_is_local(&rules, &asker) != examples[i].local)
            fail_msg("%s %s %s", examples[i].peer, examples[i].host, examples[i].head);
    }
}

static void finds_the_client(void **state) {
    static const struct {
        const char *peer, *head, *client;
    } examples[] = {
        {"198.51.100.1", "", "198.51.100.1"},
        {"198.51.100.1", "x-forwarded-for: 1.2.3.4", "198.51.100.1"}, /* nobody trusted says so */
        {"10.0.0.7", "", "10.0.0.7"},
        {"10.0.0.7", "x-forwarded-for: 1.2.3.4", "1.2.3.4"},
        {"::ffff:10.0.0.7", "x-forwarded-for: 1.2.3.4", "1.2.3.4"},
        {"10.0.0.7", "x-forwarded-for: 6.6.6.6, 1.2.3.4", "1.2.3.4"}, /* the left one is invented */
        {"10.0.0.7", "x-forwarded-for: 6.6.6.6|x-forwarded-for: 1.2.3.4", "1.2.3.4"},
        {"10.0.0.7", "x-forwarded-for: 6.6.6.6, 1.2.3.4, 192.0.2.9", "1.2.3.4"},
        {"10.0.0.7", "x-forwarded-for: 1.2.3.4|x-forwarded-for: 192.0.2.9, 192.0.2.8", "1.2.3.4"},
        {"10.0.0.7", "x-forwarded-for: 192.0.2.9, 192.0.2.8", "192.0.2.9"},
        {"10.0.0.7", "x-forwarded-for: 1.2.3.4:5678", "1.2.3.4"},
        {"10.0.0.7", "x-forwarded-for: [2001:db8::5]:1", "2001:db8::5"},
        {"10.0.0.7", "x-forwarded-for: 2001:DB8:0::5", "2001:db8::5"},
        {"10.0.0.7", "x-forwarded-for: unknown", "10.0.0.7"},
        {"10.0.0.7", "x-forwarded-for: 1.2.3.4, unknown", "10.0.0.7"},
        {"10.0.0.7", "x-forwarded-for:", "10.0.0.7"},
        {"10.0.0.7", "x-forwarded-for: ,,", "10.0.0.7"},
        {"10.0.0.7", "forwarded: for=1.2.3.4;proto=https", "1.2.3.4"},
        {"10.0.0.7", "forwarded: proto=https; For=\"[2001:db8::7]:99\"", "2001:db8::7"},
        {"10.0.0.7", "forwarded: for=6.6.6.6, for=1.2.3.4", "1.2.3.4"},
        {"10.0.0.7", "forwarded: for=_hidden", "10.0.0.7"},
        {"10.0.0.7", "forwarded: proto=https", "10.0.0.7"},
        {"10.0.0.7", "forwarded: for", "10.0.0.7"},
        /* two that disagree: one of them is the client's own */
        {"10.0.0.7", "x-forwarded-for: 1.2.3.4|forwarded: for=6.6.6.6", "10.0.0.7"},
        {"10.0.0.7", "x-forwarded-for: 1.2.3.4|forwarded: for=1.2.3.4", "1.2.3.4"},
        {"unix", "", "unix"},
    };
    (void)state;
    for (size_t i = 0; i < array_length(examples); i++) {
        struct http_headers headers;
        char client[ACCESS_ADDRESS_BYTES];
        read_head(examples[i].head, &headers);
        const struct http_request http = {.headers = &headers};
        const struct access_asker asker = {&http, examples[i].peer};
        const struct access_rules rules = {.trusted_proxies = {proxies, array_length(proxies)}};
        access_client_address(&rules, &asker, client);
        if (strcmp(client, examples[i].client) != 0)
            fail_msg("%s, %s: %s instead of %s", examples[i].peer, examples[i].head, client,
                     examples[i].client);
    }
}

static void finds_the_key(void **state) {
    static const struct {
        const char *head, *query, *key; /* NULL = none */
    } examples[] = {
        {"", NULL, NULL},
        {"authorization: Bearer abc", NULL, "abc"},
        {"authorization: bearer   abc ", NULL, "abc"},
        {"authorization: Basic abc", NULL, NULL},
        {"authorization: Bearer", NULL, NULL},
        {"authorization:", NULL, NULL},
        {"x-api-key: abc", NULL, "abc"},
        {"x-goog-api-key: abc", NULL, "abc"},
        {"api-key: abc", NULL, "abc"},
        {"", "key=abc", "abc"},
        {"", "a=b&key=a%62c&c", "abc"},
        {"", "key=", NULL},
        {"", "key", NULL},
        {"", "monkey=abc", NULL},
        {"authorization: Bearer dummy|x-api-key: sk-papi-abc", NULL, "sk-papi-abc"},
        {"authorization: Bearer dummy|x-api-key: other", NULL, "dummy"},
        {"x-api-key: other", "key=sk-papi-abc", "sk-papi-abc"},
    };
    (void)state;
    for (size_t i = 0; i < array_length(examples); i++) {
        struct http_headers headers;
        struct arena arena;
        arena_init(&arena, NULL, 0, 65536);
        read_head(examples[i].head, &headers);
        const struct http_request http = {.headers = &headers,
                                          .query = span_text(examples[i].query)};
        struct span key = access_key(&http, &arena);
        bool right = examples[i].key == NULL ? span_absent(key) : span_is(key, examples[i].key);
        if (!right)
            fail_msg("%s ?%s: '%.*s'", examples[i].head, examples[i].query, SPAN_ARG(key));
        arena_reset(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges),
        cmocka_unit_test(takes_plain_http_where_it_is_meant),
        cmocka_unit_test(knows_programs_of_this_machine),
        cmocka_unit_test(finds_the_client),
        cmocka_unit_test(finds_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
