/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page of text in columns: cells that are padded and cut, and a style where a terminal has one.
 * Whatever goes through a cell arrives as clean UTF-8.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define PAGE_WIDTH_DEFAULT 100
#define PAGE_WIDTH_MIN     70
#define PAGE_WIDTH_MAX     400

struct page {
    FILE *out;
    size_t width;  /* PAGE_WIDTH_MIN to PAGE_WIDTH_MAX */
    bool terminal; /* styles are understood */
    bool whole;    /* nothing is left off to be short */
};

enum page_style { PAGE_PLAIN, PAGE_BOLD, PAGE_DIM };

/* The style of what follows, until the next call. */
void page_style(const struct page *page, enum page_style style);

void page_spaces(const struct page *page, size_t n);

/* Text in at most `columns`. Returns the columns it took. */
size_t page_text(const struct page *page, size_t columns, const char *text);

/* Text in exactly `columns`, at their left or right end; nothing for no columns. */
void page_left(const struct page *page, size_t columns, const char *text);
void page_right(const struct page *page, size_t columns, const char *text);

#define LINE_SIZE 2048

/* A line in the making: what does not fit is left off. */
struct line {
    char text[LINE_SIZE];
    size_t used;
};

void line_add(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The line's words, indented and wrapped at the page's width, and a newline. Uses the line up. */
void page_line(const struct page *page, size_t indent, struct line *line);
