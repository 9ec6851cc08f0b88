// SPDX-License-Identifier: Apache-2.0
/*
 * The protocol of systemd's notifications.
 *
 * Why by hand: it is one datagram with lines of text, and a library for it would be one more thing to link. Signs of life come only when
 * every loop has answered since the last: a loop that hangs is a gateway that hangs. Promises: never blocks, never fails anybody.
 * Leaves to others: when to say what.
 */
#include "app/notify.h"

#include "app/app_parts.h"
#include "base/clock.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define WORDS_MAX_BYTES 512

/* A path, or with '@' a name in the abstract namespace (unix(7)). */
static bool address_of(const char *name, struct sockaddr_un *ret_address, socklen_t *ret_length) {
    size_t length = name != NULL ? strlen(name) : 0;
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (length < 2 || length >= sizeof ret_address->sun_path || (name[0] != '/' && name[0] != '@'))
        return false;
    memcpy(ret_address->sun_path, name, length);
    if (name[0] == '@')
        ret_address->sun_path[0] = '\0';
    *ret_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (name[0] == '/'));
    return true;
}

void notify_say(const char *format, ...) {
    struct sockaddr_un address;
    socklen_t address_length;
    char text[WORDS_MAX_BYTES];
    if (!address_of(getenv("NOTIFY_SOCKET"), &address, &address_length))
        return;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    if (length > 0 && (size_t)length < sizeof text)
        (void)sendto(fd, text, (size_t)length, MSG_NOSIGNAL, (const struct sockaddr *)&address,
                     address_length);
    (void)close(fd);
}

/* --- signs of life --- */

static void on_alive(struct loop_message *message) {
    struct app_loop *one = container_of(message, struct app_loop, alive);
    atomic_store(&one->answered, true);
}

static bool all_answered(struct app *app) {
    for (uint32_t i = 0; i < app->loop_count; i++)
        if (!atomic_load(&app->loops[i].answered))
            return false;
    return true;
}

static void on_watch(struct loop_timer *timer) {
    struct app *app = container_of(timer, struct app, watch);
    if (all_answered(app)) {
        notify_say("WATCHDOG=1");
        for (uint32_t i = 0; i < app->loop_count; i++) {
            atomic_store(&app->loops[i].answered, false);
            app->loops[i].alive.run = on_alive;
            loop_post(app->loops[i].loop, &app->loops[i].alive);
        }
    }
    loop_timer_set(app->loops[0].loop, timer, loop_now_ns(app->loops[0].loop) + app->watch_ns);
}

void notify_watch(struct app *app) {
    uint64_t usec, pid;
    struct span pid_text = span_text(getenv("WATCHDOG_PID"));
    struct span usec_text = span_text(getenv("WATCHDOG_USEC"));
    if (span_absent(usec_text) || !span_to_u64(usec_text, &usec) || usec == 0 ||
        usec > UINT64_MAX / 1000)
        return;
    bool ours = span_absent(pid_text) ||
                (span_to_u64(pid_text, &pid) && pid == (uint64_t)getpid()) || app->heir.fd >= 0;
    if (!ours)
        return;
    for (uint32_t i = 0; i < app->loop_count; i++)
        atomic_store(&app->loops[i].answered, true);
    app->watch.fire = on_watch;
    app->watch_ns = usec * 1000 / 3; /* two may be missed */
    loop_timer_set(app->loops[0].loop, &app->watch,
                   loop_now_ns(app->loops[0].loop) + app->watch_ns);
}

void notify_unwatch(struct app *app) {
    if (loop_timer_armed(&app->watch))
        loop_timer_clear(app->loops[0].loop, &app->watch);
}
