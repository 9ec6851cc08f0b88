// SPDX-License-Identifier: Apache-2.0
/*
 * Status lines and dates.
 *
 * Why a cache: the date changes once a second, a busy loop answers thousands of times in between; each thread keeps the
 * line of its last second. Status lines come from a table, so that the common ones are one copy.
 * Promises: HTTP dates as of RFC 9110 section 5.6.7, always GMT, independent of locale. Leaves to others: which status to send.
 */
#include "base/check.h"
#include "http/header.h"

#include <stdio.h>
#include <time.h>

struct status {
    int code;
    const char *text;
};

static const struct status statuses[] = {
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {529, "Overloaded"},
};

const char *http_status_text(int status) {
    for (size_t i = 0; i < array_length(statuses); i++) {
        if (statuses[i].code == status)
            return statuses[i].text;
    }
    return "Status";
}

#define DATE_LINE_BYTES 37 /* "Date: Tue, 24 Nov 2026 18:00:33 GMT\r\n" */

struct date_line {
    time_t second;
    char text[DATE_LINE_BYTES + 1];
};

static const struct date_line *date_line(void) {
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static _Thread_local struct date_line line;
    time_t now = time(NULL);
    if (now == line.second)
        return &line;
    struct tm utc;
    check(gmtime_r(&now, &utc) != NULL);
    char text[64];
    int length = snprintf(text, sizeof text, "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n",
                          days[utc.tm_wday], utc.tm_mday, months[utc.tm_mon], utc.tm_year + 1900,
                          utc.tm_hour, utc.tm_min, utc.tm_sec);
    check(length == DATE_LINE_BYTES);
    memcpy(line.text, text, sizeof line.text);
    line.second = now;
    return &line;
}

int http_write_status(struct dynbuf *out, int status) {
    check(status >= 100 && status <= 999);
    const char *reason = http_status_text(status);
    size_t reason_bytes = strlen(reason);
    size_t length = sizeof "HTTP/1.1 200 \r\n" - 1 + reason_bytes + DATE_LINE_BYTES;
    int err = dynbuf_reserve(out, length);
    if (err < 0)
        return err;
    char *tail = dynbuf_tail(out);
    memcpy(tail, "HTTP/1.1 ", 9);
    tail[9] = (char)('0' + status / 100);
    tail[10] = (char)('0' + status / 10 % 10);
    tail[11] = (char)('0' + status % 10);
    tail[12] = ' ';
    memcpy(tail + 13, reason, reason_bytes);
    memcpy(tail + 13 + reason_bytes, "\r\n", 2);
    memcpy(tail + 15 + reason_bytes, date_line()->text, DATE_LINE_BYTES);
    dynbuf_grew(out, length);
    return 0;
}

int http_write_status_undated(struct dynbuf *out, int status) {
    int err = http_write_status(out, status);
    if (err == 0)
        out->len -= DATE_LINE_BYTES;
    return err;
}
