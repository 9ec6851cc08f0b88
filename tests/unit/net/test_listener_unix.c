// SPDX-License-Identifier: Apache-2.0
/*
 * Listening on a Unix socket: its mode, what is there already, whose file is removed at the end, and who the peer is.
 */
#include "net_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>

struct place {
    char folder[64];
    char path[128];
    struct loop *loop;
    struct stream *accepted;
    bool closed;
};

static void on_stream_closed(void *context) {
    struct place *place = context;
    place->closed = true;
}

static const struct stream_handler handler = {.on_closed = on_stream_closed};

static void on_accept(void *context, struct stream *stream) {
    struct place *place = context;
    place->accepted = stream;
    stream_set_handler(stream, &handler, place);
}

static bool is_accepted(void *context) {
    return ((struct place *)context)->accepted != NULL;
}

static bool is_closed(void *context) {
    return ((struct place *)context)->closed;
}

static void place_make(struct place *place) {
    *place = (struct place){.folder = "/tmp/papi-listener-XXXXXX"};
    assert_non_null(mkdtemp(place->folder));
    (void)snprintf(place->path, sizeof place->path, "%s/socket", place->folder);
    place->loop = loop_new();
}

static void place_end(struct place *place) {
    loop_end(place->loop);
    (void)unlink(place->path);
    assert_int_equal(rmdir(place->folder), 0);
}

static int listen_at(struct place *place, struct listener **ret_listener) {
    return listener_open_unix(place->loop, place->path, on_accept, place, ret_listener);
}

static void test_the_owner_gets_in(void **state) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct listener *listener;
    struct place place;
    struct stat found;
    (void)state;
    place_make(&place);
    mode_t before = umask(0);
    assert_int_equal(listen_at(&place, &listener), 0);
    (void)umask(before);
    assert_int_equal(lstat(place.path, &found), 0);
    assert_true(S_ISSOCK(found.st_mode));
    assert_int_equal(found.st_mode & 0777, 0600);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(address.sun_path, place.path, strlen(place.path) + 1);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    run_until(place.loop, is_accepted, &place);
    assert_true(stream_peer_is_owner(place.accepted));
    assert_string_equal(stream_peer_address(place.accepted), "unix");
    stream_close(place.accepted);
    run_until(place.loop, is_closed, &place);
    assert_int_equal(close(fd), 0);
    listener_close(listener);
    assert_int_equal(lstat(place.path, &found), -1); /* gone with it */
    place_end(&place);
}

/* What an earlier run left is replaced; anything that is no socket is somebody's. */
static void test_what_is_there(void **state) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct listener *listener;
    struct place place;
    struct stat found;
    (void)state;
    place_make(&place);
    memcpy(address.sun_path, place.path, strlen(place.path) + 1);
    int stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(stale, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(close(stale), 0);
    assert_int_equal(listen_at(&place, &listener), 0);
    listener_close(listener);
    int file = open(place.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(file >= 0);
    assert_int_equal(close(file), 0);
    assert_int_equal(listen_at(&place, &listener), ERR_ADDRESS_IN_USE);
    assert_int_equal(lstat(place.path, &found), 0);
    assert_true(S_ISREG(found.st_mode));
    place_end(&place);
}

/* A process that took over has put its own there. */
static void test_another_ones_file_stays(void **state) {
    struct listener *old, *new;
    struct place place;
    struct stat found;
    (void)state;
    place_make(&place);
    assert_int_equal(listen_at(&place, &old), 0);
    assert_int_equal(listen_at(&place, &new), 0);
    listener_close(old);
    assert_int_equal(lstat(place.path, &found), 0);
    listener_close(new);
    assert_int_equal(lstat(place.path, &found), -1);
    place_end(&place);
}

static void test_paths_that_cannot_be(void **state) {
    char longest[LISTENER_UNIX_PATH_MAX_BYTES + 2];
    struct listener *listener;
    struct place place;
    (void)state;
    place_make(&place);
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(listener_open_unix(place.loop, longest, on_accept, &place, &listener),
                     ERR_TOO_LARGE);
    assert_int_equal(
        listener_open_unix(place.loop, "/tmp/papi-none/x/y", on_accept, &place, &listener),
        ERR_SYSTEM);
    place_end(&place);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_owner_gets_in),
        cmocka_unit_test(test_what_is_there),
        cmocka_unit_test(test_another_ones_file_stays),
        cmocka_unit_test(test_paths_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
