// SPDX-License-Identifier: Apache-2.0
/*
 * The agents' own names for an address, a key and a model.
 *
 * Sources, read in November 2026: aider, page "OpenAI compatible APIs" and its options; opencode, pages "Config" and "Providers"
 * of version 1 (inline configuration comes last and wins); llm, page "OpenAI-compatible models" and its plugin for OpenAI (the
 * key comes from OPENAI_API_KEY once api_key_name is set); Codex, page on configuration (-c key=value, wire_api only
 * "responses"); Claude Code, page "Environment variables" (the base URL has no /v1; a set ANTHROPIC_API_KEY would win).
 * Not verified: that version 2 of opencode reads the same inline form; that Claude Code needs no more than these to use one
 * model for all its tiers.
 * Whether an agent can work with this version is asked of the gateway's table of endpoints, so a new surface needs no edit here.
 * Promises: a key the user has set is never printed. Leaves to others: starting the program (launch.c).
 */
#include "cli/launch_agents.h"

#include "base/check.h"
#include "gateway/endpoint.h"
#include "json/json.h"

const struct launch_agent launch_agents[] = {
    {
        .name = "claude",
        .program = "claude",
        .endpoint = "/v1/messages",
        .home = "https://code.claude.com/docs",
        .variables = {{"ANTHROPIC_BASE_URL", "{base}"},
                      {"ANTHROPIC_AUTH_TOKEN", "{key}"},
                      {"ANTHROPIC_API_KEY", NULL},
                      {"ANTHROPIC_MODEL", "{model}"},
                      {"ANTHROPIC_DEFAULT_OPUS_MODEL", "{model}"},
                      {"ANTHROPIC_DEFAULT_SONNET_MODEL", "{model}"},
                      {"ANTHROPIC_DEFAULT_HAIKU_MODEL", "{model}"}},
    },
    {
        .name = "codex",
        .program = "codex",
        .endpoint = "/v1/responses",
        .home = "https://developers.openai.com/codex",
        .variables = {{LAUNCH_KEY_VARIABLE, "{key}"}},
        .arguments = {"-c", "model_provider=\"papi\"", "-c", "model_providers.papi.name=\"PAPI\"",
                      "-c", "model_providers.papi.base_url=\"{api}\"", "-c",
                      "model_providers.papi.env_key=\"" LAUNCH_KEY_VARIABLE "\"", "-c",
                      "model_providers.papi.wire_api=\"responses\"", "-c", "model=\"{model}\""},
    },
    {
        .name = "opencode",
        .program = "opencode",
        .endpoint = "/v1/chat/completions",
        .home = "https://opencode.ai",
        .variables =
            {{LAUNCH_KEY_VARIABLE, "{key}"},
             {"OPENCODE_CONFIG_CONTENT",
              "{\"model\":\"papi/{model}\",\"small_model\":\"papi/"
              "{model}\",\"provider\":{\"papi\":{\"npm\":"
              "\"@ai-sdk/"
              "openai-compatible\",\"name\":\"PAPI\",\"options\":{\"baseURL\":\"{api}\",\"apiKey\":"
              "\"{env:" LAUNCH_KEY_VARIABLE
              "}\"},\"models\":{\"{model}\":{\"name\":\"{model}\"}}}}}"}},
    },
    {
        .name = "aider",
        .program = "aider",
        .endpoint = "/v1/chat/completions",
        .home = "https://aider.chat",
        .variables = {{"OPENAI_API_BASE", "{api}"}, {"OPENAI_API_KEY", "{key}"}},
        .arguments = {"--model", "openai/{model}", "--no-show-model-warnings"},
    },
    {
        .name = "llm",
        .program = "llm",
        .endpoint = "/v1/chat/completions",
        .home = "https://llm.datasette.io",
        .start = "llm -m papi",
        .folder_variable = "LLM_USER_PATH",
        .folder_words = "in the folder that dirname \"$(llm logs path)\" prints",
        .variables = {{"OPENAI_API_KEY", "{key}"}},
        .files = {{"extra-openai-models.yaml",
                   "- model_id: papi\n"
                   "  model_name: \"{model}\"\n"
                   "  api_base: \"{api}\"\n"
                   "  api_key_name: papi\n"
                   "  supports_tools: true\n",
                   false},
                  {"default_model.txt", "papi\n", true}},
    },
};

const size_t launch_agent_count = array_length(launch_agents);

bool launch_model_fits(struct span model) {
    for (size_t i = 0; i < model.len; i++) {
        char c = model.ptr[i], lower = (char)(c | 0x20);
        bool plain = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
        if (!plain && (c == '\0' || strchr("-._:/@+*", c) == NULL))
            return false;
    }
    return model.len > 0;
}

bool launch_is_served(const struct launch_agent *agent) {
    struct span path = span_text(agent->endpoint);
    check(span_starts_with(path, "/v1"));
    return endpoint_find(NULL, 0, span_of(path.ptr + 3, path.len - 3), METHOD_POST).endpoint !=
           NULL;
}

/* --- texts --- */

int launch_expand(struct dynbuf *out, const char *text, const struct launch_facts *facts) {
    const struct {
        const char *name;
        struct span value, end;
    } marks[] = {
        {"{base}", facts->base, SPAN_LITERAL("")},
        {"{api}", facts->base, SPAN_LITERAL("/v1")},
        {"{model}", facts->model, SPAN_LITERAL("")},
        {"{key}", facts->key, SPAN_LITERAL("")},
    };
    int err = 0;
    while (*text != '\0' && err == 0) {
        size_t i = 0;
        while (i < array_length(marks) && strncmp(text, marks[i].name, strlen(marks[i].name)) != 0)
            i++;
        if (i == array_length(marks)) {
            err = dynbuf_append_char(out, *text++);
            continue;
        }
        text += strlen(marks[i].name);
        err = dynbuf_append_span(out, marks[i].value);
        if (err == 0)
            err = dynbuf_append_span(out, marks[i].end);
    }
    return err;
}

#define EXPANDED_MAX_BYTES ((size_t)64 * 1024)

/* Expands and hands the text to what quotes it. */
static int put(struct dynbuf *out, const char *text, const struct launch_facts *facts,
               int (*quote)(struct dynbuf *out, struct span text)) {
    struct dynbuf expanded;
    dynbuf_init(&expanded, EXPANDED_MAX_BYTES);
    int err = launch_expand(&expanded, text, facts);
    if (err == 0)
        err = quote(out, dynbuf_span(&expanded));
    dynbuf_done(&expanded);
    return err;
}

/* --- for a shell --- */

/* Inside single quotes only the single quote means something. */
static int quote_for_shell(struct dynbuf *out, struct span text) {
    int err = dynbuf_append_char(out, '\'');
    for (size_t i = 0; i < text.len && err == 0; i++)
        err = text.ptr[i] == '\'' ? dynbuf_append_text(out, "'\\''")
                                  : dynbuf_append_char(out, text.ptr[i]);
    return err < 0 ? err : dynbuf_append_char(out, '\'');
}

static int quote_if_needed(struct dynbuf *out, struct span text) {
    return launch_model_fits(text) ? dynbuf_append_span(out, text) : quote_for_shell(out, text);
}

static bool is_users_key(const struct launch_variable *variable, const struct launch_facts *facts) {
    return facts->key_is_set && variable->value != NULL && strcmp(variable->value, "{key}") == 0;
}

static int export_variable(struct dynbuf *out, const struct launch_variable *variable,
                           const struct launch_facts *facts) {
    if (variable->value == NULL)
        return dynbuf_append_format(out, "unset %s\n", variable->name);
    int err = dynbuf_append_format(out, "export %s=", variable->name);
    if (err == 0)
        err = is_users_key(variable, facts)
                  ? dynbuf_append_text(out, "\"$" LAUNCH_KEY_VARIABLE "\"")
                  : put(out, variable->value, facts, quote_for_shell);
    return err < 0 ? err : dynbuf_append_char(out, '\n');
}

static int comment_lines(struct dynbuf *out, struct span text) {
    struct span line;
    int err = 0;
    while (err == 0 && text.len > 0 && span_split(&text, '\n', &line))
        err = dynbuf_append_format(out, "#   %.*s\n", SPAN_ARG(line));
    return err;
}

static int explain_files(struct dynbuf *out, const struct launch_agent *agent,
                         const struct launch_facts *facts) {
    int err = 0;
    for (size_t i = 0; i < LAUNCH_FILES_MAX && agent->files[i].name != NULL && err == 0; i++) {
        if (agent->files[i].ours_only)
            continue;
        err = dynbuf_append_format(out, "# %s, %s:\n", agent->files[i].name, agent->folder_words);
        if (err == 0)
            err = put(out, agent->files[i].text, facts, comment_lines);
    }
    return err;
}

static int explain_start(struct dynbuf *out, const struct launch_agent *agent,
                         const struct launch_facts *facts) {
    int err = dynbuf_append_format(out, "# start: %s",
                                   agent->start != NULL ? agent->start : agent->program);
    for (size_t i = 0; i < LAUNCH_ARGUMENTS_MAX && agent->arguments[i] != NULL && err == 0; i++) {
        err = dynbuf_append_char(out, ' ');
        if (err == 0)
            err = put(out, agent->arguments[i], facts, quote_if_needed);
    }
    return err < 0 ? err : dynbuf_append_char(out, '\n');
}

int launch_print_shell(struct dynbuf *out, const struct launch_agent *agent,
                       const struct launch_facts *facts) {
    int err = 0;
    if (!launch_is_served(agent))
        err = dynbuf_append_format(
            out,
            "# %s speaks %s, which this version of PAPI does not serve yet: this is what it will "
            "need.\n",
            agent->name, agent->endpoint);
    for (size_t i = 0; i < LAUNCH_VARIABLES_MAX && agent->variables[i].name != NULL && err == 0;
         i++)
        err = export_variable(out, &agent->variables[i], facts);
    if (err == 0)
        err = explain_files(out, agent, facts);
    return err < 0 ? err : explain_start(out, agent, facts);
}

/* --- JSON --- */

static int comma(struct dynbuf *out, bool *first) {
    bool was_first = *first;
    *first = false;
    return was_first ? 0 : dynbuf_append_char(out, ',');
}

static int put_member(struct dynbuf *out, const char *name, const char *text,
                      const struct launch_facts *facts) {
    int err = json_write_string(out, span_text(name));
    if (err == 0)
        err = dynbuf_append_char(out, ':');
    return err < 0 ? err : put(out, text, facts, json_write_string);
}

static int put_environment(struct dynbuf *out, const struct launch_agent *agent,
                           const struct launch_facts *facts) {
    int err = dynbuf_append_text(out, ",\"environment\":{");
    bool first = true;
    for (size_t i = 0; i < LAUNCH_VARIABLES_MAX && agent->variables[i].name != NULL && err == 0;
         i++) {
        const struct launch_variable *variable = &agent->variables[i];
        if (variable->value == NULL)
            continue;
        err = comma(out, &first);
        if (err == 0)
            err = put_member(
                out, variable->name,
                is_users_key(variable, facts) ? "$" LAUNCH_KEY_VARIABLE : variable->value, facts);
    }
    if (err == 0)
        err = dynbuf_append_text(out, "},\"unset\":[");
    first = true;
    for (size_t i = 0; i < LAUNCH_VARIABLES_MAX && agent->variables[i].name != NULL && err == 0;
         i++) {
        if (agent->variables[i].value != NULL)
            continue;
        err = comma(out, &first);
        if (err == 0)
            err = json_write_string(out, span_text(agent->variables[i].name));
    }
    return err < 0 ? err : dynbuf_append_char(out, ']');
}

static int put_arguments(struct dynbuf *out, const struct launch_agent *agent,
                         const struct launch_facts *facts) {
    int err = dynbuf_append_text(out, ",\"arguments\":[");
    bool first = true;
    for (size_t i = 0; i < LAUNCH_ARGUMENTS_MAX && agent->arguments[i] != NULL && err == 0; i++) {
        err = comma(out, &first);
        if (err == 0)
            err = put(out, agent->arguments[i], facts, json_write_string);
    }
    return err < 0 ? err : dynbuf_append_char(out, ']');
}

static int put_files(struct dynbuf *out, const struct launch_agent *agent,
                     const struct launch_facts *facts) {
    int err = dynbuf_append_text(out, ",\"files\":{");
    bool first = true;
    for (size_t i = 0; i < LAUNCH_FILES_MAX && agent->files[i].name != NULL && err == 0; i++) {
        if (agent->files[i].ours_only)
            continue;
        err = comma(out, &first);
        if (err == 0)
            err = put_member(out, agent->files[i].name, agent->files[i].text, facts);
    }
    return err < 0 ? err : dynbuf_append_text(out, "}}\n");
}

int launch_print_json(struct dynbuf *out, const struct launch_agent *agent,
                      const struct launch_facts *facts) {
    int err = dynbuf_append_format(
        out, "{\"agent\":\"%s\",\"program\":\"%s\",\"endpoint\":\"%s\",\"served\":%s", agent->name,
        agent->program, agent->endpoint, launch_is_served(agent) ? "true" : "false");
    if (err == 0)
        err = put_environment(out, agent, facts);
    if (err == 0)
        err = put_arguments(out, agent, facts);
    return err < 0 ? err : put_files(out, agent, facts);
}
