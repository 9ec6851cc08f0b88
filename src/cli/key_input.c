// SPDX-License-Identifier: Apache-2.0
/*
 * Reading secrets.
 *
 * Why not from argv: /proc shows it to every user of the machine, and shells write it down. On a terminal echo is switched off and comes back
 * also after an interrupt that ends the program in between. Promises: buffers are wiped. Leaves to others: what the key is for.
 */
#include "cli/key_input.h"

#include "base/check.h"
#include "cli/cli.h"
#include "config/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

bool key_input_on_command_line(int argc, char **argv) {
    for (int i = 0; i < argc; i++) {
        struct span argument = span_text(argv[i]);
        if (!span_is(argument, "--key") && !span_starts_with(argument, "--key="))
            continue;
        cli_complain("a key does not belong on the command line, where other users and the shell's "
                     "history see it: it is read from standard input, or with --key-file FILE");
        return true;
    }
    return false;
}

static bool read_all(int fd, const char *name, struct dynbuf *text) {
    char part[4096];
    ssize_t count;
    int err = 0;
    while (err == 0 && ((count = read(fd, part, sizeof part)) > 0 || (count < 0 && errno == EINTR)))
        if (count > 0)
            err = dynbuf_append(text, part, (size_t)count);
    secret_wipe(part, sizeof part);
    if (err < 0)
        cli_complain("%s is too large", name);
    else if (count < 0)
        cli_complain("%s cannot be read: %s", name, strerror(errno));
    return err == 0 && count == 0;
}

bool key_input_file(const char *path, struct dynbuf *text) {
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        cli_complain("%s cannot be opened: %s", path, strerror(errno));
        return false;
    }
    bool good = read_all(fd, standard ? "standard input" : path, text);
    if (!standard)
        (void)close(fd);
    return good;
}

static bool read_line(struct dynbuf *text) {
    char c = '\0';
    ssize_t count;
    while ((count = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n')
        if (dynbuf_append_char(text, c) < 0)
            return false;
    return count >= 0;
}

/* While a line is read without echo. */
static struct termios before;
static const int endings[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/* Its action is the usual one again: as soon as this returns, the program ends by it. */
static void on_ending(int number) {
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
    (void)raise(number);
}

static void watch_endings(struct sigaction *ret_usual) {
    struct sigaction restore = {.sa_flags = (int)SA_RESETHAND};
    restore.sa_handler = on_ending;
    (void)sigemptyset(&restore.sa_mask);
    for (size_t i = 0; i < array_length(endings); i++) {
        (void)sigaction(endings[i], NULL, &ret_usual[i]);
        if (ret_usual[i].sa_handler != SIG_IGN) /* nohup */
            (void)sigaction(endings[i], &restore, NULL);
    }
}

static bool ask_terminal(const char *what, struct dynbuf *text) {
    struct sigaction usual[array_length(endings)];
    struct termios silent;
    if (tcgetattr(STDIN_FILENO, &before) != 0)
        return read_line(text);
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    watch_endings(usual);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH,
                    &silent); /* before the question: what answers it is kept */
    (void)fprintf(stderr, "Key of %s (it is not shown): ", what);
    bool good = read_line(text);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    for (size_t i = 0; i < array_length(endings); i++)
        (void)sigaction(endings[i], &usual[i], NULL);
    (void)fputc('\n', stderr);
    return good;
}

bool key_input_read(const char *path, const char *what, struct secret **ret_key) {
    struct dynbuf text;
    dynbuf_init(&text, (size_t)2 * SECRET_MAX_BYTES);
    bool good = path != NULL || isatty(STDIN_FILENO) == 0
                    ? key_input_file(path != NULL ? path : "-", &text)
                    : ask_terminal(what, &text);
    struct span key = config_key_trim(dynbuf_span(&text));
    if (good && key.len == 0)
        cli_complain("there is no key in what was given");
    else if (good && secret_new(key, ret_key) < 0)
        cli_complain("what was given is too long for a key");
    if (text.data != NULL)
        secret_wipe(text.data, text.capacity);
    dynbuf_done(&text);
    return *ret_key != NULL;
}
