// SPDX-License-Identifier: Apache-2.0
/*
 * papi complete: what may stand at the end of a command line, for the scripts of `papi completion`.
 *
 * Why a command of our own and not lists in three scripts: what may follow is known by the table of commands, and names of models,
 * providers, clients and requests by the running instance. One candidate a line, then a tab and what it is; ":file" and ":directory"
 * leave it to the shell. The words come after "--", the last one is the one being typed.
 * Promises: silent whatever happens, and fast: an instance that does not answer at once is done without.
 */
#include "cli/complete.h"

#include "cli/answer.h"
#include "cli/launch_agents.h"

#include "base/check.h"
#include "base/clock.h"
#include "catalog/facts.h"
#include "mock/mock.h"

#define PATIENCE_NS    (400 * NS_PER_MS)
#define LINE_MAX_BYTES 512
#define BODY_MAX_BYTES ((size_t)8 * 1024 * 1024)
#define OPERANDS_MAX   8

struct completing {
    struct page *page;
    struct span before;              /* "--model=" of "--model=gpt": part of every candidate */
    struct span prefix;              /* what stands there already */
    const struct cli_command *group; /* the first word, when it is a group */
    const struct cli_command *command;
    bool lost;                          /* a word that no command has */
    bool options_end;                   /* "--" stands before the prefix */
    const char *operands[OPERANDS_MAX]; /* before the prefix */
    int operand_count;
    struct instance_wish wish;
};

static void offer(struct completing *at, struct span name, const char *about) {
    bool one_line =
        memchr(name.ptr, '\n', name.len) == NULL && memchr(name.ptr, '\t', name.len) == NULL;
    if (name.len < at->prefix.len || name.len > LINE_MAX_BYTES || !one_line ||
        !span_equal(span_of(name.ptr, at->prefix.len), at->prefix))
        return;
    page_add(at->page, "%.*s%.*s\t%s\n", SPAN_ARG(at->before), SPAN_ARG(name), about);
}

static void offer_text(struct completing *at, const char *name, const char *about) {
    offer(at, span_text(name), about);
}

/* --- names that the instance knows --- */

/* The members `names` of each element of the answer's list. */
static void offer_list(struct completing *at, const char *path, const char *const names[2],
                       const char *about) {
    struct instance instance;
    struct answer answer;
    struct dynbuf body;
    int status = 0;
    if (!instance_find(&at->wish, INSTANCE_OWNER, &instance))
        return;
    instance.patience_ns = PATIENCE_NS;
    dynbuf_init(&body, BODY_MAX_BYTES);
    bool asked = instance_ask(&instance, path, SPAN_NONE, &body, &status) == 0 && status == 200;
    if (asked && answer_read(&answer, dynbuf_span(&body))) {
        for (struct json_iter it = json_each(json_get(answer.top, "data")); json_next(&it);)
            for (size_t i = 0; i < 2 && names[i] != NULL; i++) {
                struct span safe = answer_text(&answer, it.value, names[i]), name;
                if (json_string(json_get(it.value, names[i]), &answer.arena, &name) == 0 &&
                    name.len > 0 && span_equal(name, safe))
                    offer(at, name, about);
            }
        answer_done(&answer);
    }
    dynbuf_done(&body);
}

static void offer_models(struct completing *at) {
    static const char *const names[2] = {"id"};
    offer_list(at, "/v1/models", names, "served now");
    for (uint32_t i = 0; i < facts_built_in.model_count; i++)
        offer_text(at, facts_built_in.models[i].id, facts_built_in.models[i].kind);
}

static void offer_providers(struct completing *at) {
    static const char *const names[2] = {"id"};
    for (uint32_t i = 0; i < facts_built_in.provider_count; i++)
        offer_text(at, facts_built_in.providers[i].id, facts_built_in.providers[i].name);
    offer_list(at, "/admin/v1/providers", names, "of the running PAPI");
}

static void offer_clients(struct completing *at) {
    static const char *const names[2] = {"id", "name"};
    offer_list(at, "/admin/v1/clients?limit=1000", names, "client");
}

static void offer_requests(struct completing *at) {
    static const char *const names[2] = {"id"};
    offer_list(at, "/admin/v1/requests?limit=20", names, "request");
}

/* --- names that the program knows --- */

static void offer_agents(struct completing *at) {
    for (size_t i = 0; i < launch_agent_count; i++)
        offer_text(at, launch_agents[i].name, launch_agents[i].home);
}

static void offer_scenarios(struct completing *at) {
    for (size_t i = 0; mock_scenario_name(i) != NULL; i++)
        offer_text(at, mock_scenario_name(i), mock_scenario_about(i));
}

static void offer_rows(struct completing *at, const struct cli_command *const *rows, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!rows[i]->hidden)
            offer_text(at, rows[i]->name, rows[i]->line);
}

/* For `papi help`: the operands before it name a group or nothing. */
static void offer_commands(struct completing *at) {
    const struct cli_command *group =
        at->operand_count > 0 ? cli_find_command(NULL, span_text(at->operands[0])) : NULL;
    if (at->operand_count == 0)
        offer_rows(at, cli_commands, cli_command_count);
    else if (at->operand_count == 1 && group != NULL)
        offer_rows(at, group->commands, group->command_count);
}

static void offer_file(struct completing *at) {
    page_add(at->page, ":file\n");
}

static void offer_directory(struct completing *at) {
    page_add(at->page, ":directory\n");
}

static void (*const offers[])(struct completing *at) = {
    [CLI_FILE] = offer_file,        [CLI_DIRECTORY] = offer_directory,
    [CLI_MODEL] = offer_models,     [CLI_PROVIDER] = offer_providers,
    [CLI_CLIENT] = offer_clients,   [CLI_REQUEST] = offer_requests,
    [CLI_AGENT] = offer_agents,     [CLI_SCENARIO] = offer_scenarios,
    [CLI_COMMAND] = offer_commands,
};

static void offer_value(struct completing *at, struct span value) {
    struct span choice;
    enum cli_kind kind;
    while (cli_next_choice(&value, &choice, &kind))
        if (kind == CLI_WORD)
            offer(at, choice, "");
        else if (kind < array_length(offers) && offers[kind] != NULL)
            offers[kind](at);
}

/* --- the words --- */

static void offer_options(struct completing *at) {
    const struct cli_command *command = at->command != NULL ? at->command : at->group;
    for (size_t i = 0; command != NULL && i < command->option_count; i++)
        offer_text(at, command->options[i].name, command->options[i].help);
    offer_text(at, "--help", "what it takes");
    if (command == NULL)
        offer_text(at, "--version", "which program this is");
}

static void offer_operand(struct completing *at) {
    struct span rest = span_text(at->command->operands);
    struct cli_operand operand;
    for (int i = 0; cli_next_operand(&rest, &operand); i++)
        if (i == at->operand_count || (operand.repeats && i <= at->operand_count)) {
            offer_value(at, operand.value);
            return;
        }
}

static void take_word(struct completing *at, const char *word) {
    struct span name = span_text(word);
    if (at->command == NULL) {
        const struct cli_command *found = cli_find_command(at->group, name);
        bool group = found != NULL && found->commands != NULL;
        at->group = group ? found : at->group;
        at->command = group ? NULL : found;
        at->lost = found == NULL;
    } else if (at->operand_count < OPERANDS_MAX) {
        at->operands[at->operand_count++] = word;
    }
}

/* Which instance is meant, for names that it knows. */
static void take_value(struct completing *at, const char *option, const char *value) {
    if (strcmp(option, "--url") == 0)
        at->wish.url = value;
    else if (strcmp(option, "--data") == 0)
        at->wish.data = value;
}

/* The option whose value is being typed after all these words, or NULL. */
static const struct cli_option *take_words(struct completing *at, int count, char **words) {
    const struct cli_option *open = NULL;
    for (int i = 0; i < count; i++) {
        if (open != NULL) {
            take_value(at, open->name, words[i]);
            open = NULL;
        } else if (!at->options_end && strcmp(words[i], "--") == 0) {
            at->options_end = true;
        } else if (at->options_end || words[i][0] != '-') {
            take_word(at, words[i]);
        } else if (at->command != NULL && strchr(words[i], '=') == NULL) {
            open = cli_find_option(at->command, span_text(words[i]));
            open = open != NULL && open->value != NULL ? open : NULL;
        }
    }
    return open;
}

void complete_words(struct page *page, int count, char **words) {
    char none[] = "";
    char *last = count > 0 ? words[count - 1] : none;
    struct completing at = {.page = page, .before = SPAN_LITERAL(""), .prefix = span_text(last)};
    const struct cli_option *open = take_words(&at, count - (count > 0), words);
    const char *equals = last[0] == '-' ? strchr(last, '=') : NULL;
    if (open == NULL && equals != NULL && at.command != NULL) {
        at.before = span_of(last, (size_t)(equals - last) + 1);
        at.prefix = span_text(equals + 1);
        open = cli_find_option(at.command, span_of(last, (size_t)(equals - last)));
    }
    if (at.lost)
        return;
    if (open != NULL)
        offer_value(&at, span_text(open->value));
    else if (last[0] == '-' && !at.options_end)
        offer_options(&at);
    else if (at.command != NULL)
        offer_operand(&at);
    else if (at.group != NULL)
        offer_rows(&at, at.group->commands, at.group->command_count);
    else
        offer_rows(&at, cli_commands, cli_command_count);
}

static int run(const struct cli_command *command, int argc, char **argv) {
    struct cli_operands operands;
    struct page page;
    bool words = argc > 0 && strcmp(argv[0], "--") == 0;
    enum cli_parsed parsed = words ? CLI_PARSED : cli_parse(command, argc, argv, NULL, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    if (words && freopen("/dev/null", "w", stderr) == NULL)
        return CLI_FAILED;
    page_init(&page);
    complete_words(&page, words ? argc - 1 : 0, argv + words);
    return page_print(&page);
}

const struct cli_command cli_complete = {
    .name = "complete",
    .operands = "[-- WORD...]",
    .line = "what may stand at the end of a command line",
    .about = "",
    .hidden = true,
    .run = run,
};
