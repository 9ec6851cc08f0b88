// SPDX-License-Identifier: Apache-2.0
/*
 * Names, against a small DNS server on loopback: answers, one query per host, TTLs and their bounds, NXDOMAIN, SERVFAIL,
 * empty answers, silence, and the last good answer when the server is gone or wrong.
 */
#include "dialer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define QUESTION_MAX_BYTES 512
#define HEADER_BYTES       12
#define TYPE_A             1
#define WAITERS            8

enum manner { ANSWER, NAME_ERROR, SERVER_FAILURE, EMPTY, SILENT };

struct dns {
    int fd;
    uint16_t port;
    pthread_t thread;
    atomic_int manner;
    atomic_int ttl_s;
    atomic_int last_byte; /* of 127.0.0.x */
    atomic_int questions; /* of type A */
    atomic_bool over;
};

static void put16(unsigned char *place, unsigned value) {
    place[0] = (unsigned char)(value >> 8);
    place[1] = (unsigned char)value;
}

static size_t end_of_question(const unsigned char *packet, size_t length) {
    size_t at = HEADER_BYTES;
    while (at < length && packet[at] != 0)
        at += (size_t)packet[at] + 1;
    return at + 5;
}

/* RFC 1035 section 4.1: the question comes back, with one address for type A. */
static size_t answer(struct dns *dns, unsigned char *packet, size_t length) {
    size_t at = end_of_question(packet, length);
    bool is_a = packet[at - 3] == TYPE_A;
    enum manner manner = (enum manner)atomic_load(&dns->manner);
    bool has_address = manner == ANSWER && is_a;
    atomic_fetch_add(&dns->questions, is_a);
    put16(packet + 2, 0x8180u | (manner == NAME_ERROR ? 3u : manner == SERVER_FAILURE ? 2u : 0u));
    put16(packet + 6, has_address);
    put16(packet + 8, 0);
    put16(packet + 10, 0);
    if (!has_address)
        return at;
    static const unsigned char record[] = {0xc0, HEADER_BYTES, 0, TYPE_A, 0, 1, 0, 0, 0, 0, 0, 4};
    memcpy(packet + at, record, sizeof record);
    put16(packet + at + 8, (unsigned)atomic_load(&dns->ttl_s));
    const unsigned char address[] = {127, 0, 0, (unsigned char)atomic_load(&dns->last_byte)};
    memcpy(packet + at + sizeof record, address, sizeof address);
    return at + sizeof record + sizeof address;
}

static void *serve_names(void *argument) {
    struct dns *dns = argument;
    unsigned char packet[QUESTION_MAX_BYTES * 2];
    while (!atomic_load(&dns->over)) {
        struct sockaddr_storage peer;
        socklen_t peer_length = sizeof peer;
        ssize_t length = recvfrom(dns->fd, packet, QUESTION_MAX_BYTES, 0, (struct sockaddr *)&peer,
                                  &peer_length);
        if (length < HEADER_BYTES || atomic_load(&dns->manner) == SILENT)
            continue;
        size_t reply = answer(dns, packet, (size_t)length);
        (void)sendto(dns->fd, packet, reply, 0, (struct sockaddr *)&peer, peer_length);
    }
    return NULL;
}

static void dns_open(struct dns *dns, enum manner manner) {
    dns->fd = bound_socket(SOCK_DGRAM, &dns->port);
    atomic_init(&dns->manner, manner);
    atomic_init(&dns->ttl_s, 60);
    atomic_init(&dns->last_byte, 1);
    atomic_init(&dns->questions, 0);
    atomic_init(&dns->over, false);
    assert_int_equal(pthread_create(&dns->thread, NULL, serve_names, dns), 0);
}

static void dns_close(struct dns *dns) {
    struct sockaddr_in place = local_place(dns->port);
    atomic_store(&dns->over, true);
    assert_int_equal(sendto(dns->fd, "", 0, 0, (const struct sockaddr *)&place, sizeof place), 0);
    assert_int_equal(pthread_join(dns->thread, NULL), 0);
    assert_int_equal(close(dns->fd), 0);
}

struct rig {
    struct dns dns;
    struct dialer dialer;
    struct door door;
};

static void rig_open(struct rig *rig, enum manner manner) {
    char server[32];
    dns_open(&rig->dns, manner);
    dialer_open(&rig->dialer);
    door_open(&rig->door, rig->dialer.loop);
    (void)snprintf(server, sizeof server, "127.0.0.1:%u", rig->dns.port);
    assert_int_equal(resolver_use_server(net_context_resolver(rig->dialer.net), server, 50), 0);
    rig->dialer.origin.host = SPAN_LITERAL("api.papi-test.example");
    rig->dialer.origin.port = rig->door.address.port;
}

static void rig_close(struct rig *rig) {
    door_close(&rig->door);
    dialer_close(&rig->dialer);
    dns_close(&rig->dns);
}

static int reconnect(struct rig *rig) {
    int err = dialer_connect(&rig->dialer);
    if (err == 0) {
        dialer_hang_up(&rig->dialer);
        run_until(rig->dialer.loop, end_is_open, &rig->door.end);
        stream_close(rig->door.end.stream);
        run_until(rig->dialer.loop, end_is_closed, &rig->door.end);
        dynbuf_done(&rig->door.end.input);
        end_init(&rig->door.end);
    }
    return err;
}

static void pass_time(struct rig *rig, uint64_t seconds) {
    resolver_skip_time(net_context_resolver(rig->dialer.net), seconds * NS_PER_S);
}

static void test_answer_is_kept_for_its_ttl(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, ANSWER);
    assert_int_equal(reconnect(&rig), 0);
    assert_int_equal(atomic_load(&rig.dns.questions), 1);
    pass_time(&rig, 59);
    assert_int_equal(reconnect(&rig), 0);
    assert_int_equal(atomic_load(&rig.dns.questions), 1);
    pass_time(&rig, 2);
    assert_int_equal(reconnect(&rig), 0);
    assert_true(loop_now_ns(rig.dialer.loop) > 0);
    while (atomic_load(&rig.dns.questions) < 2)
        (void)loop_run_until_idle(rig.dialer.loop, clock_mono_ns() + NS_PER_MS);
    rig_close(&rig);
}

static void test_ttl_has_bounds(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, ANSWER);
    atomic_store(&rig.dns.ttl_s, 0);
    assert_int_equal(reconnect(&rig), 0);
    pass_time(&rig, 4);
    assert_int_equal(reconnect(&rig), 0);
    assert_int_equal(atomic_load(&rig.dns.questions), 1);
    atomic_store(&rig.dns.ttl_s, 65535);
    pass_time(&rig, 3600);
    assert_int_equal(reconnect(&rig), 0);
    assert_int_equal(atomic_load(&rig.dns.questions), 2);
    pass_time(&rig, 3600);
    assert_int_equal(reconnect(&rig), 0);
    assert_int_equal(atomic_load(&rig.dns.questions), 3);
    rig_close(&rig);
}

/* --- failures --- */

static void test_failures_have_classes(void **state) {
    (void)state;
    static const struct {
        enum manner manner;
        int err;
    } rows[] = {
        {NAME_ERROR, ERR_DNS_NOT_FOUND},
        {EMPTY, ERR_DNS_NOT_FOUND},
        {SERVER_FAILURE, ERR_DNS_FAILED},
        {SILENT, ERR_DNS_TIMEOUT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rig rig;
        rig_open(&rig, rows[i].manner);
        assert_int_equal(reconnect(&rig), rows[i].err);
        /* not asked again for a moment */
        int questions = atomic_load(&rig.dns.questions);
        assert_int_equal(reconnect(&rig), rows[i].err);
        assert_int_equal(atomic_load(&rig.dns.questions), questions);
        atomic_store(&rig.dns.manner, ANSWER);
        pass_time(&rig, 2);
        assert_int_equal(reconnect(&rig), 0);
        rig_close(&rig);
    }
}

static void test_deadline_while_resolving(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, SILENT);
    rig.dialer.connect_timeout_ns = 10 * NS_PER_MS;
    assert_int_equal(reconnect(&rig), ERR_DNS_TIMEOUT);
    /* and a cancel */
    rig.dialer.connect_timeout_ns = FIXTURE_PATIENCE_NS;
    dialer_begin(&rig.dialer);
    connector_cancel(rig.dialer.connector);
    rig_close(&rig);
}

/* The server fails, then is gone: what it said before serves, and without a wait while it is not too old. */
static void test_last_good_answer_serves(void **state) {
    (void)state;
    static const enum manner manners[] = {SERVER_FAILURE, SILENT, NAME_ERROR, EMPTY};
    struct rig rig;
    rig_open(&rig, ANSWER);
    assert_int_equal(reconnect(&rig), 0);
    for (size_t i = 0; i < sizeof manners / sizeof manners[0]; i++) {
        atomic_store(&rig.dns.manner, manners[i]);
        pass_time(&rig, 400);
        assert_int_equal(reconnect(&rig), 0);
    }
    pass_time(&rig, 25UL * 3600);
    assert_int_equal(reconnect(&rig), ERR_DNS_NOT_FOUND);
    rig_close(&rig);
}

static void test_address_changes_while_running(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, ANSWER);
    assert_int_equal(reconnect(&rig), 0);
    atomic_store(&rig.dns.last_byte, 7);
    pass_time(&rig, 3600);
    assert_int_equal(reconnect(&rig), ERR_CONNECT_REFUSED);
    atomic_store(&rig.dns.last_byte, 1);
    pass_time(&rig, 3600);
    assert_int_equal(reconnect(&rig), 0);
    rig_close(&rig);
}

/* --- many at once --- */

struct waiting {
    struct resolver_query query;
    int answers;
    int err;
};

static void on_answer(struct resolver_query *query, int err, const struct address_list *list) {
    struct waiting *waiting = container_of(query, struct waiting, query);
    waiting->answers++;
    waiting->err = err;
    assert_true(err < 0 || list->count == 1);
}

static bool all_answered(void *context) {
    const struct waiting *waiting = context;
    for (int i = 0; i < WAITERS - 1; i++)
        if (waiting[i].answers != 1)
            return false;
    return true;
}

static void test_one_query_for_many(void **state) {
    (void)state;
    struct rig rig;
    struct waiting waiting[WAITERS] = {0};
    rig_open(&rig, ANSWER);
    struct resolver *resolver = net_context_resolver(rig.dialer.net);
    for (int i = 0; i < WAITERS; i++) {
        waiting[i].query.on_answer = on_answer;
        list_init(&waiting[i].query.node);
        assert_int_equal(resolver_ask(resolver, SPAN_LITERAL("many.example"), &waiting[i].query),
                         0);
    }
    resolver_forget(&waiting[WAITERS - 1].query);
    run_until(rig.dialer.loop, all_answered, waiting);
    assert_int_equal(waiting[WAITERS - 1].answers, 0);
    assert_int_equal(atomic_load(&rig.dns.questions), 1);
    rig_close(&rig);
}

/* More hosts than places: refused while all are being asked, room again afterwards. */
static void test_hosts_are_bounded(void **state) {
    (void)state;
    enum { HOSTS = 300 };
    struct rig rig;
    static struct waiting waiting[HOSTS];
    int taken = 0;
    rig_open(&rig, SILENT);
    struct resolver *resolver = net_context_resolver(rig.dialer.net);
    for (int i = 0; i < HOSTS; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "host-%d.example", i);
        waiting[i].query.on_answer = on_answer;
        list_init(&waiting[i].query.node);
        int err = resolver_ask(resolver, span_text(name), &waiting[i].query);
        assert_true(err == 0 || err == ERR_BUSY);
        taken += err == 0;
    }
    assert_int_equal(taken, 256);
    run_until(rig.dialer.loop, all_answered, waiting);
    for (int i = 0; i < HOSTS; i++)
        resolver_forget(&waiting[i].query);
    atomic_store(&rig.dns.manner, ANSWER);
    assert_int_equal(reconnect(&rig), 0);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer_is_kept_for_its_ttl),
        cmocka_unit_test(test_ttl_has_bounds),
        cmocka_unit_test(test_failures_have_classes),
        cmocka_unit_test(test_deadline_while_resolving),
        cmocka_unit_test(test_last_good_answer_serves),
        cmocka_unit_test(test_address_changes_while_running),
        cmocka_unit_test(test_one_query_for_many),
        cmocka_unit_test(test_hosts_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
