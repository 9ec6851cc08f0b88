// SPDX-License-Identifier: Apache-2.0
/* What papi launch tells each agent, in a shell's form and as JSON; names and keys that could break out of either. */
#include "cli/launch_agents.h"

#include "base/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct launch_facts usual = {.base = SPAN_LITERAL("http://127.0.0.1:7274"),
                                          .model = SPAN_LITERAL("auto"),
                                          .key = SPAN_LITERAL("papi")};

static const struct launch_agent *agent_named(const char *name) {
    for (size_t i = 0; i < launch_agent_count; i++)
        if (strcmp(launch_agents[i].name, name) == 0)
            return &launch_agents[i];
    fail_msg("no agent %s", name);
    return NULL;
}

static void assert_shell(const char *name, const struct launch_facts *facts, const char *expected) {
    struct dynbuf out;
    dynbuf_init(&out, 65536);
    assert_int_equal(launch_print_shell(&out, agent_named(name), facts), 0);
    if (!span_is(dynbuf_span(&out), expected))
        fail_msg("%s:\n%.*s", name, SPAN_ARG(dynbuf_span(&out)));
    dynbuf_done(&out);
}

static void prints_for_a_shell(void **state) {
    (void)state;
    assert_shell("aider", &usual,
                 "export OPENAI_API_BASE='http://127.0.0.1:7274/v1'\n"
                 "export OPENAI_API_KEY='papi'\n"
                 "# start: aider --model openai/auto --no-show-model-warnings\n");
    assert_shell(
        "opencode", &usual,
        "export PAPI_API_KEY='papi'\n"
        "export OPENCODE_CONFIG_CONTENT='{\"model\":\"papi/auto\",\"small_model\":\"papi/auto\","
        "\"provider\":{\"papi\":{\"npm\":\"@ai-sdk/openai-compatible\",\"name\":\"PAPI\","
        "\"options\":{\"baseURL\":\"http://127.0.0.1:7274/v1\",\"apiKey\":\"{env:PAPI_API_KEY}\"},"
        "\"models\":{\"auto\":{\"name\":\"auto\"}}}}}'\n"
        "# start: opencode\n");
    assert_shell(
        "llm", &usual,
        "export OPENAI_API_KEY='papi'\n"
        "# extra-openai-models.yaml, in the folder that dirname \"$(llm logs path)\" prints:\n"
        "#   - model_id: papi\n"
        "#     model_name: \"auto\"\n"
        "#     api_base: \"http://127.0.0.1:7274/v1\"\n"
        "#     api_key_name: papi\n"
        "#     supports_tools: true\n"
        "# start: llm -m papi\n");
}

/* What an agent needs stands there also while its wire is not served, under a line that says so. */
static void says_what_is_not_served(void **state) {
    (void)state;
    for (size_t i = 0; i < launch_agent_count; i++) {
        struct dynbuf out;
        dynbuf_init(&out, 65536);
        assert_int_equal(launch_print_shell(&out, &launch_agents[i], &usual), 0);
        bool says = span_contains(dynbuf_span(&out), "does not serve yet");
        assert_true(says == !launch_is_served(&launch_agents[i]));
        assert_true(!says || span_starts_with(dynbuf_span(&out), "# "));
        dynbuf_done(&out);
    }
    assert_true(launch_is_served(agent_named("aider")));
    static const struct launch_agent stranger = {.name = "x", .endpoint = "/v1/nothing"};
    assert_false(launch_is_served(&stranger));
}

/* A key the user has set is named, not shown; any other stands between single quotes. */
static void prints_no_key(void **state) {
    (void)state;
    struct launch_facts facts = usual;
    facts.key = SPAN_LITERAL("sk-papi-very-secret");
    facts.key_is_set = true;
    for (size_t i = 0; i < launch_agent_count; i++) {
        struct dynbuf out;
        dynbuf_init(&out, 65536);
        assert_int_equal(launch_print_shell(&out, &launch_agents[i], &facts), 0);
        assert_int_equal(launch_print_json(&out, &launch_agents[i], &facts), 0);
        assert_false(span_contains(dynbuf_span(&out), "very-secret"));
        assert_true(span_contains(dynbuf_span(&out), "=\"$PAPI_API_KEY\"\n"));
        dynbuf_done(&out);
    }
}

static void quotes_what_a_url_may_hold(void **state) {
    (void)state;
    struct launch_facts facts = usual;
    facts.base = SPAN_LITERAL("https://h:1/a'b$(c)");
    facts.model = SPAN_LITERAL("groq/llama-3.3:70b");
    assert_shell("aider", &facts,
                 "export OPENAI_API_BASE='https://h:1/a'\\''b$(c)/v1'\n"
                 "export OPENAI_API_KEY='papi'\n"
                 "# start: aider --model openai/groq/llama-3.3:70b --no-show-model-warnings\n");
}

static void knows_names_of_models(void **state) {
    (void)state;
    static const char *const good[] = {"auto",       "auto:smart", "groq/llama-3.3-70b",
                                       "@cf/meta/x", "a+b",        "claude-*"};
    static const char *const bad[] = {"",      "a b", "a'b", "a\"b", "a\\b",    "a\nb",
                                      "{key}", "$x",  "a;b", "`x`",  "\xc3\xa9"};
    for (size_t i = 0; i < array_length(good); i++)
        assert_true(launch_model_fits(span_text(good[i])));
    for (size_t i = 0; i < array_length(bad); i++)
        assert_false(launch_model_fits(span_text(bad[i])));
    assert_false(launch_model_fits(SPAN_LITERAL("a\0b")));
}

static void prints_json(void **state) {
    (void)state;
    for (size_t i = 0; i < launch_agent_count; i++) {
        struct dynbuf out;
        dynbuf_init(&out, 65536);
        assert_int_equal(launch_print_json(&out, &launch_agents[i], &usual), 0);
        struct span text = dynbuf_span(&out);
        assert_true(span_ends_with(text, "}\n"));
        assert_true(span_contains(text, "http://127.0.0.1:7274"));
        dynbuf_done(&out);
    }
    struct dynbuf out;
    dynbuf_init(&out, 65536);
    assert_int_equal(launch_print_json(&out, agent_named("aider"), &usual), 0);
    assert_true(span_is(
        dynbuf_span(&out),
        "{\"agent\":\"aider\",\"program\":\"aider\",\"endpoint\":\"/v1/chat/"
        "completions\",\"served\":true,"
        "\"environment\":{\"OPENAI_API_BASE\":\"http://127.0.0.1:7274/"
        "v1\",\"OPENAI_API_KEY\":\"papi\"},"
        "\"unset\":[],\"arguments\":[\"--model\",\"openai/auto\",\"--no-show-model-warnings\"],"
        "\"files\":{}}\n"));
    dynbuf_done(&out);
}

/* Everything that a launch sets needs a place: nothing may fill its array so that the end is not seen. */
static void rows_have_ends(void **state) {
    (void)state;
    for (size_t i = 0; i < launch_agent_count; i++) {
        const struct launch_agent *agent = &launch_agents[i];
        assert_null(agent->variables[LAUNCH_VARIABLES_MAX - 1].name);
        assert_true((agent->files[0].name != NULL) == (agent->folder_variable != NULL));
        assert_true((agent->files[0].name != NULL) == (agent->folder_words != NULL));
        assert_true(span_starts_with(span_text(agent->home), "https://"));
    }
}

static void caps_are_errors(void **state) {
    (void)state;
    struct dynbuf out;
    dynbuf_init(&out, 40);
    assert_int_equal(launch_print_shell(&out, agent_named("aider"), &usual), ERR_TOO_LARGE);
    assert_int_equal(launch_print_json(&out, agent_named("aider"), &usual), ERR_TOO_LARGE);
    dynbuf_done(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_for_a_shell),    cmocka_unit_test(says_what_is_not_served),
        cmocka_unit_test(prints_no_key),         cmocka_unit_test(quotes_what_a_url_may_hold),
        cmocka_unit_test(knows_names_of_models), cmocka_unit_test(prints_json),
        cmocka_unit_test(rows_have_ends),        cmocka_unit_test(caps_are_errors),
    };
    return cmocka_run_group_tests_name("cli_launch", tests, NULL, NULL);
}
