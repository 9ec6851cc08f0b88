// SPDX-License-Identifier: Apache-2.0
/*
 * Checks that ask providers, all at once, questions that cost no quota: the same as `papi provider test`.
 *
 * One round of questions serves four rows: whether names resolve, whether providers can be reached, whether keys are taken, and what
 * time it is there. Of several clocks the middle one counts, since one provider may be wrong, or an old answer may come from a
 * cache. Leaves to others: asking (key_test.c), what an answer says of a key (key_verdict.c).
 */
#include "app/doctor_parts.h"
#include "base/check.h"
#include "base/clock.h"
#include "net/address.h"

#include <stdlib.h>
#include <time.h>

#define CLOCK_WARN_MS ((int64_t)10 * 1000)
#define CLOCK_FAIL_MS ((int64_t)120 * 1000)
#define DAY_MS        (24 * 3600 * (int64_t)1000)

void doctor__ask(struct doctor *doctor) {
    const struct catalog_snapshot *snapshot = doctor->assembly.snapshot;
    const struct offers *offers = &doctor->assembly.offers;
    uint32_t room =
        snapshot->account_count < DOCTOR_TESTS_MAX ? snapshot->account_count : DOCTOR_TESTS_MAX;
    doctor->tests = arena_zalloc(&doctor->arena, (room + 1) * sizeof *doctor->tests);
    doctor->test_offer = arena_zalloc(&doctor->arena, (room + 1) * sizeof *doctor->test_offer);
    doctor->test_key = arena_zalloc(&doctor->arena, (room + 1) * sizeof *doctor->test_key);
    for (uint32_t i = 0; i < offers->count; i++) {
        const struct offer *offer = &offers->items[i];
        uint32_t first = doctor->test_count;
        if (!offer_can_be_tried(offer))
            continue;
        doctor->test_count += key_tests_of(snapshot, offer, &doctor->tests[first], room - first);
        for (uint32_t j = first; j < doctor->test_count; j++) {
            doctor->test_offer[j] = offer;
            doctor->test_key[j] = &offer->keys[j - first];
        }
    }
    key_tests_run(snapshot, doctor->tests, doctor->test_count, DOCTOR_ASK_SECONDS * NS_PER_S,
                  &doctor->arena);
}

static const char *name_of(struct doctor *doctor, uint32_t test) {
    return doctor__text(doctor, doctor->test_offer[test]->id);
}

/* Its first account: the provider itself is told once. */
static bool is_first(const struct doctor *doctor, uint32_t test) {
    return test == 0 || doctor->test_offer[test - 1] != doctor->test_offer[test];
}

static const struct catalog_provider *provider_of(const struct doctor *doctor, uint32_t test) {
    const struct catalog_snapshot *snapshot = doctor->assembly.snapshot;
    return &snapshot->providers[snapshot->accounts[doctor->tests[test].account].provider];
}

static bool is_name_mishap(int err) {
    return err == ERR_DNS_NOT_FOUND || err == ERR_DNS_FAILED || err == ERR_DNS_TIMEOUT;
}

/* --- names --- */

static bool has_name(const struct doctor *doctor, uint32_t test) {
    struct sockaddr_storage address;
    struct span host = provider_of(doctor, test)->host;
    return address_parse(host, 0, &address) < 0 && !span_is_nocase(host, "localhost");
}

void doctor__check_names(struct doctor *doctor) {
    uint32_t names = 0, lost = 0;
    for (uint32_t i = 0; i < doctor->test_count; i++) {
        if (!is_first(doctor, i) || !has_name(doctor, i))
            continue;
        names++;
        if (!is_name_mishap(doctor->tests[i].err))
            continue;
        lost++;
        doctor__say(doctor, DOCTOR_FAIL, doctor__text(doctor, provider_of(doctor, i)->host),
                    "of %s: %s", name_of(doctor, i), err_text(doctor->tests[i].err));
    }
    if (names == 0)
        doctor__say(doctor, DOCTOR_OK, "", "no provider in use has a name to resolve");
    else if (lost == 0)
        doctor__say(doctor, DOCTOR_OK, "", "%u name%s resolved", names, names == 1 ? "" : "s");
    else if (lost == names && names > 1)
        doctor__say(doctor, DOCTOR_FAIL, "", "not one of %u names can be resolved", names);
}

/* --- the clock --- */

static int compare(const void *a, const void *b) {
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;
    return (one > other) - (one < other);
}

/* A build's facts are older than any moment it runs at. */
static bool is_before_build(const struct doctor *doctor) {
    struct tm parts = {0};
    const char *end = strptime(doctor->facts->compiled, "%Y-%m-%d", &parts);
    return end != NULL && doctor->wall_ms < (int64_t)timegm(&parts) * 1000 - DAY_MS;
}

void doctor__check_clock(struct doctor *doctor) {
    int64_t *ahead = arena_zalloc(&doctor->arena, (doctor->test_count + 1) * sizeof *ahead);
    uint32_t count = 0;
    for (uint32_t i = 0; i < doctor->test_count; i++)
        if (doctor->tests[i].has_date)
            ahead[count++] = doctor->tests[i].ahead_ms;
    qsort(ahead, count, sizeof *ahead, compare);
    int64_t off_ms = count > 0 ? ahead[count / 2] : 0, size_ms = off_ms < 0 ? -off_ms : off_ms;
    enum doctor_grade grade = size_ms >= CLOCK_FAIL_MS   ? DOCTOR_FAIL
                              : size_ms >= CLOCK_WARN_MS ? DOCTOR_WARN
                                                         : DOCTOR_OK;
    if (is_before_build(doctor))
        doctor__say(doctor, DOCTOR_FAIL, "",
                    "it stands before %s, the date of this program's catalog",
                    doctor->facts->compiled);
    else if (grade != DOCTOR_OK)
        doctor__say(doctor, grade, "", "it is %lld s %s, by the answers of %u account%s",
                    (long long)(size_ms / 1000), off_ms > 0 ? "ahead" : "behind", count,
                    count == 1 ? "" : "s");
    else if (count > 0)
        doctor__say(doctor, grade, "", "agrees with %u answer%s of providers", count,
                    count == 1 ? "" : "s");
    else
        doctor__say(doctor, grade, "", "is later than %s; no provider told the time",
                    doctor->facts->compiled);
}

/* --- providers and keys --- */

static const struct {
    int err;
    const char *cure;
} cures_of_mishaps[] = {
    {ERR_DNS_NOT_FOUND, "Look at the host in its base_url; the row DNS says more."},
    {ERR_CONNECT_REFUSED, "Start the server, or mend the host and port of its base_url."},
    {ERR_ADDRESS_FORBIDDEN, "Name its network in private_network, if it is yours."},
    {ERR_PROXY_UNREACHABLE, "Start the proxy, or mend its address; `proxy: none` goes around it."},
    {ERR_PROXY_TIMEOUT, "Look at the proxy; `proxy: none` goes around it."},
    {ERR_PROXY_AUTH, "Write the proxy's user and password into its URL."},
    {ERR_PROXY_REFUSED, "Let the proxy allow this provider's host and port."},
    {ERR_PROXY_TARGET, "Look at the proxy's own network and log."},
    {ERR_PROXY_PROTOCOL, "Look whether that is a proxy of the kind its URL says."},
    {ERR_TLS_EXPIRED,
     "Look at this machine's clock; if it is right, the provider must renew its certificate."},
    {ERR_TLS_HOST, "Look at the host in its base_url."},
    {ERR_TLS_UNTRUSTED, "Name its authority in ca_file, or update the system's CA certificates."},
    {ERR_TLS_PROTOCOL, "Look whether its base_url should begin with http:// or have another port."},
};

static const char *cure_of(int err) {
    for (size_t i = 0; i < array_length(cures_of_mishaps); i++)
        if (cures_of_mishaps[i].err == err)
            return cures_of_mishaps[i].cure;
    return NULL;
}

void doctor__check_providers(struct doctor *doctor) {
    for (uint32_t i = 0; i < doctor->test_count; i++) {
        const struct key_test *test = &doctor->tests[i];
        const char *name = name_of(doctor, i);
        if (!is_first(doctor, i))
            continue;
        if (test->finding.verdict == KEY_UNREACHABLE)
            doctor__say(doctor__cured(doctor, cure_of(test->err)), DOCTOR_FAIL, name,
                        "cannot be reached: %s", test->finding.says);
        else
            doctor__say(doctor, DOCTOR_OK, name, "answers in %llu ms",
                        (unsigned long long)test->latency_ms);
    }
    if (doctor->test_count == 0 && doctor->sealed_keys > 0)
        doctor__say(doctor, DOCTOR_SKIPPED, "",
                    "those whose keys lie in the vault are not asked from here");
    else if (doctor->test_count == 0)
        doctor__say(doctor__cured(doctor, "Set a key, such as GROQ_API_KEY; `papi provider list` "
                                          "shows which ones there are."),
                    DOCTOR_WARN, "", "none is in use: nobody can be asked");
}

static const struct {
    enum doctor_grade grade;
    const char *cure; /* NULL = the row's */
} verdicts[KEY_VERDICT_COUNT] = {
    [KEY_OK] = {DOCTOR_OK, NULL},
    [KEY_REACHABLE] = {DOCTOR_OK, NULL},
    [KEY_BAD] = {DOCTOR_FAIL, NULL},
    [KEY_NO_CREDIT] = {DOCTOR_FAIL,
                       "Look at the account there: it wants money first; or take the key away."},
    [KEY_FORBIDDEN] = {DOCTOR_FAIL, "Give the key the rights it lacks, or make another."},
    [KEY_REGION] = {DOCTOR_FAIL,
                    "Switch it off (enabled: no), or ask it through a proxy where it serves."},
    [KEY_RATE_LIMITED] = {DOCTOR_WARN, "Wait: requests go to others meanwhile."},
    [KEY_UNREACHABLE] = {DOCTOR_SKIPPED, NULL},
    [KEY_UNKNOWN] = {DOCTOR_WARN, "Look at its base_url; `papi provider test --chat` says more."},
    [KEY_NOT_ASKED] = {DOCTOR_SKIPPED, NULL},
};

void doctor__check_keys(struct doctor *doctor) {
    uint32_t keys = 0;
    for (uint32_t i = 0; i < doctor->test_count; i++) {
        const struct key_finding *finding = &doctor->tests[i].finding;
        const struct offer_key *key = doctor->test_key[i];
        bool keyless = key->key == NULL;
        if (keyless && !key_verdict_failed(finding->verdict))
            continue;
        if (keyless && finding->verdict == KEY_UNREACHABLE)
            continue;
        const char *subject = keyless
                                  ? name_of(doctor, i)
                                  : doctor__format(doctor, "%s, %.*s (%.*s)", name_of(doctor, i),
                                                   SPAN_ARG(key->account), SPAN_ARG(key->source));
        keys++;
        doctor__say(doctor__cured(doctor, verdicts[finding->verdict].cure),
                    verdicts[finding->verdict].grade, subject, "%s%s%s",
                    key_verdict_word(finding->verdict), finding->says[0] != '\0' ? ": " : "",
                    finding->says);
    }
    /* Opening the vault would change what lies on the disk, and a gateway may have it open. */
    if (doctor->sealed_keys > 0)
        doctor__say(doctor, DOCTOR_SKIPPED, "vault",
                    "%u sealed key%s not tried from here; `papi provider list` tells how a running "
                    "gateway fares with them",
                    doctor->sealed_keys, doctor->sealed_keys == 1 ? " is" : "s are");
    else if (keys == 0)
        doctor__say(doctor, DOCTOR_OK, "", "none is set");
}
