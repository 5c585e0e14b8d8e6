/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/head.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* RFC 9110, 5.6.2. */
#define TOKEN                                                                                      \
    "!#$%&'*+-.^_`|~0123456789"                                                                    \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* The fields that matter here. `forward`: also to who answers. */
static const struct field {
    const char *name;
    size_t offset; /* of a const char * in struct head */
    bool forward;
} fields[] = {
    {"Host", offsetof(struct head, host), false},
    {"Authorization", offsetof(struct head, authorization), false},
    {"Sec-Fetch-Site", offsetof(struct head, sec_fetch_site), false},
    {"Sec-Fetch-Mode", offsetof(struct head, sec_fetch_mode), false},
    {"Sec-Fetch-Dest", offsetof(struct head, sec_fetch_dest), false},
    {"Accept", offsetof(struct head, accept), true},
    {"Accept-Encoding", offsetof(struct head, accept_encoding), true},
    {"If-None-Match", offsetof(struct head, if_none_match), true},
    {"Content-Length", offsetof(struct head, content_length), false},
    {"Transfer-Encoding", offsetof(struct head, transfer_encoding), false},
};

#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

static const char **value_of(struct head *head, const struct field *field)
{
    return (const char **)((char *)head + field->offset);
}

/* Controls but tab and the ends of lines have no place anywhere in a head: a TLS hello, the likes
 * of NULs and of binary protocols are known by them before any line ends. */
static bool is_text(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const unsigned char c = (unsigned char)bytes[i];

        if ((c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7f)
            return false;
        if (c == '\n' && (i == 0 || bytes[i - 1] != '\r'))
            return false;
        if (c == '\r' && i + 1 < size && bytes[i + 1] != '\n')
            return false;
    }
    return true;
}

static bool is_target(const char *target, size_t length)
{
    size_t arguments = 0;

    if (!length || target[0] != '/')
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!isgraph((unsigned char)target[i]) || target[i] == '#')
            return false;
        arguments += target[i] == '?' || target[i] == '&';
        if (target[i] != '%')
            continue;
        if (i + 2 >= length || !isxdigit((unsigned char)target[i + 1]) ||
            !isxdigit((unsigned char)target[i + 2]) || !strncmp(target + i, "%00", 3))
            return false;
    }
    return arguments <= HEAD_ARGUMENTS_MAX;
}

/* The parts of a request line, which is not changed. */
struct request_line {
    size_t method; /* length */
    const char *target;
    size_t target_length;
    char minor;
};

static int read_request_line(const char *line, size_t length, struct request_line *ret)
{
    const char *end = line + length, *version;

    ret->method = strspn(line, TOKEN);
    if (!ret->method || line[ret->method] != ' ')
        return -EBADMSG;
    ret->target = line + ret->method + 1;
    version = memchr(ret->target, ' ', (size_t)(end - ret->target));
    if (!version)
        return -EBADMSG;
    ret->target_length = (size_t)(version - ret->target);
    version++;
    if (end - version != (ptrdiff_t)strlen("HTTP/1.1") || strncmp(version, "HTTP/", 5) ||
        !isdigit((unsigned char)version[5]) || version[6] != '.' ||
        !isdigit((unsigned char)version[7]))
        return -EBADMSG;
    if (version[5] != '1' || version[7] > '1')
        return -EPROTONOSUPPORT;
    ret->minor = version[7];
    return is_target(ret->target, ret->target_length) ? 0 : -EBADMSG;
}

static const struct field *find_field(const char *name)
{
    for (size_t i = 0; i < N_FIELDS; i++)
        if (!strcasecmp(name, fields[i].name))
            return &fields[i];
    return NULL;
}

/* Without blanks around; cuts the text. */
static char *trim(char *text)
{
    char *end;

    text += strspn(text, " \t");
    end = text + strlen(text);
    while (end > text && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *end = '\0';
    return text;
}

/* Takes one line, which is terminated. A line that goes on the one before begins with a blank, and
 * so has no name. */
static int take_field(char *line, struct head *head)
{
    const size_t length = strspn(line, TOKEN);
    const struct field *field;
    const char **value;

    if (!length || line[length] != ':')
        return -EBADMSG;
    line[length] = '\0';
    field = find_field(line);
    if (!field)
        return 0;
    value = value_of(head, field);
    /* Lists may come in parts, of which the first will do; nothing else may be told twice. */
    if (*value)
        return field->forward ? 0 : -EBADMSG;
    *value = trim(line + length + 1);
    return 0;
}

static int take_fields(char *line, struct head *head)
{
    size_t n = 0;
    int r;

    while (line[0] != '\r') {
        char *end = strchrnul(line, '\r');

        if (++n > HEAD_FIELDS_MAX)
            return -EMSGSIZE;
        *end = '\0';
        r = take_field(line, head);
        if (r)
            return r;
        line = end + 2;
    }
    return 0;
}

int head_parse(char *bytes, size_t size, struct head *ret_head)
{
    struct request_line line = {};
    char *line_end, *end;
    int r;

    if (!is_text(bytes, size))
        return -EBADMSG;
    /* A bad first line is known as such without the rest: HTTP/0.9 has none. */
    line_end = memmem(bytes, size, "\r\n", 2);
    r = line_end ? read_request_line(bytes, (size_t)(line_end - bytes), &line) : 0;
    if (r)
        return r;
    end = line_end ? memmem(line_end, size - (size_t)(line_end - bytes), "\r\n\r\n", 4) : NULL;
    if (!end)
        return size < HEAD_MAX ? -EAGAIN : -EMSGSIZE;

    *ret_head = (struct head){
        .method = bytes,
        .target = line.target,
        .minor = (unsigned)(line.minor - '0'),
    };
    bytes[line.method] = '\0';
    bytes[line.target - bytes + line.target_length] = '\0';
    return take_fields(line_end + 2, ret_head);
}

bool head_has_body(const struct head *head)
{
    return head->transfer_encoding || (head->content_length && strcmp(head->content_length, "0"));
}

size_t head_write(const struct head *head, char ret_text[static HEAD_WRITTEN_MAX])
{
    size_t n = (size_t)snprintf(ret_text, HEAD_WRITTEN_MAX, "%s %s HTTP/1.1\r\nHost: x\r\n",
                                head->method, head->target);

    for (size_t i = 0; i < N_FIELDS && n < HEAD_WRITTEN_MAX; i++) {
        const char *value = *value_of((struct head *)head, &fields[i]);

        if (value && fields[i].forward)
            n += (size_t)snprintf(ret_text + n, HEAD_WRITTEN_MAX - n, "%s: %s\r\n", fields[i].name,
                                  value);
    }
    if (n < HEAD_WRITTEN_MAX)
        n += (size_t)snprintf(ret_text + n, HEAD_WRITTEN_MAX - n, "Connection: close\r\n\r\n");
    return n < HEAD_WRITTEN_MAX ? n : 0;
}
