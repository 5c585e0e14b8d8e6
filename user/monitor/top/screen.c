/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal, through curses. SIGWINCH and SIGTSTP come by a signalfd: curses' own handlers would
 * leave a moment in which a change is missed, and kill(), which they use, is not allowed here.
 */
#include "screen.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <wchar.h>

#include "cleanup.h"
#include "utf8.h"

#define ESCAPE_MS        25 /* that what follows an escape may take to be a key */
#define KEY_CTRL(letter) ((letter)&0x1f)
#define DEFAULT_COLOR    (-1)

struct screen {
    SCREEN *curses;
    int signal_fd;
    bool unicode;
    bool colors;
};

static const struct {
    attr_t plain; /* without colours */
    attr_t with;  /* colours */
    short front;
    short back;
} styles[STYLE_MAX] = {
    [STYLE_PLAIN] = {A_NORMAL, A_NORMAL, DEFAULT_COLOR, DEFAULT_COLOR},
    [STYLE_BOLD] = {A_BOLD, A_BOLD, DEFAULT_COLOR, DEFAULT_COLOR},
    [STYLE_DIM] = {A_DIM, A_DIM, DEFAULT_COLOR, DEFAULT_COLOR},
    [STYLE_HEAD] = {A_UNDERLINE, A_NORMAL, COLOR_BLACK, COLOR_GREEN},
    [STYLE_SORTED] = {A_UNDERLINE | A_BOLD, A_BOLD, COLOR_BLACK, COLOR_CYAN},
    [STYLE_SELECTED] = {A_REVERSE, A_REVERSE, DEFAULT_COLOR, DEFAULT_COLOR},
    [STYLE_KEY] = {A_REVERSE, A_NORMAL, COLOR_BLACK, COLOR_CYAN},
    [STYLE_NOTICE] = {A_BOLD, A_BOLD, COLOR_YELLOW, DEFAULT_COLOR},
    [STYLE_ALARM] = {A_BOLD | A_REVERSE, A_BOLD, COLOR_RED, DEFAULT_COLOR},
    [STYLE_WAITERS] = {A_NORMAL, A_NORMAL, COLOR_YELLOW, DEFAULT_COLOR},
    [STYLE_RESIDENT] = {A_NORMAL, A_NORMAL, COLOR_CYAN, DEFAULT_COLOR},
    [STYLE_CPU] = {A_NORMAL, A_NORMAL, COLOR_GREEN, DEFAULT_COLOR},
    [STYLE_NETWORK] = {A_NORMAL, A_NORMAL, COLOR_MAGENTA, DEFAULT_COLOR},
};

/* https://no-color.org: set and not empty. */
static void prepare_colors(struct screen *screen)
{
    const char *no_color = getenv("NO_COLOR");

    screen->colors = has_colors() && !(no_color && *no_color) && start_color() == OK;
    if (!screen->colors)
        return;
    use_default_colors();
    for (int i = 1; i < STYLE_MAX; i++)
        init_pair((short)i, styles[i].front, styles[i].back);
}

static void prepare_keys(void)
{
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(ESCAPE_MS);
    curs_set(0);
}

/* After curses, which takes a signal that is not ignored for one that it has to handle. */
static int open_signals(void)
{
    sigset_t signals;
    int fd;

    sigemptyset(&signals);
    sigaddset(&signals, SIGWINCH);
    sigaddset(&signals, SIGTSTP);
    if (sigprocmask(SIG_BLOCK, &signals, NULL))
        return -errno;
    signal(SIGTSTP, SIG_DFL);
    fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

int screen_new(struct screen **ret_screen)
{
    CLEANUP(screen_free) struct screen *screen = calloc(1, sizeof(*screen));

    if (!screen)
        return -ENOMEM;
    screen->signal_fd = -1;
    setlocale(LC_CTYPE, "");
    screen->unicode = !strcmp(nl_langinfo(CODESET), "UTF-8");
    screen->curses = newterm(NULL, stdout, stdin);
    if (!screen->curses)
        return -ENOTTY;
    prepare_colors(screen);
    prepare_keys();
    screen->signal_fd = open_signals();
    if (screen->signal_fd < 0)
        return screen->signal_fd;
    *ret_screen = TAKE_PTR(screen);
    return 0;
}

void screen_free(struct screen **screen)
{
    if (!*screen)
        return;
    if ((*screen)->curses) {
        endwin();
        delscreen((*screen)->curses);
    }
    if ((*screen)->signal_fd >= 0)
        close((*screen)->signal_fd);
    free(*screen);
    *screen = NULL;
}

void screen_fds(const struct screen *screen, int ret_fds[static 2])
{
    ret_fds[0] = STDIN_FILENO;
    ret_fds[1] = screen->signal_fd;
}

static enum input_kind key_kind(wint_t key)
{
    static const struct {
        wint_t key;
        enum input_kind kind;
    } keys[] = {
        {KEY_ENTER, INPUT_ENTER},   {KEY_BACKSPACE, INPUT_BACKSPACE}, {KEY_UP, INPUT_UP},
        {KEY_DOWN, INPUT_DOWN},     {KEY_LEFT, INPUT_LEFT},           {KEY_RIGHT, INPUT_RIGHT},
        {KEY_PPAGE, INPUT_PAGE_UP}, {KEY_NPAGE, INPUT_PAGE_DOWN},     {KEY_HOME, INPUT_HOME},
        {KEY_END, INPUT_END},       {KEY_BTAB, INPUT_PREVIOUS},
    };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (keys[i].key == key)
            return keys[i].kind;
    return INPUT_OTHER;
}

static enum input_kind character_kind(wint_t character)
{
    switch (character) {
    case '\r':
    case '\n':
        return INPUT_ENTER;
    case '\t':
        return INPUT_NEXT;
    case '\b':
    case 0x7f:
        return INPUT_BACKSPACE;
    case 0x1b:
        return INPUT_ESCAPE;
    case KEY_CTRL('U'):
        return INPUT_CLEAR;
    case KEY_CTRL('L'):
        return INPUT_REDRAW;
    default:
        return character < ' ' ? INPUT_OTHER : INPUT_CHARACTER;
    }
}

int screen_read(struct screen *screen, struct input *ret_input)
{
    wint_t key;
    int r = get_wch(&key);

    (void)screen;
    if (r == ERR)
        return 0;
    *ret_input = (struct input){.kind = r == KEY_CODE_YES ? key_kind(key) : character_kind(key),
                                .character = key};
    return 1;
}

/* Whoever started it may have let it go on in the background: then the terminal is not ours. */
static void stop(void)
{
    endwin();
    do
        raise(SIGSTOP);
    while (tcgetpgrp(STDIN_FILENO) != getpgrp());
}

int screen_signals(struct screen *screen, bool *ret_changed)
{
    struct signalfd_siginfo info;
    struct winsize size;
    bool any = false;

    while (read(screen->signal_fd, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGTSTP)
            stop();
        any = true;
    }
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
        return -errno;
    if (any && size.ws_row > 0 && size.ws_col > 0)
        resizeterm(size.ws_row, size.ws_col);
    *ret_changed = any;
    return 0;
}

void screen_size(const struct screen *screen, unsigned *ret_rows, unsigned *ret_columns)
{
    (void)screen;
    *ret_rows = LINES > 0 ? (unsigned)LINES : 1;
    *ret_columns = COLS > 0 ? (unsigned)COLS : 1;
}

static void show_cell(const struct screen *screen, int row, int column, const struct cell *cell)
{
    attr_t attributes = screen->colors ? styles[cell->style].with : styles[cell->style].plain;
    short pair = (short)(screen->colors ? cell->style : 0);
    wchar_t text[2] = {(wchar_t)cell->character, L'\0'};
    cchar_t character;

    if (cell->character == 0 && screen->unicode)
        return; /* the right half of a wide one */
    if (!screen->unicode)
        text[0] = (unsigned char)canvas_ascii(cell->character ? cell->character : ' ');
    else if (wcwidth(text[0]) < 0)
        text[0] = UTF8_REPLACEMENT; /* curses would show it by other characters */
    if (setcchar(&character, text, attributes, pair, NULL) == OK)
        mvadd_wch(row, column, &character);
}

void screen_show(struct screen *screen, const struct canvas *canvas, bool anew)
{
    erase();
    for (unsigned row = 0; row < canvas->rows; row++)
        for (unsigned column = 0; column < canvas->columns; column++)
            show_cell(screen, (int)row, (int)column, canvas_cell(canvas, row, column));
    if (anew)
        clearok(curscr, TRUE);
    refresh();
}
