// SPDX-License-Identifier: Apache-2.0
/*
 * What stands for a value in help and usage, and what it means.
 *
 * Why one vocabulary: the word that people read ("PROVIDER") is also what a shell needs in order to complete it and what a man page
 * explains, so a new option says all three by its row. A word that is not here is a mistake that the tests find.
 * Promises: pure; nothing is allocated. Leaves to others: what the values are at this moment (complete.c).
 */
#include "cli/cli.h"

#include "base/check.h"

static const struct cli_word words[] = {
    {"@FILE", CLI_FILE, "`@` and a file to read; `@-` is standard input"},
    {"ACCOUNT", CLI_ANY, "one of a provider's accounts, by its name"},
    {"ADDRESS:PORT", CLI_ANY, "where to listen: 127.0.0.1:7274, [::1]:7274"},
    {"AGENT", CLI_AGENT, "claude, codex, opencode, aider or llm"},
    {"ARGUMENTS", CLI_ANY, "passed on as they are"},
    {"CLIENT", CLI_CLIENT, "a client's id or name, as `papi client list` shows it"},
    {"COMMAND", CLI_COMMAND, "a command, and a sub-command if it has some"},
    {"DIR", CLI_DIRECTORY, "a directory"},
    {"DURATION", CLI_ANY, "a whole number and a unit: 90s, 15m, 1h, 7d"},
    {"FILE", CLI_FILE, "a file"},
    {"JSON", CLI_ANY, "JSON as it is"},
    {"MODEL", CLI_MODEL, "a model's name, as `papi model list` shows it"},
    {"N", CLI_ANY, "a whole number"},
    {"NAME", CLI_ANY, "a name"},
    {"NAME=VALUE", CLI_ANY, "a name and its value"},
    {"PROVIDER", CLI_PROVIDER, "a provider's id, as `papi provider list` shows it"},
    {"REQUEST", CLI_REQUEST, "a request's id: the field x-request-id of its answer"},
    {"SCENARIO", CLI_SCENARIO, "a built-in scenario, as `papi mock --list` shows it"},
    {"TEXT", CLI_ANY, "any text"},
    {"TIME", CLI_ANY, "a moment, 2026-01-31T12:00:00Z, or how long ago: 15m, 1h, 7d"},
    {"URL", CLI_ANY, "an address that starts with http:// or https://"},
    {"WORD", CLI_ANY, "a word of a command line"},
};

const struct cli_word *cli_word(struct span word) {
    for (size_t i = 0; i < array_length(words); i++)
        if (span_is(word, words[i].word))
            return &words[i];
    return NULL;
}

const struct cli_word *cli_word_at(size_t i) {
    return i < array_length(words) ? &words[i] : NULL;
}

static bool is_small(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

static bool is_itself(struct span word) {
    for (size_t i = 0; i < word.len; i++)
        if (!is_small(word.ptr[i]))
            return false;
    return word.len > 0;
}

bool cli_next_choice(struct span *rest, struct span *ret_choice, enum cli_kind *ret_kind) {
    if (span_absent(*rest) || !span_split(rest, '|', ret_choice))
        return false;
    const struct cli_word *row = cli_word(*ret_choice);
    *ret_kind = is_itself(*ret_choice) ? CLI_WORD : row != NULL ? row->kind : CLI_ANY;
    return true;
}

bool cli_value_fits(const char *value, struct span given) {
    struct span rest = span_text(value), choice;
    enum cli_kind kind;
    bool closed = true;
    while (cli_next_choice(&rest, &choice, &kind)) {
        if (kind == CLI_WORD && span_equal(choice, given))
            return true;
        closed = closed && kind == CLI_WORD;
    }
    return !closed;
}

static void cut(struct span *text, size_t front, size_t back) {
    *text = span_of(text->ptr + front, text->len - front - back);
}

bool cli_next_operand(struct span *rest, struct cli_operand *ret_operand) {
    struct cli_operand operand = {.optional = false};
    if (span_absent(*rest) || rest->len == 0)
        return false;
    if (!span_split(rest, rest->ptr[0] == '[' ? ']' : ' ', &operand.value))
        return false;
    if (span_starts_with(operand.value, "[")) {
        operand.optional = true;
        cut(&operand.value, 1, 0);
        if (!span_absent(*rest) && span_starts_with(*rest, " "))
            cut(rest, 1, 0);
    }
    if (span_starts_with(operand.value, "-- "))
        cut(&operand.value, 3, 0);
    if (span_ends_with(operand.value, "...")) {
        operand.repeats = true;
        cut(&operand.value, 0, 3);
    }
    *ret_operand = operand;
    return true;
}

void cli_nearest_offer(struct cli_nearest *nearest, const char *name) {
    size_t distance = span_distance(nearest->asked, span_text(name));
    if (distance >= nearest->distance)
        return;
    nearest->distance = distance;
    nearest->name = name;
}
