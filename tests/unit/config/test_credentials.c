// SPDX-License-Identifier: Apache-2.0
/*
 * Keys found in the environment and in .env: which one counts, what is left out, what is said, and that no key is said.
 */
#include "config_fixture.h"

#include "base/arena.h"
#include "config/credentials.h"

#include <sys/stat.h>
#include <unistd.h>

enum { GROQ = 7, GOOGLE = 8, CLOUDFLARE = 9 };

static const struct config_variable variables[] = {
    {"GROQ_API_KEY", GROQ, false},
    {"GEMINI_API_KEY", GOOGLE, false},
    {"GOOGLE_API_KEY", GOOGLE, false},
    {"CLOUDFLARE_API_TOKEN", CLOUDFLARE, false},
    {"CLOUDFLARE_ACCOUNT_ID", CLOUDFLARE, true},
};

#define ENTRIES_MAX 6
#define NO_ASSIGNMENT \
    "this line is no assignment and is passed over; write NAME=value, or # before a comment\n"

struct sample {
    const char *environment[9]; /* name, value, ..., NULL */
    const char *dotenv;
    const char *found[ENTRIES_MAX]; /* "provider source key-or-value" */
    const char *report;             /* the file being ".env" */
};

static const struct sample samples[] = {
    {{NULL}, "", {NULL}, ""},
    {{"GROQ_API_KEY", "gsk_1", NULL}, "", {"7 GROQ_API_KEY gsk_1"}, ""},
    {{"GROQ_API_KEY", "", NULL}, "", {NULL}, ""},
    {{"OPENAI_API_KEY", "sk-1", NULL},
     "OPENAI_API_KEY=sk-2\nPAPI_LISTEN=0.0.0.0:1\n",
     {NULL},
     ".env:2:1: warning: PAPI_LISTEN is a setting, and .env is read for keys of providers only; "
     "set "
     "it in the environment or in papi.yaml\n"},
    {{NULL}, "# keys\nGROQ_API_KEY=gsk_2\n", {"7 .env:2 gsk_2"}, ""},
    {{"GROQ_API_KEY", "gsk_1", NULL}, "GROQ_API_KEY=gsk_2\n", {"7 GROQ_API_KEY gsk_1"}, ""},
    {{"GROQ_API_KEY", "", NULL}, "GROQ_API_KEY=gsk_2\n", {"7 .env:1 gsk_2"}, ""},
    {{"GROQ_API_KEY", "a1, b2,,a1,c3 ", NULL},
     "",
     {"7 GROQ_API_KEY a1", "7 GROQ_API_KEY b2", "7 GROQ_API_KEY c3"},
     "warning: GROQ_API_KEY has spaces or line ends around its key, which are dropped\n"},
    {{NULL}, "GROQ_API_KEY='a1 , b2'\n", {"7 .env:1 a1", "7 .env:1 b2"}, ""},
    /* The preferred name first; the environment for the whole provider before .env. */
    {{"GOOGLE_API_KEY", "g2", "GEMINI_API_KEY", "g1", NULL}, "", {"8 GEMINI_API_KEY g1"}, ""},
    {{"GOOGLE_API_KEY", "g2", NULL}, "GEMINI_API_KEY=g1\n", {"8 GOOGLE_API_KEY g2"}, ""},
    {{NULL}, "GOOGLE_API_KEY=g2\nGEMINI_API_KEY=g1\n", {"8 .env:2 g1"}, ""},
    {{"CLOUDFLARE_ACCOUNT_ID", "0af1", NULL},
     "CLOUDFLARE_API_TOKEN=t\nCLOUDFLARE_ACCOUNT_ID=other\n",
     {"9 .env:1 t", "9 CLOUDFLARE_ACCOUNT_ID 0af1"},
     ""},
    {{"CLOUDFLARE_ACCOUNT_ID", "../x", NULL},
     "",
     {NULL},
     "error: CLOUDFLARE_ACCOUNT_ID may hold letters, digits, '-', '_' and '.' only\n"},
    {{"CLOUDFLARE_ACCOUNT_ID", "<account id>", NULL},
     "CLOUDFLARE_ACCOUNT_ID=0af1\n",
     {"9 .env:1 0af1"},
     "warning: CLOUDFLARE_ACCOUNT_ID looks like a placeholder and is not used\n"},
    {{"GROQ_API_KEY", "your-key-here", NULL},
     "GROQ_API_KEY=gsk_2\n",
     {"7 .env:1 gsk_2"},
     "warning: GROQ_API_KEY looks like a placeholder and is not used\n"},
    {{"GEMINI_API_KEY", "changeme", "GOOGLE_API_KEY", "g2", NULL},
     "",
     {"8 GOOGLE_API_KEY g2"},
     "warning: GEMINI_API_KEY looks like a placeholder and is not used\n"},
    {{"GROQ_API_KEY", "gsk secret", NULL},
     "",
     {NULL},
     "error: the key in GROQ_API_KEY holds spaces, line ends or other characters that no key "
     "has\n"},
    {{"GROQ_API_KEY", "gsk\xC3\xA9", NULL},
     "",
     {NULL},
     "error: the key in GROQ_API_KEY holds spaces, line ends or other characters that no key "
     "has\n"},
    {{"GROQ_API_KEY", "gsk_1\r\n", NULL},
     "",
     {"7 GROQ_API_KEY gsk_1"},
     "warning: GROQ_API_KEY has spaces or line ends around its key, which are dropped\n"},
    {{"GROQ_API_KEY", "\"gsk_1\"", NULL},
     "",
     {"7 GROQ_API_KEY gsk_1"},
     "warning: GROQ_API_KEY has quotes around its key, which are dropped\n"},
    {{NULL},
     "A=1\nGROQ_API_KEY=gsk secret\n",
     {NULL},
     ".env:2:1: error: the key in GROQ_API_KEY holds spaces, line ends or other characters that "
     "no key has\n"},
    {{NULL},
     "GROQ_API_KEY=gsk_1\nGROQ_API_KEY=gsk_2\n",
     {"7 .env:2 gsk_2"},
     ".env:2:1: warning: GROQ_API_KEY is set twice; this line counts, not line 1\n"},
    {{NULL},
     "GROQ_API_KEY=gsk_1\nGROQ_API_KEY=\n",
     {NULL},
     ".env:2:1: warning: GROQ_API_KEY is set twice; this line counts, not line 1\n"},
    {{NULL},
     "GROQ_API_KEY\nGEMINI_API_KEY=${KEY}\nOTHER\n",
     {NULL},
     ".env:1:1: error: GROQ_API_KEY has no '=' behind it\n"
     ".env:2:1: error: GEMINI_API_KEY refers to another variable; write the value itself\n"
     ".env:3:1: warning: " NO_ASSIGNMENT},
    {{NULL},
     "PEM='-----BEGIN\nGROQ_API_KEY=inside\n'\nGROQ_API_KEY=gsk_1\n",
     {"7 .env:4 gsk_1"},
     ".env:1:1: warning: a value over several lines is not supported; lines 1 to 3 are passed "
     "over\n"},
    {{NULL},
     "OTHER=\"\\q\"\n=\n  gsk_secret\nnothing here\n# GROK: 1\n???\n  ???\n",
     {NULL},
     ".env:2:1: warning: " NO_ASSIGNMENT ".env:3:3: warning: " NO_ASSIGNMENT
     ".env:4:1: warning: " NO_ASSIGNMENT
     "warning: .env has 2 more lines that are no assignments\n"},
    /* Mistyped names of providers; not names of others that look like them. */
    {{NULL},
     "GROQ_APIKEY=gsk_1\n",
     {NULL},
     ".env:1:1: warning: no provider is known by GROQ_APIKEY; did you mean GROQ_API_KEY?\n"},
    {{NULL},
     "  export GROK_API_KEY=gsk_1\n",
     {NULL},
     ".env:1:10: warning: no provider is known by GROK_API_KEY; did you mean GROQ_API_KEY?\n"},
    {{NULL},
     "GOOGLE_API_KEYS=a\nCLOUDFLARE_ACOUNT_ID=b\n",
     {NULL},
     ".env:1:1: warning: no provider is known by GOOGLE_API_KEYS; did you mean GOOGLE_API_KEY?\n"
     ".env:2:1: warning: no provider is known by CLOUDFLARE_ACOUNT_ID; did you mean "
     "CLOUDFLARE_ACCOUNT_ID?\n"},
    {{NULL}, "BROQ_API_KEY=a\nDATABASE_URL=b\nA=1\nGROQ_KEY=c\nGROQ_MODEL=d\n", {NULL}, ""},
};

static void expect_credential(const struct config_credential *item, const char *expected) {
    char text[256];
    struct span value = item->key != NULL ? secret_reveal(item->key) : item->value;
    (void)snprintf(text, sizeof text, "%u %.*s %.*s", item->provider, SPAN_ARG(item->source),
                   SPAN_ARG(value));
    assert_string_equal(text, expected);
    assert_span(item->account, "default");
}

static void expect_report(const struct config_report *report, const char *expected) {
    struct dynbuf text;
    dynbuf_init(&text, 1024 * 1024);
    assert_int_equal(config_report_write(report, ".env", &text), 0);
    assert_span(dynbuf_span(&text), expected);
    dynbuf_done(&text);
}

static void finds_what_counts(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(samples); i++) {
        const struct sample *sample = &samples[i];
        struct config_environment environment = {.get = fixture_get,
                                                 .context = (void *)(uintptr_t)sample->environment};
        struct config_credentials_query query = {variables, array_length(variables), &environment,
                                                 NULL, span_text(sample->dotenv)};
        struct config_credentials *credentials;
        struct config_report report;
        int err = config_credentials_read(&query, &credentials, &report);
        expect_report(&report, sample->report);
        assert_int_equal(err, report.errors > 0 ? ERR_INVALID : 0);
        uint32_t count = 0;
        while (count < ENTRIES_MAX && sample->found[count] != NULL)
            count++;
        assert_int_equal(credentials->count, count);
        for (uint32_t j = 0; j < count; j++)
            expect_credential(&credentials->items[j], sample->found[j]);
        config_credentials_free(credentials);
    }
    config_credentials_free(NULL);
}

static void knows_placeholders(void **state) {
    static const char *const yes[] = {"changeme",
                                      "CHANGEME",
                                      "change-me",
                                      "your-key-here",
                                      "YOUR_API_KEY",
                                      "your_groq_api_key",
                                      "<your key>",
                                      "<key>",
                                      "{{ key }}",
                                      "[token]",
                                      "xxx",
                                      "XXXXXXXX",
                                      "sk-xxxxxxxx",
                                      "gsk_XXXX",
                                      "sk-...",
                                      "sk-or-v1-****",
                                      "AIza...",
                                      "sk-\xE2\x80\xA6",
                                      "paste-key-here",
                                      "replace-me",
                                      "insert_key",
                                      "none",
                                      "null",
                                      "todo",
                                      "api_key",
                                      "sk-proj-your-key"};
    static const char *const no[] = {
        "gsk_a1B2c3", "sk-1234",        "test",       "x",     "xx",         "0000000000", "hf_xX1",
        "abc-def",    "sk-yourselves1", "AIzaSyHere", "dummy", "sk-where_1", "none1"};
    (void)state;
    for (size_t i = 0; i < array_length(yes); i++)
        if (!config_key_is_placeholder(span_text(yes[i])))
            fail_msg("'%s' is a placeholder", yes[i]);
    for (size_t i = 0; i < array_length(no); i++)
        if (config_key_is_placeholder(span_text(no[i])))
            fail_msg("'%s' is no placeholder", no[i]);
    assert_false(config_key_is_placeholder(SPAN_LITERAL("")));
    assert_false(config_key_is_placeholder(SPAN_LITERAL("\0\0\0")));
}

static void caps_the_number_of_keys(void **state) {
    struct config_environment environment = {.get = NULL};
    struct config_credentials *credentials;
    struct config_report report;
    struct dynbuf text;
    (void)state;
    dynbuf_init(&text, 65536);
    assert_int_equal(dynbuf_append_text(&text, "GROQ_API_KEY="), 0);
    for (int i = 0; i < 70; i++)
        assert_int_equal(dynbuf_append_format(&text, "k%d,", i), 0);
    struct config_credentials_query query = {variables, array_length(variables), &environment, NULL,
                                             dynbuf_span(&text)};
    assert_int_equal(config_credentials_read(&query, &credentials, &report), 0);
    assert_int_equal(credentials->count, CONFIG_KEYS_PER_VARIABLE_MAX);
    expect_report(&report,
                  ".env:1:1: warning: GROQ_API_KEY holds more than 64 keys; the rest is left\n");
    config_credentials_free(credentials);
    dynbuf_done(&text);
}

/* --- the file --- */

static void write_file(const char *path, const char *text, size_t len) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

static uint32_t count_from(const char *path, const char *expected) {
    struct config_credentials_query query = {variables, array_length(variables), NULL, path,
                                             SPAN_NONE};
    struct config_credentials *credentials;
    struct config_report report;
    assert_int_equal(config_credentials_read(&query, &credentials, &report), 0);
    expect_report(&report, expected);
    uint32_t count = credentials->count;
    config_credentials_free(credentials);
    return count;
}

static void reads_the_file(void **state) {
    char folder[] = "/tmp/papi-dotenv-XXXXXX", path[64], expected[256];
    char *large = mem_zalloc(CONFIG_DOTENV_MAX_BYTES + 2);
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/.env", folder);
    assert_int_equal(count_from(path, ""), 0);
    write_file(path, "GROQ_API_KEY=a,b\n", 17);
    assert_int_equal(count_from(path, ""), 2);
    memset(large, '#', CONFIG_DOTENV_MAX_BYTES + 1);
    memcpy(large, "GROQ_API_KEY=a\n", 15);
    write_file(path, large, CONFIG_DOTENV_MAX_BYTES);
    assert_int_equal(count_from(path, ""), 1);
    write_file(path, large, CONFIG_DOTENV_MAX_BYTES + 1);
    (void)snprintf(expected, sizeof expected, "warning: %s is larger than 64 KiB and is not read\n",
                   path);
    assert_int_equal(count_from(path, expected), 0);
    assert_int_equal(remove(path), 0);
    (void)snprintf(expected, sizeof expected, "warning: %s is not a regular file and is not read\n",
                   path);
    assert_int_equal(mkfifo(path, 0600), 0); /* waiting for a writer would stop the start */
    assert_int_equal(count_from(path, expected), 0);
    assert_int_equal(remove(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(count_from(path, expected), 0);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(folder), 0);
    mem_free(large);
}

/* Who else can read the keys is said, by the file that holds one only. */
static void tells_who_can_read_it(void **state) {
    static const struct {
        const char *text;
        unsigned mode;
        bool told;
    } rows[] = {
        {"GROQ_API_KEY=a\n", 0600, false},          {"GROQ_API_KEY=a\n", 0400, false},
        {"GROQ_API_KEY=a\n", 0644, true},           {"GROQ_API_KEY=a\n", 0640, true},
        {"GROQ_API_KEY=a\n", 0604, true},           {"OTHER_THING=a\n", 0644, false},
        {"CLOUDFLARE_ACCOUNT_ID=a\n", 0644, false},
    };
    char folder[] = "/tmp/papi-dotenv-XXXXXX", path[64], expected[256];
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/.env", folder);
    for (size_t i = 0; i < array_length(rows); i++) {
        write_file(path, rows[i].text, strlen(rows[i].text));
        assert_int_equal(chmod(path, rows[i].mode), 0);
        (void)snprintf(expected, sizeof expected,
                       "warning: %s holds keys and can be read by others on this machine (mode "
                       "%04o); run: chmod 600 %s\n",
                       path, rows[i].mode, path);
        (void)count_from(path, rows[i].told ? expected : "");
    }
    assert_int_equal(remove(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_counts),       cmocka_unit_test(knows_placeholders),
        cmocka_unit_test(caps_the_number_of_keys), cmocka_unit_test(reads_the_file),
        cmocka_unit_test(tells_who_can_read_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
