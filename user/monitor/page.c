/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cells and lines of a page of text.
 */
#include "monitor/page.h"

#include <stdarg.h>
#include <string.h>

#include "utf8.h"

#define WRAP_INDENT 2 /* of a line that goes on */

void page_style(const struct page *page, enum page_style style)
{
    static const char *const sequences[] = {
        [PAGE_PLAIN] = "\033[0m",
        [PAGE_BOLD] = "\033[1m",
        [PAGE_DIM] = "\033[2m",
    };

    if (page->terminal)
        fputs(sequences[style], page->out);
}

void page_spaces(const struct page *page, size_t n)
{
    fprintf(page->out, "%*s", (int)n, "");
}

size_t page_text(const struct page *page, size_t columns, const char *text)
{
    char fitted[PAGE_WIDTH_MAX * UTF8_CHAR_MAX + 1];
    size_t taken;

    if (columns == 0)
        return 0;
    if (columns > PAGE_WIDTH_MAX)
        columns = PAGE_WIDTH_MAX;
    taken = utf8_fit(text, columns, fitted, sizeof(fitted));
    fputs(fitted, page->out);
    return taken;
}

void page_left(const struct page *page, size_t columns, const char *text)
{
    page_spaces(page, columns - page_text(page, columns, text));
}

void page_right(const struct page *page, size_t columns, const char *text)
{
    size_t taken = utf8_columns(text);

    if (taken < columns)
        page_spaces(page, columns - taken);
    page_text(page, columns, text);
}

void line_add(struct line *line, const char *format, ...)
{
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = vsnprintf(line->text + line->used, LINE_SIZE - line->used, format, arguments);
    va_end(arguments);
    if (n > 0)
        line->used += (size_t)n;
    if (line->used >= LINE_SIZE)
        line->used = LINE_SIZE - 1;
}

/* Writes one word and the blank before it, on a new line where this one is full. */
static void write_word(const struct page *page, size_t indent, size_t *column, const char *word)
{
    size_t columns = utf8_columns(word);

    if (*column > indent && *column + 1 + columns > page->width) {
        putc('\n', page->out);
        page_spaces(page, indent + WRAP_INDENT);
        *column = indent + WRAP_INDENT;
    } else if (*column > indent) {
        putc(' ', page->out);
        *column += 1;
    }
    *column += page_text(page, page->width - *column, word);
}

void page_line(const struct page *page, size_t indent, struct line *line)
{
    size_t column = indent;
    char *rest = NULL;

    page_spaces(page, indent);
    for (char *word = strtok_r(line->text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        write_word(page, indent, &column, word);
    putc('\n', page->out);
}
