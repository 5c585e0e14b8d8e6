/* SPDX-License-Identifier: Apache-2.0 */
#include "ere_program.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

struct parser {
    const char *at;
    struct ere *ere;
    unsigned depth;
};

static int parse_branches(struct parser *parser);

static void add_byte(uint64_t set[static 4], unsigned char byte)
{
    set[byte / 64] |= 1ull << byte % 64;
}

static void invert(uint64_t set[static 4])
{
    for (size_t i = 0; i < 4; i++)
        set[i] = ~set[i];
}

static int emit(struct parser *parser, const struct step *step)
{
    if (parser->ere->n == ERE_PROGRAM_MAX)
        return -E2BIG;
    parser->ere->program[parser->ere->n++] = *step;
    return 0;
}

/* Makes room for one before what was written from `start` on, and puts it there. */
static int insert(struct parser *parser, size_t start, const struct step *step)
{
    struct step *place = &parser->ere->program[start];
    const size_t n = parser->ere->n - start;
    int r = emit(parser, step);

    if (r)
        return r;
    memmove(place + 1, place, n * sizeof(*place));
    *place = *step;
    return 0;
}

static int emit_fork(struct parser *parser, int one, int other)
{
    return emit(parser, &(struct step){.op = OP_FORK, .to = {(int16_t)one, (int16_t)other}});
}

static int insert_fork(struct parser *parser, size_t start, int one, int other)
{
    return insert(parser, start,
                  &(struct step){.op = OP_FORK, .to = {(int16_t)one, (int16_t)other}});
}

static int emit_jump(struct parser *parser, int to)
{
    return emit(parser, &(struct step){.op = OP_JUMP, .to = {(int16_t)to}});
}

static int emit_assertion(struct parser *parser, enum assertion assertion)
{
    return emit(parser, &(struct step){.op = OP_ASSERT, .assertion = (uint8_t)assertion});
}

static int emit_one(struct parser *parser, unsigned char byte)
{
    struct step step = {.op = OP_BYTES};

    add_byte(step.set, byte);
    return emit(parser, &step);
}

static int emit_kind(struct parser *parser, int (*is)(int c), bool word, bool inverted)
{
    struct step step = {.op = OP_BYTES};

    for (int c = 0; c < 0x80; c++)
        if (is(c) || (word && c == '_'))
            add_byte(step.set, (unsigned char)c);
    if (inverted)
        invert(step.set);
    return emit(parser, &step);
}

static int emit_any(struct parser *parser)
{
    struct step step = {.op = OP_BYTES};

    invert(step.set);
    return emit(parser, &step);
}

/* The name between "[:" and ":]" and the like; `mark` is the second of them. */
static int take_name(struct parser *parser, char mark, const char **ret_name, size_t *ret_length)
{
    const char close[] = {mark, ']', '\0'};
    const char *name = parser->at + 2, *end = *name ? strstr(name + 1, close) : NULL;

    if (!end)
        return -EINVAL;
    *ret_name = name;
    *ret_length = (size_t)(end - name);
    parser->at = end + 2;
    return 0;
}

/* "[:NAME:]": all that is of this kind. */
static int add_class(struct parser *parser, uint64_t set[static 4])
{
    static const struct {
        const char *name;
        int (*is)(int c);
    } classes[] = {
        {"alnum", isalnum}, {"alpha", isalpha}, {"blank", isblank}, {"cntrl", iscntrl},
        {"digit", isdigit}, {"graph", isgraph}, {"lower", islower}, {"print", isprint},
        {"punct", ispunct}, {"space", isspace}, {"upper", isupper}, {"xdigit", isxdigit},
    };
    const char *name;
    size_t length;
    int r = take_name(parser, ':', &name, &length);

    for (size_t i = 0; !r && i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (length != strlen(classes[i].name) || memcmp(name, classes[i].name, length) != 0)
            continue;
        for (int c = 0; c < 0x80; c++)
            if (classes[i].is(c))
                add_byte(set, (unsigned char)c);
        return 0;
    }
    return -EINVAL;
}

/* "[.x.]" and "[=x=]", of one byte each in the C locale. */
static int take_named_byte(struct parser *parser, char mark, unsigned char *ret_byte)
{
    const char *name;
    size_t length;
    int r = take_name(parser, mark, &name, &length);

    if (r || length != 1)
        return -EINVAL;
    *ret_byte = (unsigned char)*name;
    return 0;
}

static int add_equivalents(struct parser *parser, uint64_t set[static 4])
{
    unsigned char byte;
    int r = take_named_byte(parser, '=', &byte);

    if (!r)
        add_byte(set, byte);
    return r;
}

static bool is_class(const char *at)
{
    return at[0] == '[' && (at[1] == ':' || at[1] == '=');
}

/* Whether a range goes on from here: a '-' that is not the last of its brackets. */
static bool is_range(const char *at)
{
    return at[0] == '-' && at[1] && at[1] != ']';
}

/* One end of a range: a byte as it is, or "[.x.]", but no class. */
static int take_element(struct parser *parser, unsigned char *ret_byte)
{
    if (!*parser->at || is_class(parser->at))
        return -EINVAL;
    if (parser->at[0] == '[' && parser->at[1] == '.')
        return take_named_byte(parser, '.', ret_byte);
    *ret_byte = (unsigned char)*parser->at++;
    return 0;
}

static int add_range(struct parser *parser, uint64_t set[static 4])
{
    unsigned char first, last;
    int r = take_element(parser, &first);

    last = first;
    if (!r && is_range(parser->at)) {
        parser->at++;
        r = take_element(parser, &last);
    }
    if (r || first > last)
        return -EINVAL;
    for (unsigned c = first; c <= last; c++)
        add_byte(set, (unsigned char)c);
    return 0;
}

static int parse_bracket(struct parser *parser)
{
    struct step step = {.op = OP_BYTES};
    const bool inverted = *parser->at == '^';
    const char *start;
    int r = 0;

    parser->at += inverted;
    for (start = parser->at; !r && (*parser->at != ']' || parser->at == start);) {
        const bool class = is_class(parser->at);

        if (!class)
            r = add_range(parser, step.set);
        else if (parser->at[1] == ':')
            r = add_class(parser, step.set);
        else
            r = add_equivalents(parser, step.set);
        if (!r && class && is_range(parser->at))
            r = -EINVAL;
    }
    if (r)
        return r;
    parser->at++;
    if (inverted)
        invert(step.set);
    return emit(parser, &step);
}

/* What follows a backslash. */
static int parse_escape(struct parser *parser)
{
    const char c = *parser->at;

    if (!c || (c >= '1' && c <= '9'))
        return -EINVAL;
    parser->at++;
    switch (c) {
    case 'w':
    case 'W':
        return emit_kind(parser, isalnum, true, c == 'W');
    case 's':
    case 'S':
        return emit_kind(parser, isspace, false, c == 'S');
    case '<':
        return emit_assertion(parser, AT_WORD_START);
    case '>':
        return emit_assertion(parser, AT_WORD_END);
    case 'b':
        return emit_assertion(parser, AT_WORD_EDGE);
    case 'B':
        return emit_assertion(parser, AT_NO_WORD_EDGE);
    case '`':
        return emit_assertion(parser, AT_START);
    case '\'':
        return emit_assertion(parser, AT_END);
    default:
        return emit_one(parser, (unsigned char)c);
    }
}

// NOLINTNEXTLINE(misc-no-recursion): at most ERE_DEPTH_MAX deep
static int parse_group(struct parser *parser)
{
    int r;

    if (parser->depth == ERE_DEPTH_MAX)
        return -E2BIG;
    parser->depth++;
    r = parse_branches(parser);
    parser->depth--;
    if (r || *parser->at != ')')
        return r ? r : -EINVAL;
    parser->at++;
    return 0;
}

// NOLINTNEXTLINE(misc-no-recursion): as parse_group()
static int parse_atom(struct parser *parser)
{
    const char c = *parser->at++;

    switch (c) {
    case '(':
        return parse_group(parser);
    case '[':
        return parse_bracket(parser);
    case '\\':
        return parse_escape(parser);
    case '.':
        return emit_any(parser);
    case '^':
        return emit_assertion(parser, AT_START);
    case '$':
        return emit_assertion(parser, AT_END);
    case '*':
    case '+':
    case '?':
    case '{':
        return -EINVAL;
    default:
        return emit_one(parser, (unsigned char)c);
    }
}

static int take_number(struct parser *parser, int *ret_number)
{
    int number = 0;

    while (isdigit((unsigned char)*parser->at)) {
        number = number * 10 + *parser->at++ - '0';
        if (number > ERE_REPEAT_MAX)
            return -E2BIG;
    }
    *ret_number = number;
    return 0;
}

/* "n}", "n,}", ",m}" or "n,m}"; a maximum of -1 is none. */
static int take_bounds(struct parser *parser, int *ret_least, int *ret_most)
{
    const char *start = parser->at;
    int r = take_number(parser, ret_least);

    if (r)
        return r;
    *ret_most = *ret_least;
    if (*parser->at == ',') {
        parser->at++;
        *ret_most = -1;
        if (isdigit((unsigned char)*parser->at))
            r = take_number(parser, ret_most);
    } else if (parser->at == start) {
        return -EINVAL;
    }
    if (r)
        return r;
    if (*parser->at != '}' || (*ret_most >= 0 && *ret_most < *ret_least))
        return -EINVAL;
    parser->at++;
    return 0;
}

static int emit_copy(struct parser *parser, const struct step *part, size_t n)
{
    int r = 0;

    for (size_t i = 0; i < n && !r; i++)
        r = emit(parser, &part[i]);
    return r;
}

/* Lets what was written from `start` on be there or not. */
static int make_optional(struct parser *parser, size_t start)
{
    return insert_fork(parser, start, 1, (int)(parser->ere->n - start) + 1);
}

static int make_endless(struct parser *parser, size_t start)
{
    return emit_fork(parser, -(int)(parser->ere->n - start), 1);
}

/* Writes out what was written from `start` on so often. */
static int repeat(struct parser *parser, size_t start, int least, int most)
{
    const size_t n = parser->ere->n - start;
    AUTO_FREE struct step *part = calloc(n + 1, sizeof(*part));
    size_t last = start;
    int r = 0;

    if (!part)
        return -ENOMEM;
    memcpy(part, &parser->ere->program[start], n * sizeof(*part));
    parser->ere->n = start;
    for (int i = 0; i < least && !r; i++) {
        last = parser->ere->n;
        r = emit_copy(parser, part, n);
    }
    if (most < 0 && !least && !r)
        r = emit_copy(parser, part, n);
    if (most < 0 && !r)
        r = make_endless(parser, last);
    if (most < 0 && !least && !r)
        r = make_optional(parser, start);
    for (int i = least; i < most && !r; i++) {
        last = parser->ere->n;
        r = emit_copy(parser, part, n);
        if (!r)
            r = make_optional(parser, last);
    }
    return r;
}

static bool is_repetition(char c)
{
    return c == '*' || c == '+' || c == '?' || c == '{';
}

static int parse_repetition(struct parser *parser, size_t start)
{
    int least, most, r;

    switch (*parser->at++) {
    case '*':
        return repeat(parser, start, 0, -1);
    case '+':
        return repeat(parser, start, 1, -1);
    case '?':
        return repeat(parser, start, 0, 1);
    default:
        r = take_bounds(parser, &least, &most);
        return r ? r : repeat(parser, start, least, most);
    }
}

/* What stands for a place rather than for text, of which the library lets none be repeated. */
static bool is_assertion(const char *at)
{
    return *at == '^' || *at == '$' || (*at == '\\' && at[1] && strchr("<>bB`'", at[1]));
}

// NOLINTNEXTLINE(misc-no-recursion): as parse_group()
static int parse_branch(struct parser *parser)
{
    int r = 0;

    while (!r && *parser->at && *parser->at != '|' && (*parser->at != ')' || !parser->depth)) {
        const size_t start = parser->ere->n;
        const bool is_place = is_assertion(parser->at);

        r = parse_atom(parser);
        while (!r && is_repetition(*parser->at))
            r = is_place ? -EINVAL : parse_repetition(parser, start);
    }
    return r;
}

/* As deep as there are branches, too: ERE_PROGRAM_MAX bounds their number. */
// NOLINTNEXTLINE(misc-no-recursion)
static int parse_branches(struct parser *parser)
{
    const size_t start = parser->ere->n;
    size_t end;
    int r = parse_branch(parser);

    if (r || *parser->at != '|')
        return r;
    parser->at++;
    r = insert_fork(parser, start, 1, (int)(parser->ere->n - start) + 2);
    end = parser->ere->n;
    if (!r)
        r = emit_jump(parser, 0);
    if (!r)
        r = parse_branches(parser);
    if (!r)
        parser->ere->program[end].to[0] = (int16_t)(parser->ere->n - end);
    return r;
}

int ere_parse(const char *pattern, struct ere *ere)
{
    struct parser parser = {.at = pattern, .ere = ere};
    int r = parse_branches(&parser);

    return r ? r : emit(&parser, &(struct step){.op = OP_MATCH});
}
