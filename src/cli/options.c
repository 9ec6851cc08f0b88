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

#include <stdlib.h>

struct reading {
    const struct cli_command *command;
    char **argv;
    int argc;
    int at;
    void *values;
};

static const struct cli_option *find_option(const struct cli_command *command, struct span name) {
    for (size_t i = 0; i < command->option_count; i++)
        if (span_is(name, command->options[i].name))
            return &command->options[i];
    return NULL;
}

static enum cli_parsed refuse_option(const struct cli_command *command, struct span name) {
    const char *nearest = NULL;
    size_t best = 3;
    for (size_t i = 0; i < command->option_count; i++) {
        size_t distance = span_distance(name, span_text(command->options[i].name));
        if (distance < best) {
            best = distance;
            nearest = command->options[i].name;
        }
    }
    if (nearest != NULL)
        cli_complain("unknown option '%.*s'; did you mean '%s'?", SPAN_ARG(name), nearest);
    else
        cli_complain("unknown option '%.*s'; `papi %s --help` lists them", SPAN_ARG(name),
                     command->name);
    return CLI_REFUSED;
}

static enum cli_parsed store(const struct reading *reading, const struct cli_option *option,
                             const char *value) {
    void *target = (char *)reading->values + option->offset;
    struct cli_number number = {.given = true};
    if (value[0] == '\0') { /* --data "$NOT_SET" */
        cli_complain("%s needs a value that is not empty: %s %s", option->name, option->name,
                     option->value);
        return CLI_REFUSED;
    }
    if (option->type == CLI_TEXT) {
        *(const char **)target = value;
        return CLI_PARSED;
    }
    if (!span_to_u64(span_text(value), &number.value)) {
        cli_complain("%s needs a whole number, not '%s'", option->name, value);
        return CLI_REFUSED;
    }
    *(struct cli_number *)target = number;
    return CLI_PARSED;
}

static enum cli_parsed read_option(struct reading *reading, const char *argument) {
    const char *equals = strchr(argument, '=');
    struct span name =
        equals != NULL ? span_of(argument, (size_t)(equals - argument)) : span_text(argument);
    const struct cli_option *option = find_option(reading->command, name);
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
    if (file && find_option(command, SPAN_LITERAL("--config")) != NULL)
        cli_complain("papi %s takes a file by --config: papi %s --config %s", command->name,
                     command->name, operand);
    else
        cli_complain("papi %s takes no '%s'; `papi %s --help` tells what it takes", command->name,
                     operand, command->name);
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
    if (parsed == CLI_PARSED && operands > 0 && command->operands[0] == '\0') {
        refuse_operand(command, argv[0]);
        return CLI_REFUSED;
    }
    *ret_operands = (struct cli_operands){argv, operands};
    return parsed;
}

int cli_parsed_exit(enum cli_parsed parsed) {
    return parsed == CLI_HELPED ? CLI_DONE : CLI_USAGE;
}
