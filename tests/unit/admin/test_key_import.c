// SPDX-License-Identifier: Apache-2.0
/*
 * Importing keys: each format, each way to tell a provider, and everything that must not be guessed. Expected results are one text
 * for each file: taken keys first ("groq/default=gsk_... from X"), extras, then what was skipped and why.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "admin/key_import.h"
#include "base/check.h"
#include "base/dynbuf.h"

#include <stdio.h>

#define A20 "AAAAAAAAAAAAAAAAAAAA"

static void describe(const struct key_import *import, struct dynbuf *out) {
    for (uint32_t i = 0; i < import->key_count; i++) {
        const struct imported_key *key = &import->keys[i];
        assert_int_equal(
            dynbuf_append_format(out, "%s/%.*s%s%.*s %.*s <- %.*s\n", key->provider->id,
                                 SPAN_ARG(key->account), key->billing.len > 0 ? " " : "",
                                 SPAN_ARG(key->billing), SPAN_ARG(secret_reveal(key->key)),
                                 SPAN_ARG(key->from)),
            0);
    }
    for (uint32_t i = 0; i < import->extra_count; i++)
        assert_int_equal(dynbuf_append_format(out, "%.*s=%.*s\n", SPAN_ARG(import->extras[i].name),
                                              SPAN_ARG(import->extras[i].value)),
                         0);
    for (uint32_t i = 0; i < import->skipped_count; i++)
        assert_int_equal(dynbuf_append_format(out, "- %.*s: %.*s\n",
                                              SPAN_ARG(import->skipped[i].from),
                                              SPAN_ARG(import->skipped[i].reason)),
                         0);
    if (import->why[0] != '\0')
        assert_int_equal(dynbuf_append_format(out, "! %s\n", import->why), 0);
}

static void run(enum key_format format, const char *text, const char *expected) {
    struct key_import *import;
    struct dynbuf out;
    dynbuf_init(&out, 65536);
    int err = key_import_read(&facts_built_in, format, span_text(text), &import);
    describe(import, &out);
    assert_int_equal(dynbuf_append_char(&out, '\0'), 0);
    assert_string_equal(dynbuf_span(&out).ptr, expected);
    assert_int_equal(err, import->why[0] != '\0' ? ERR_INVALID : 0);
    key_import_free(import);
    dynbuf_done(&out);
}

/* What a student collects in an evening. */
static void a_dotenv_of_twelve(void **state) {
    (void)state;
    run(KEY_FORMAT_AUTO,
        "# my keys\n"
        "GROQ_API_KEY=gsk_" A20 "\n"
        "GEMINI_API_KEY=\"AIza" A20 "\"\n"
        "export OPENROUTER_API_KEY='sk-or-v1-" A20 "'\n"
        "MISTRAL_API_KEY=m" A20 "\n"
        "CEREBRAS_API_KEY=csk-" A20 "\n"
        "NVIDIA_API_KEY=nvapi-" A20 "\n"
        "COHERE_API_KEY=c" A20 "\n"
        "CLOUDFLARE_API_TOKEN=cf" A20 "\n"
        "CLOUDFLARE_ACCOUNT_ID=0123456789abcdef\n"
        "HF_TOKEN=hf_" A20 "\n"
        "SAMBANOVA_API_KEY=s" A20 "\n"
        "ZAI_API_KEY=z" A20 ".x\n"
        "OPENAI_API_KEY=sk-proj-" A20 "\n"
        "DEBUG=1\nDATABASE_URL=postgres://u:p@h/db\n",
        "groq/default gsk_" A20 " <- GROQ_API_KEY (line 2)\n"
        "google/default AIza" A20 " <- GEMINI_API_KEY (line 3)\n"
        "openrouter/default sk-or-v1-" A20 " <- OPENROUTER_API_KEY (line 4)\n"
        "mistral/default m" A20 " <- MISTRAL_API_KEY (line 5)\n"
        "cerebras/default csk-" A20 " <- CEREBRAS_API_KEY (line 6)\n"
        "nvidia/default nvapi-" A20 " <- NVIDIA_API_KEY (line 7)\n"
        "cohere/default c" A20 " <- COHERE_API_KEY (line 8)\n"
        "cloudflare/default cf" A20 " <- CLOUDFLARE_API_TOKEN (line 9)\n"
        "huggingface/default hf_" A20 " <- HF_TOKEN (line 11)\n"
        "sambanova/default s" A20 " <- SAMBANOVA_API_KEY (line 12)\n"
        "zai/default z" A20 ".x <- ZAI_API_KEY (line 13)\n"
        "openai/default sk-proj-" A20 " <- OPENAI_API_KEY (line 14)\n"
        "CLOUDFLARE_ACCOUNT_ID=0123456789abcdef\n");
}

/* Every provider that has a variable and a wire is recognised by it. */
static void every_variable_of_the_catalog(void **state) {
    (void)state;
    for (uint32_t i = 0; i < facts_built_in.provider_count; i++) {
        const struct fact_provider *provider = &facts_built_in.providers[i];
        const char *const *name = provider->env;
        for (; name != NULL && *name != NULL; name++) {
            struct key_import *import;
            char line[512];
            (void)snprintf(line, sizeof line, "%s=%s" A20 "\n", *name, provider->key_prefix);
            assert_int_equal(
                key_import_read(&facts_built_in, KEY_FORMAT_ENV, span_text(line), &import), 0);
            bool usable = provider->unusable[0] == '\0';
            assert_int_equal(import->key_count, usable ? 1 : 0);
            assert_int_equal(import->skipped_count, usable ? 0 : 1);
            if (usable)
                assert_string_equal(import->keys[0].provider->id, provider->id);
            key_import_free(import);
        }
    }
}

static void odd_dotenvs(void **state) {
    (void)state;
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"", ""},
        {"\xEF\xBB\xBFGROQ_API_KEY=gsk_" A20 "\r\n",
         "groq/default gsk_" A20 " <- GROQ_API_KEY (line 1)\n"},
        {"GROQ_API_KEY_2=gsk_" A20 "\nGROQ_API_KEY3=gsk_B" A20 "\n",
         "groq/default gsk_" A20 " <- GROQ_API_KEY_2 (line 1)\n"
         "groq/default gsk_B" A20 " <- GROQ_API_KEY3 (line 2)\n"},
        {"GROQ_API_KEY=gsk_" A20 ", gsk_B" A20 "\n",
         "groq/default gsk_" A20 " <- GROQ_API_KEY (line 1)\n"
         "groq/default gsk_B" A20 " <- GROQ_API_KEY (line 1)\n"},
        {"A_KEY=gsk_" A20 "\nB_KEY=gsk_" A20 "\n",
         "groq/default gsk_" A20 " <- A_KEY (line 1)\n"
         "- B_KEY (line 2): the same key of groq stands there twice\n"},
        {"MY_SECRET=hello-there-my-friend\n",
         "- MY_SECRET (line 1): neither its name nor its shape tells the provider\n"},
        {"LLM_API_KEY=sk-" A20 "\n",
         "- LLM_API_KEY (line 1): its shape fits several providers (dashscope_intl, openai, "
         "siliconflow): name the one it belongs to\n"},
        {"GROQ_API_KEY=sk-or-v1-" A20 "\n",
         "- GROQ_API_KEY (line 1): named after groq, but shaped like a key of openrouter\n"},
        {"GROQ_API_KEY=your-key-here\n", "- GROQ_API_KEY (line 1): looks like a placeholder\n"},
        {"GROQ_API_KEY=${OTHER}\n",
         "- GROQ_API_KEY (line 1): refers to another variable; write the value itself\n"},
        {"GROQ_API_KEY=\"a b" A20 "\"\n", "- GROQ_API_KEY (line 1): the key holds spaces, line "
                                          "ends or other characters that no key has\n"},
        {"gsk_" A20 "\n# note\n\nnvapi-" A20 "\nhm" A20 "\n",
         "groq/default gsk_" A20 " <- line 1\n"
         "nvidia/default nvapi-" A20 " <- line 4\n"
         "- line 5: neither its name nor its shape tells the provider\n"},
    };
    for (size_t i = 0; i < array_length(rows); i++)
        run(KEY_FORMAT_AUTO, rows[i].text, rows[i].expected);
}

static void json_of_many_shapes(void **state) {
    (void)state;
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"{}", ""},
        {"[]", ""},
        {"{\"GROQ_API_KEY\":\"gsk_" A20 "\",\"debug\":true}",
         "groq/default gsk_" A20 " <- GROQ_API_KEY\n"},
        {"{\"groq\":\"gsk_" A20 "\",\"gemini\":{\"api_key\":\"AIza" A20 "\",\"account\":\"me\"}}",
         "groq/default gsk_" A20 " <- groq\n"
         "google/me AIza" A20 " <- gemini.api_key\n"},
        {"{\"groq\":[\"gsk_" A20 "\",\"gsk_B" A20 "\"]}", "groq/default gsk_" A20 " <- groq[0]\n"
                                                          "groq/default gsk_B" A20 " <- groq[1]\n"},
        {"[{\"provider\":\"mistral\",\"key\":\"m" A20
         "\",\"account\":\"work\",\"billing\":\"free\"}]",
         "mistral/work free m" A20 " <- [0].key\n"},
        {"{\"model_list\":[{\"model_name\":\"x\",\"litellm_params\":{\"model\":\"groq/"
         "llama-3\",\"api_key\":\"gsk_" A20 "\"}},{\"model_name\":\"y\",\"litellm_params\":{"
         "\"model\":\"gemini/flash\",\"api_key\":\"os.environ/GEMINI_API_KEY\"}}]}",
         "groq/default gsk_" A20 " <- model_list[0].litellm_params.api_key\n"
         "- model_list[1].litellm_params.api_key: refers to a variable; import the file that sets "
         "it\n"},
        {"{\"data\":[{\"type\":1,\"name\":\"my channel\",\"key\":\"m" A20
         "\",\"base_url\":\"https://api.mistral.ai/v1\"}]}",
         "mistral/default m" A20 " <- data[0].key\n"},
        {"[\"gsk_" A20 "\",\"what is this thing\",\"sk-" A20 "\"]",
         "groq/default gsk_" A20 " <- [0]\n"
         "- [2]: its shape fits several providers (dashscope_intl, openai, siliconflow): name the "
         "one it belongs to\n"},
        {"[{\"name\":\"nobody\",\"key\":\"q" A20 "\"}]",
         "- [0].key: neither its name nor its shape tells the provider\n"},
        {"{\"groq\":", "! it is not valid JSON: line 1, column 9: the text ends too early\n"},
    };
    for (size_t i = 0; i < array_length(rows); i++)
        run(KEY_FORMAT_JSON, rows[i].text, rows[i].expected);
}

static void csv_with_a_header(void **state) {
    (void)state;
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"provider,key,account,billing\ngroq,gsk_" A20 ",work,free\nGoogle,AIza" A20 ",,\n",
         "groq/work free gsk_" A20 " <- line 2\n"
         "google/default AIza" A20 " <- line 3\n"},
        {"name;api_key\r\n\"Mistral\";\"m" A20 "\"\r\n", "mistral/default m" A20 " <- line 2\n"},
        {"key,name\n\"nvapi-" A20 "\",\"two\nlines, \"\"quoted\"\"\"\ngsk_" A20 "\n",
         "nvidia/default nvapi-" A20 " <- line 2\n"
         "groq/default gsk_" A20 " <- line 4\n"},
        {"provider,key\nnobody,x" A20 "\ngroq,\n",
         "- line 2: neither its name nor its shape tells the provider\n"},
        {"a,b\n1,2\n", "! its first line names no column for keys; wanted is a header such as "
                       "provider,key,account\n"},
        {"provider,key\ngroq,\"gsk_" A20 "\n",
         "! line 3: the row is too long, or a quote in it is not closed\n"},
    };
    for (size_t i = 0; i < array_length(rows); i++)
        run(KEY_FORMAT_AUTO, rows[i].text, rows[i].expected);
}

static void bounds(void **state) {
    (void)state;
    static char huge[KEY_IMPORT_TEXT_MAX_BYTES + 1];
    struct key_import *import;
    struct dynbuf text;
    memset(huge, 'x', sizeof huge);
    assert_int_equal(
        key_import_read(&facts_built_in, KEY_FORMAT_AUTO, span_of(huge, sizeof huge), &import),
        ERR_INVALID);
    assert_non_null(strstr(import->why, "1 MiB"));
    key_import_free(import);
    dynbuf_init(&text, KEY_IMPORT_TEXT_MAX_BYTES);
    for (unsigned i = 0; i < KEY_IMPORT_KEYS_MAX + 1; i++)
        assert_int_equal(dynbuf_append_format(&text, "gsk_%020u\n", i), 0);
    assert_int_equal(key_import_read(&facts_built_in, KEY_FORMAT_ENV, dynbuf_span(&text), &import),
                     0);
    assert_int_equal(import->key_count, KEY_IMPORT_KEYS_MAX);
    assert_true(import->cut);
    key_import_free(import);
    key_import_free(NULL);
    dynbuf_done(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dotenv_of_twelve), cmocka_unit_test(every_variable_of_the_catalog),
        cmocka_unit_test(odd_dotenvs),        cmocka_unit_test(json_of_many_shapes),
        cmocka_unit_test(csv_with_a_header),  cmocka_unit_test(bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
