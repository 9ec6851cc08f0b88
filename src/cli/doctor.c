// SPDX-License-Identifier: Apache-2.0
/*
 * papi doctor: what keeps this gateway from working well, each finding with its cure.
 *
 * Works with and without a running gateway. Promises: exit 1 when something fails, also when only one of many; warnings do not fail.
 * Leaves to others: the checks (app/doctor.c).
 */
#include "cli/cli.h"

#include "app/doctor.h"
#include "app/known.h"
#include "base/check.h"
#include "base/clock.h"
#include "cli/page.h"

#include <string.h>

struct values {
    const char *config, *data, *listen;
    bool json, offline;
};

static const struct cli_option options[] = {
    {"--config", CLI_TEXT, offsetof(struct values, config), "FILE",
     "settings, as `papi serve` would read them"},
    {"--data", CLI_TEXT, offsetof(struct values, data), "DIR", "data directory"},
    {"--listen", CLI_TEXT, offsetof(struct values, listen), "ADDRESS:PORT",
     "the address to look at; else the configured one"},
    {"--offline", CLI_FLAG, offsetof(struct values, offline), NULL,
     "ask nobody beyond this machine"},
    {"--json", CLI_FLAG, offsetof(struct values, json), NULL, "the findings as JSON"},
};

static uint32_t count_grade(const struct doctor *doctor, enum doctor_grade grade) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < doctor_count(doctor); i++)
        count += doctor_at(doctor, i)->grade == grade;
    return count;
}

static const char *colour_of(enum doctor_grade grade) {
    static const char *const colours[] = {[DOCTOR_OK] = "\033[32m",
                                          [DOCTOR_SKIPPED] = "\033[2m",
                                          [DOCTOR_WARN] = "\033[1;33m",
                                          [DOCTOR_FAIL] = "\033[1;31m"};
    return cli_colours(stdout) ? colours[grade] : "";
}

static void print_finding(struct page *page, const struct doctor_finding *finding, bool repeated) {
    const char *colour = colour_of(finding->grade);
    page_add(page, "%s%-8s%s", colour, doctor_grade_word(finding->grade),
             colour[0] != '\0' ? "\033[0m" : "");
    page_cell(page, repeated ? "" : finding->title, 16);
    page_add(page, "%s%s%s\n", finding->subject, finding->subject[0] != '\0' ? ": " : "",
             finding->says);
    if (finding->cure[0] != '\0')
        page_add(page, "%25scure: %s\n", "", finding->cure);
}

static void print_text(const struct doctor *doctor, struct page *page) {
    uint32_t failed = count_grade(doctor, DOCTOR_FAIL), warned = count_grade(doctor, DOCTOR_WARN);
    for (uint32_t i = 0; i < doctor_count(doctor); i++) {
        const struct doctor_finding *finding = doctor_at(doctor, i);
        bool repeated = i > 0 && strcmp(doctor_at(doctor, i - 1)->check, finding->check) == 0;
        print_finding(page, finding, repeated);
    }
    page_add(page, "\n%u failed, %u warning%s\n", failed, warned, warned == 1 ? "" : "s");
}

static void print_json(const struct doctor *doctor, struct page *page) {
    page_add(page, "{\"ok\":%s,\"failed\":%u,\"warnings\":%u,\"findings\":[",
             count_grade(doctor, DOCTOR_FAIL) == 0 ? "true" : "false",
             count_grade(doctor, DOCTOR_FAIL), count_grade(doctor, DOCTOR_WARN));
    for (uint32_t i = 0; i < doctor_count(doctor); i++) {
        const struct doctor_finding *finding = doctor_at(doctor, i);
        page_open(page, NULL, '{');
        page_string(page, "check", finding->check);
        page_string(page, "title", finding->title);
        page_string(page, "subject", finding->subject);
        page_string(page, "grade", doctor_grade_word(finding->grade));
        page_string(page, "says", finding->says);
        page_string(page, "cure", finding->cure);
        page_close(page, '}');
    }
    page_add(page, "]}\n");
}

static int run(const struct cli_command *command, int argc, char **argv) {
    struct values values = {0};
    struct cli_operands operands;
    struct page page;
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    const struct doctor_wish wish = {.config_path = values.config,
                                     .data_dir = values.data,
                                     .listen = values.listen,
                                     .offline = values.offline};
    struct doctor *doctor = doctor_run(&wish, known_facts, (int64_t)clock_wall_ms());
    page_init(&page);
    (values.json ? print_json : print_text)(doctor, &page);
    int code = page_print(&page);
    bool failed = count_grade(doctor, DOCTOR_FAIL) > 0;
    doctor_free(doctor);
    return code == CLI_DONE && failed ? CLI_FAILED : code;
}

const struct cli_command cli_doctor = {
    .name = "doctor",
    .operands = "",
    .line = "find what keeps the gateway from working, with its cure",
    .about =
        "Looks at the configuration, this machine and every provider in use, whose keys are tried\n"
        "with questions that cost no quota. Nothing is changed and no key is shown.\n"
        "Exit 0: nothing failed (there may be warnings). Exit 1: something did.",
    .options = options,
    .option_count = array_length(options),
    .run = run,
};
