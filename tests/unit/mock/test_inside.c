// SPDX-License-Identifier: Apache-2.0
/*
 * A mock inside another program: it listens on a free port, answers from a thread of its own, and is gone after mock_stop; the table of
 * the demo's providers and its script say the same.
 */
#include "base/check.h"
#include "base/mem.h"
#include "fake/fake.h"
#include "mock/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define ARENA_BYTES ((size_t)32 * 1024 * 1024)
#define PROMPT      "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}"

static int connect_to(uint16_t port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

/* Posts, and reads until the server closes; the status. */
static int post(uint16_t port, const char *path, const char *key, const char *body) {
    char text[2048];
    size_t got = 0;
    int fd = connect_to(port);
    assert_true(fd >= 0);
    int length = snprintf(text, sizeof text,
                          "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                          "Authorization: Bearer %s\r\nContent-Length: %zu\r\n\r\n%s",
                          path, key, strlen(body), body);
    assert_int_equal(write(fd, text, (size_t)length), length);
    for (ssize_t more; (more = read(fd, text + got, sizeof text - 1 - got)) > 0;)
        got += got < 64 ? (size_t)more : 0; /* the status line is enough */
    text[got] = '\0';
    (void)close(fd);
    assert_true(strncmp(text, "HTTP/1.1 ", 9) == 0);
    return (text[9] - '0') * 100 + (text[10] - '0') * 10 + text[11] - '0';
}

static void test_start_and_stop(void **state) {
    struct mock *first, *second;
    uint16_t first_port, second_port;
    (void)state;
    assert_int_equal(mock_start("healthy", 1, &first, &first_port), 0);
    assert_int_equal(mock_start("dead", 1, &second, &second_port), 0);
    assert_int_not_equal(first_port, second_port);
    char body[128];
    (void)snprintf(body, sizeof body, PROMPT, "m");
    for (int i = 0; i < 3; i++)
        assert_int_equal(post(first_port, "/a/v1/chat/completions", "k", body), 200);
    mock_stop(first);
    assert_int_equal(connect_to(first_port), -1);
    int open_fd = connect_to(second_port); /* with a client that never asked */
    assert_true(open_fd >= 0);
    mock_stop(second);
    (void)close(open_fd);
}

static void test_no_such_scenario(void **state) {
    struct mock *mock = NULL;
    uint16_t port;
    (void)state;
    assert_int_equal(mock_start("no-such-scenario", 1, &mock, &port), ERR_NOT_FOUND);
    assert_null(mock);
}

/* Each provider of the table answers each of its models under its base path and key, and has the limits that the table says. */
static void test_demo_table(void **state) {
    const struct mock_demo_provider *providers;
    size_t count = mock_demo_providers(&providers);
    struct mock *mock;
    uint16_t port;
    (void)state;
    assert_int_equal(count, 5);
    assert_int_equal(mock_start("demo", 5, &mock, &port), 0);
    for (size_t i = 0; i < count; i++) {
        struct fake_provider *provider =
            fake_provider_get(mock->world, span_text(providers[i].name));
        assert_int_equal(provider->script.limit_count, providers[i].limit_count);
        for (size_t k = 0; k < providers[i].limit_count; k++)
            assert_int_equal(provider->script.limits[k].amount, providers[i].limits[k].amount);
        assert_int_equal(provider->script.model_count, providers[i].model_count);
        assert_true(span_starts_with(span_text(providers[i].base_path + 1), providers[i].name));
    }
    mock_stop(mock);
}

/* The demo's paths over HTTP, without its latencies and chance. */
static void test_demo_paths(void **state) {
    const struct mock_demo_provider *providers;
    size_t count = mock_demo_providers(&providers);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        struct mock *mock;
        uint16_t port;
        char path[128], body[256];
        assert_int_equal(mock_start("demo", 5, &mock, &port), 0);
        (void)snprintf(
            body, sizeof body,
            "{\"provider\":\"%s\",\"latency_ms\":0,\"latency_per_1k_ms\":0,\"failing\":{}}",
            providers[i].name);
        assert_int_equal(post(port, "/_mock/script", "", body), 200);
        (void)snprintf(path, sizeof path, "%s/chat/completions", providers[i].base_path);
        const char *key = providers[i].key != NULL ? providers[i].key : "";
        for (size_t m = 0; m < providers[i].model_count; m++) {
            (void)snprintf(body, sizeof body, PROMPT, providers[i].models[m].upstream);
            assert_int_equal(post(port, path, key, body), 200);
        }
        (void)snprintf(body, sizeof body, PROMPT, "no-such-model");
        assert_true(post(port, path, key, body) >= 400);
        if (providers[i].key != NULL)
            assert_true(post(port, path, "wrong", body) >= 400);
        mock_stop(mock);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_and_stop),
        cmocka_unit_test(test_no_such_scenario),
        cmocka_unit_test(test_demo_table),
        cmocka_unit_test(test_demo_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
