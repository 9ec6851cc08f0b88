// SPDX-License-Identifier: Apache-2.0
/*
 * Reading a command's arguments by its table of options.
 *
 * Forms: --name VALUE, --name=VALUE, --flag, -h; "--" ends the options. Options and operands may mix. An option given twice takes
 * its last value, as in every other tool.
 * Why not getopt: it knows neither help nor the nearest name, and prints in its own words.
 * Promises: an unknown option, a missing or superfluous value and an operand nobody wants are refused before anything runs.
 */
#include "cli/cli.h"

#include "base/check.h"

#define WORDS_BYTES 256

struct reading {
    const struct cli_command *command;
    char **argv;
    int argc;
    int at;
    void *values;
};

const struct cli_option *cli_find_option(const struct cli_command *command, struct span name) {
    for (size_t i = 0; i < command->option_count; i++)
        if (span_is(name, command->options[i].name))
            return &command->options[i];
    return NULL;
}

static enum cli_parsed refuse_option(const struct cli_command *command, struct span name) {
    struct cli_nearest nearest = {.asked = name, .distance = 3};
    char of[CLI_NAME_SIZE];
    for (size_t i = 0; i < command->option_count; i++)
        cli_nearest_offer(&nearest, command->options[i].name);
    if (nearest.name != NULL)
        cli_complain("unknown option '%.*s'; did you mean '%s'?", SPAN_ARG(name), nearest.name);
    else
        cli_complain("unknown option '%.*s'; `papi %s --help` lists them", SPAN_ARG(name),
                     cli_command_name(command, of));
    return CLI_REFUSED;
}

/* "90s" in ms; a number without a unit says too little to guess one. */
static bool read_duration(struct span text, uint64_t *ret_ms) {
    static const struct {
        char unit;
        uint64_t ms;
    } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};
    uint64_t count;
    if (text.len < 2 || !span_to_u64(span_of(text.ptr, text.len - 1), &count))
        return false;
    for (size_t i = 0; i < array_length(units); i++)
        if (text.ptr[text.len - 1] == units[i].unit) {
            *ret_ms = count * units[i].ms;
            return count <= UINT64_MAX / units[i].ms;
        }
    return false;
}

static enum cli_parsed store_number(void *target, const struct cli_option *option,
                                    const char *value) {
    bool duration = option->type == CLI_DURATION;
    struct cli_number number = {.given = true};
    bool read = duration ? read_duration(span_text(value), &number.value)
                         : span_to_u64(span_text(value), &number.value);
    if (!read) {
        cli_complain(duration ? "%s needs a number and a unit, as in 90s, 15m, 1h or 7d, not '%s'"
                              : "%s needs a whole number, not '%s'",
                     option->name, value);
        return CLI_REFUSED;
    }
    *(struct cli_number *)target = number;
    return CLI_PARSED;
}

/* "env|json|csv" as "env, json, csv". */
static void refuse_word(const char *what, const char *value, struct span words) {
    char list[WORDS_BYTES];
    size_t used = 0;
    struct span choice;
    enum cli_kind kind;
    list[0] = '\0';
    while (cli_next_choice(&words, &choice, &kind) && used < sizeof list)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%.*s", used > 0 ? ", " : "",
                                 SPAN_ARG(choice));
    cli_complain("%s is one of %s, not '%s'", what, list, value);
}

static enum cli_parsed store(const struct reading *reading, const struct cli_option *option,
                             const char *value) {
    void *target = (char *)reading->values + option->offset;
    if (value[0] == '\0') { /* --data "$NOT_SET" */
        cli_complain("%s needs a value that is not empty: %s %s", option->name, option->name,
                     option->value);
        return CLI_REFUSED;
    }
    if (option->type != CLI_TEXT)
        return store_number(target, option, value);
    if (!cli_value_fits(option->value, span_text(value))) {
        refuse_word(option->name, value, span_text(option->value));
        return CLI_REFUSED;
    }
    *(const char **)target = value;
    return CLI_PARSED;
}

static enum cli_parsed read_option(struct reading *reading, const char *argument) {
    const char *equals = strchr(argument, '=');
    struct span name =
        equals != NULL ? span_of(argument, (size_t)(equals - argument)) : span_text(argument);
    const struct cli_option *option = cli_find_option(reading->command, name);
    if (option == NULL)
        return refuse_option(reading->command, name);
    if (option->type == CLI_FLAG) {
        if (equals != NULL) {
            cli_complain("%s takes no value", option->name);
            return CLI_REFUSED;
        }
        *(bool *)((char *)reading->values + option->offset) = true;
        return CLI_PARSED;
    }
    if (equals != NULL)
        return store(reading, option, equals + 1);
    if (reading->at == reading->argc) {
        cli_complain("%s needs a value: %s %s", option->name, option->name, option->value);
        return CLI_REFUSED;
    }
    return store(reading, option, reading->argv[reading->at++]);
}

static bool asks_help(const struct reading *reading) {
    for (int i = 0; i < reading->argc && strcmp(reading->argv[i], "--") != 0; i++)
        if (strcmp(reading->argv[i], "--help") == 0 || strcmp(reading->argv[i], "-h") == 0)
            return true;
    return false;
}

/* `papi check papi.yaml` is what many type first. */
static void refuse_operand(const struct cli_command *command, const char *operand) {
    struct span text = span_text(operand);
    bool file = span_ends_with(text, ".yaml") || span_ends_with(text, ".yml");
    char name[CLI_NAME_SIZE];
    (void)cli_command_name(command, name);
    if (file && cli_find_option(command, SPAN_LITERAL("--config")) != NULL)
        cli_complain("papi %s takes a file by --config: papi %s --config %s", name, name, operand);
    else
        cli_complain("papi %s takes no '%s'; `papi %s --help` tells what it takes", name, operand,
                     name);
}

static enum cli_parsed refuse_missing(const struct cli_command *command, struct span value) {
    const struct cli_word *word = cli_word(value);
    char name[CLI_NAME_SIZE];
    (void)cli_command_name(command, name);
    if (word != NULL)
        cli_complain("papi %s needs %s, %s: papi %s %s", name, word->word, word->about, name,
                     command->operands);
    else
        cli_complain("papi %s needs %.*s: papi %s %s", name, SPAN_ARG(value), name,
                     command->operands);
    return CLI_REFUSED;
}

/* As many as the row says, and words where it says words. */
static enum cli_parsed judge_operands(const struct cli_command *command,
                                      const struct cli_operands *given) {
    struct span rest = span_text(command->operands);
    struct cli_operand operand = {.repeats = false};
    int at = 0;
    while (cli_next_operand(&rest, &operand)) {
        if (at >= given->count && !operand.optional)
            return refuse_missing(command, operand.value);
        for (int first = at; at < given->count && (at == first || operand.repeats); at++) {
            char value[WORDS_BYTES];
            (void)snprintf(value, sizeof value, "%.*s", SPAN_ARG(operand.value));
            if (cli_value_fits(value, span_text(given->items[at])))
                continue;
            refuse_word(command->name, given->items[at], operand.value);
            return CLI_REFUSED;
        }
    }
    if (at == given->count)
        return CLI_PARSED;
    refuse_operand(command, given->items[at]);
    return CLI_REFUSED;
}

enum cli_parsed cli_parse(const struct cli_command *command, int argc, char **argv, void *values,
                          struct cli_operands *ret_operands) {
    struct reading reading = {.command = command, .argv = argv, .argc = argc, .values = values};
    enum cli_parsed parsed = CLI_PARSED;
    bool options_end = false;
    int operands = 0;
    if (asks_help(&reading)) {
        cli_print_command_help(stdout, command);
        return CLI_HELPED;
    }
    while (reading.at < argc && parsed == CLI_PARSED) {
        char *argument = argv[reading.at++];
        if (!options_end && strcmp(argument, "--") == 0)
            options_end = true;
        else if (!options_end && argument[0] == '-' && argument[1] != '\0')
            parsed = read_option(&reading, argument);
        else
            argv[operands++] = argument; /* never ahead of what is read */
    }
    *ret_operands = (struct cli_operands){argv, operands};
    return parsed == CLI_PARSED ? judge_operands(command, ret_operands) : parsed;
}

int cli_parsed_exit(enum cli_parsed parsed) {
    return parsed == CLI_HELPED ? CLI_DONE : CLI_USAGE;
}
